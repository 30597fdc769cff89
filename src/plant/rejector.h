#pragma once
// The mechanical side of a rejector: which bottle stands in front of it when its coil is pulsed. No input or output.
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "plant/bottle_scene.h"

namespace lineside::plant {

// A bottle on its way from the camera to the rejector.
struct Passage {
  std::uint64_t bottle = 0;
  BottleClass bottle_class = BottleClass::good;
  bool sent = false;    // its picture was given to the stream
  bool filmed = false;  // ... while a viewer was playing it
  MonoTime at_camera{};
  WallTime at_camera_wall{};
};

// What became of it.
struct Outcome {
  Passage passage;
  bool hit = false;         // by a pulse
  bool safe_state = false;  // removed because everything was being rejected
  double hit_ms = 0;        // the pulse against the middle of the bottle, late is positive
  std::uint32_t item = 0;   // what stood in the item registers at the pulse, 0 if nothing
};

// A pulse with no bottle in front of the rejector.
struct Miss {
  MonoTime at{};
  std::uint32_t item = 0;
  std::optional<double> nearest_ms;  // distance to the nearest bottle, if there is one on the belt
};

// Thread-safe.
class Rejector {
 public:
  // A pulse within half of `window` around (at_camera + delay) hits that bottle.
  Rejector(nanoseconds delay, nanoseconds window) : delay_(delay), window_(window) {}

  void expect(const Passage& passage);  // in the order of at_camera
  void pulse(MonoTime at, std::uint32_t item);
  void set_safe(bool on);
  bool safe() const;
  // The bottles that have left the rejector by `now`, in order; each is given once.
  std::vector<Outcome> take_gone(MonoTime now);
  std::vector<Miss> take_misses();

 private:
  const nanoseconds delay_, window_;
  mutable std::mutex mutex_;
  std::deque<Outcome> belt_;  // as long as delay / period
  std::vector<Miss> misses_;  // taken with each bottle; at most kMissesMax kept
  bool safe_ = false;
};

}  // namespace lineside::plant
