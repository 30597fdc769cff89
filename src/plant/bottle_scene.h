#pragma once
// What the simulated camera sees: the neck of one bottle with its cap, drawn so that no two pictures are alike.
// Varied from bottle to bottle: position, size, cap angle, liquid level, reflections, droplets, dirt, blur, noise;
// slowly along the line: brightness and colour of the light. Nothing in a picture names its bottle.
#include <cstdint>
#include <memory>
#include <string_view>

#include "model/image.h"

namespace lineside::plant {

enum class BottleClass : std::uint8_t { good, cap_tilted, cap_missing, cap_wrong_colour };
inline constexpr int kBottleClasses = 4;
std::string_view to_string(BottleClass bottle_class);

struct SceneSettings {
  int width = 320, height = 240;
  double noise = 4;  // standard deviation, grey levels of 255
  double blur_px = 0.6;
  double light_drift = 0.15;  // slow change of brightness, share of full
  std::uint64_t seed = 1;     // of the line: same seed, same bottles, same pictures
};

// The class of a line's bottle: a defect with probability `defect_share`, the three defects alike often.
BottleClass class_of(std::uint64_t seed, std::uint64_t bottle, double defect_share);

// Owner thread only. The same settings, bottle and class always give the same picture.
class BottleScene {
 public:
  explicit BottleScene(const SceneSettings& settings);
  ~BottleScene();
  BottleScene(BottleScene&&) noexcept;
  BottleScene& operator=(BottleScene&&) noexcept;
  // Draws into `picture`, whose memory is used again when it has the scene's size already. RGB.
  void draw(std::uint64_t bottle, BottleClass bottle_class, Image& picture);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lineside::plant
