#include "gateway/inspection/thread_setup.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#if defined(__SSE__)
#include <immintrin.h>
#endif

namespace lineside::gateway {
namespace {

void flush_denormals_to_zero() {
#if defined(__SSE__)
  _mm_setcsr(_mm_getcsr() | 0x8040U);  // FTZ and DAZ
#elif defined(__aarch64__)
  unsigned long control = 0;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" ::"r"(control | (1UL << 24)));  // FZ
#endif
}

}  // namespace

bool set_up_this_thread(const ThreadSetup& setup) {
  bool all = true;
  pthread_setname_np(pthread_self(), setup.name.substr(0, 15).c_str());
  // The default slack lets a timer of a normal thread come 50 us late.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  if (setup.cpu >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<std::size_t>(setup.cpu), &cores);
    all = pthread_setaffinity_np(pthread_self(), sizeof cores, &cores) == 0;
  }
  if (setup.realtime_priority > 0) {
    sched_param parameters{};
    parameters.sched_priority = setup.realtime_priority;
    all = pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0 && all;
  }
  if (setup.flush_denormals) flush_denormals_to_zero();
  return all;
}

}  // namespace lineside::gateway
