#pragma once
// Tests only, in one source of a test program: stands before the system's getaddrinfo, also for the libraries that the
// program uses. Names below .hangs.test are not answered before the test lets them go.
#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>

namespace lineside::testing {

struct HangingNames {
  std::atomic<bool> hang{false};
  std::atomic<int> waiting{0};
};

inline HangingNames& hanging_names() {
  static HangingNames names;
  return names;
}

// Makes names hang for as long as it lives, and waits at the end until nobody hangs any more.
class NamesHang {
 public:
  NamesHang() { hanging_names().hang = true; }
  ~NamesHang() {
    hanging_names().hang = false;
    while (hanging_names().waiting > 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
};

}  // namespace lineside::testing

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  using lineside::testing::hanging_names;
  if (node != nullptr && std::string_view(node).ends_with(".hangs.test")) {
    ++hanging_names().waiting;
    while (hanging_names().hang) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    --hanging_names().waiting;
    return EAI_NONAME;
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto system = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return system(node, service, hints, result);
}
