#pragma once
// Changed copies of a picture, so that few pictures teach what may vary: light, colour, blur, noise, position,
// rotation, scale and mirror images.
#include <cstddef>
#include <span>

#include "training/dataset.h"
#include "training/random.h"

namespace lineside::training {

// What may vary without making an item another one; measured from the good pictures by measure_pose().
struct AugmentSpec {
  double rotation_deg = 10, shift = 0.06, scale = 0.08;  // shift as a fraction of the side, scale as exp(+-scale)
  bool mirror_horizontal = false, mirror_vertical = false;
  double light = 0.2, noise = 0.02, blur_share = 0.3;
};

// How items lie: mirror images and free rotation are allowed only if the good pictures look as much like each other's
// mirrored (rotated) selves as like each other. Items that always lie the same way keep their orientation, which then
// is evidence.
AugmentSpec measure_pose(const Dataset& data);

// Owner thread only.
class Augmenter {
 public:
  Augmenter(const Dataset& data, const AugmentSpec& spec) : data_(data), spec_(spec) {}
  // A changed copy of an item as the network's input: planes of (value / 255 - mean) * scale.
  void make(std::size_t item, Random& random, std::span<float> out) const;

 private:
  const Dataset& data_;
  AugmentSpec spec_;
};

// The item as it is, as the network's input.
void plain_input(const Dataset& data, std::size_t item, std::span<float> out);

}  // namespace lineside::training
