#pragma once
// A unique_ptr for what a C library makes and one of its functions frees: Owned<gpiod_chip, gpiod_chip_close>.
#include <memory>

namespace lineside {

template <auto Free>
struct FreedBy {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

template <class T, auto Free>
using Owned = std::unique_ptr<T, FreedBy<Free>>;

}  // namespace lineside
