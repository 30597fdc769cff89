#pragma once
// For loops over many samples or pixels. On x86-64 a function marked so exists twice: for AVX2 and for any CPU; which
// one runs is chosen at its first call. Both give the same bits as long as no multiplication is fused with an addition,
// which neither does. clang (clang-tidy) does not know all of these attributes; a sanitizer's build takes the one for
// any CPU, so that it is tested, too.
#if defined(__x86_64__) && !defined(__clang__) && !defined(LINESIDE_SANITIZE)
#define LINESIDE_FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define LINESIDE_FOR_EACH_CPU
#endif
