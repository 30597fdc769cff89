#pragma once
// Every program is refused before it begins when `ulimit -v` leaves it too little: the linear algebra library below
// OpenCV, where a system has OpenBLAS, asks for memory again and again without end while it is loaded.
#include <cstdint>

namespace lineside::cli {

inline constexpr std::uint64_t kAddressSpaceMin = 512u << 20;

// Whether this build checks it; sanitizers need room without end, and their libraries come first.
bool checks_address_space();

}  // namespace lineside::cli
