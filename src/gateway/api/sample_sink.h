#pragma once
// Where a station offers pictures that are worth keeping. src/gateway/samples stands behind it.
#include <cstdint>
#include <string_view>

#include "model/image.h"
#include "model/verdict.h"

namespace lineside::gateway {

enum class SampleWhy : std::uint8_t { no, reject, near_threshold, random_pass, fail_safe };

// One per station. Thread-safe.
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  // Is a picture of this item wanted, and why? Called on the hot path: no lock, no allocation, no disk.
  virtual SampleWhy wants(Decision decision, Reason reason, float score, float threshold) = 0;
  // Copies the pixels into a bounded queue; a full queue drops and counts the picture. Not for the hot path.
  virtual void offer(const Verdict& verdict, std::string_view label, SampleWhy why, const ImageView& image) = 0;
};

}  // namespace lineside::gateway
