#pragma once
// What a station says of one item, and when each step of it happened (laws 1 and 2).
#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace lineside {

enum class Decision : std::uint8_t { pass, reject };

enum class Reason : std::uint8_t {
  score,           // the model's score against the bundle's threshold
  doubt,           // inside the "reject on doubt" band
  vote,            // k of n cameras
  fail_late,       // the fail-safe verdict: the model's answer came after the deadline
  fail_no_frame,   // the fail-safe verdict: no frame came for the trigger
  fail_overload,   // the fail-safe verdict: the station's queue was full
  fail_inference,  // the fail-safe verdict: the model or its preprocessing failed
  fail_camera,     // the fail-safe verdict: camera down, or frame of another size
};
const char* to_string(Decision decision);
const char* to_string(Reason reason);
constexpr bool is_fail_safe(Reason reason) { return reason >= Reason::fail_late; }

// The moments of one item, in the order they happen. Zero: did not happen.
struct Stamps {
  MonoTime trigger{};     // the item passed the sensor (or the frame was taken, when every frame is an item)
  MonoTime exposure{};    // the picture was taken, or received when the camera does not say
  MonoTime preprocess{};  // the tensor was ready
  MonoTime inference{};   // the model answered
  MonoTime decision{};    // the verdict was fixed
  MonoTime actuation{};   // the actuator was commanded (rejects only)
};

struct Verdict {
  std::uint64_t item = 0;  // counts up by one per trigger of this station since its ledger began; never reused
  Decision decision = Decision::reject;
  Reason reason = Reason::score;
  float score = 0;          // 0..1 after calibration, higher: more surely a reject; NaN for fail-safe verdicts
  std::int16_t label = -1;  // index into the bundle's labels, -1 unknown
  bool deadline_met = false;
  bool actuated = false;  // the actuator confirmed (read-back where it has one)
  MonoTime deadline{};
  WallTime time{};  // of the trigger
  Stamps stamps{};
};

}  // namespace lineside
