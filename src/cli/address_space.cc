#include "cli/address_space.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstring>

#include "base/result.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define LINESIDE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LINESIDE_SANITIZED 1
#endif

namespace lineside::cli {

#if defined(LINESIDE_SANITIZED)

bool checks_address_space() { return false; }

#else

bool checks_address_space() { return true; }

namespace {

// Nothing is initialized yet, not even the C++ library: only the simplest calls.
void check_address_space(int, char**, char**) {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur >= kAddressSpaceMin) return;
  static constexpr char kWhy[] =
      "limit.reached: less than 512 MiB of address space are allowed (ulimit -v, LimitAS=); this program needs more to "
      "begin\n  What to do: raise that limit, or bound resident memory instead (systemd: MemoryMax=).\n";
  if (write(STDERR_FILENO, kWhy, sizeof kWhy - 1) < 0) _exit(exit_code(ErrorCode::limit_reached));
  _exit(exit_code(ErrorCode::limit_reached));
}

// The loader calls what stands here before the constructors of any library.
[[gnu::used, gnu::section(".preinit_array")]] void (*before_libraries)(int, char**, char**) = check_address_space;

}  // namespace

#endif

}  // namespace lineside::cli
