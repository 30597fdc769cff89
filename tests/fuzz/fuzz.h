#pragma once
// A fuzz target: one *_fuzz.cc with LLVMFuzzerTestOneInput, which aborts when a promise is broken, and seeds(). Built
// by clang it is a libFuzzer program; by any other compiler driver.cc damages the seeds at random.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace lineside::fuzz {

using Bytes = std::vector<std::uint8_t>;

// Good inputs, which both ways of fuzzing start from.
std::vector<Bytes> seeds();

inline void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace lineside::fuzz
