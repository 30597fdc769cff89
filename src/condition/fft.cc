#include "condition/fft.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

#include "base/cpu.h"

namespace lineside::condition {
namespace {

#define LINESIDE_INLINE [[gnu::always_inline]] inline

constexpr std::size_t kLanes = 8;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
constexpr double kTurn = 2 * std::numbers::pi;

template <class T>
LINESIDE_INLINE void load(T& value, const float* from) {
  __builtin_memcpy(&value, from, sizeof value);
}
template <class T>
LINESIDE_INLINE void store(float* to, const T& value) {
  __builtin_memcpy(to, &value, sizeof value);
}

// The transform of R numbers; T: one float or lanes of them.
template <std::size_t R, class T>
LINESIDE_INLINE void butterfly(T (&re)[R], T (&im)[R]) {
  if constexpr (R == 2) {
    const T r = re[0] - re[1], i = im[0] - im[1];
    re[0] += re[1], im[0] += im[1];
    re[1] = r, im[1] = i;
  } else if constexpr (R == 3) {
    constexpr float kSine = 0.866025403784438647F;
    const T sum_r = re[1] + re[2], sum_i = im[1] + im[2];
    const T turned_r = (re[1] - re[2]) * kSine, turned_i = (im[1] - im[2]) * kSine;
    const T middle_r = re[0] - sum_r * 0.5F, middle_i = im[0] - sum_i * 0.5F;
    re[0] += sum_r, im[0] += sum_i;
    re[1] = middle_r + turned_i, im[1] = middle_i - turned_r;
    re[2] = middle_r - turned_i, im[2] = middle_i + turned_r;
  } else if constexpr (R == 4) {
    const T even_r = re[0] + re[2], even_i = im[0] + im[2], even_less_r = re[0] - re[2], even_less_i = im[0] - im[2];
    const T odd_r = re[1] + re[3], odd_i = im[1] + im[3], odd_less_r = re[1] - re[3], odd_less_i = im[1] - im[3];
    re[0] = even_r + odd_r, im[0] = even_i + odd_i;
    re[2] = even_r - odd_r, im[2] = even_i - odd_i;
    re[1] = even_less_r + odd_less_i, im[1] = even_less_i - odd_less_r;
    re[3] = even_less_r - odd_less_i, im[3] = even_less_i + odd_less_r;
  } else {
    static_assert(R == 5);
    constexpr float kCos1 = 0.309016994374947424F, kCos2 = -0.809016994374947424F, kSin1 = 0.951056516295153572F,
                    kSin2 = 0.587785252292473129F;
    const T sum1_r = re[1] + re[4], sum1_i = im[1] + im[4], sum2_r = re[2] + re[3], sum2_i = im[2] + im[3];
    const T less1_r = re[1] - re[4], less1_i = im[1] - im[4], less2_r = re[2] - re[3], less2_i = im[2] - im[3];
    const T near_r = re[0] + sum1_r * kCos1 + sum2_r * kCos2, near_i = im[0] + sum1_i * kCos1 + sum2_i * kCos2;
    const T far_r = re[0] + sum1_r * kCos2 + sum2_r * kCos1, far_i = im[0] + sum1_i * kCos2 + sum2_i * kCos1;
    const T turn1_r = less1_r * kSin1 + less2_r * kSin2, turn1_i = less1_i * kSin1 + less2_i * kSin2;
    const T turn2_r = less1_r * kSin2 - less2_r * kSin1, turn2_i = less1_i * kSin2 - less2_i * kSin1;
    re[0] += sum1_r + sum2_r, im[0] += sum1_i + sum2_i;
    re[1] = near_r + turn1_i, im[1] = near_i - turn1_r;
    re[4] = near_r - turn1_i, im[4] = near_i + turn1_r;
    re[2] = far_r + turn2_i, im[2] = far_i - turn2_r;
    re[3] = far_r - turn2_i, im[3] = far_i + turn2_r;
  }
}

struct Pass {
  std::size_t stride, rest;
  const float *turns, *from_re, *from_im;
  const std::uint32_t* place;
  float *to_re, *to_im;
};

// Strides of a vector's length and more: neighbours have the same factors and stay neighbours. The last vector of a row
// may do a part of the one before it again.
template <std::size_t R>
LINESIDE_INLINE void wide(const Pass& p) {
  const std::size_t apart = p.stride * p.rest;
  for (std::size_t row = 0; row < p.rest; ++row) {
    const float* turn = p.turns + 2 * (R - 1) * row;
    for (std::size_t at = 0; at < p.stride; at += kLanes) {
      const std::size_t q = at + kLanes <= p.stride ? at : p.stride - kLanes;
      const std::size_t in = p.stride * row + q, out = p.stride * R * row + q;
      Lanes re[R], im[R];
      for (std::size_t j = 0; j < R; ++j)
        load(re[j], p.from_re + in + j * apart), load(im[j], p.from_im + in + j * apart);
      butterfly(re, im);
      store(p.to_re + out, re[0]), store(p.to_im + out, im[0]);
      for (std::size_t k = 1; k < R; ++k) {
        const float c = turn[2 * (k - 1)], s = turn[2 * (k - 1) + 1];
        const Lanes r = re[k] * c - im[k] * s, i = re[k] * s + im[k] * c;
        store(p.to_re + out + k * p.stride, r), store(p.to_im + out + k * p.stride, i);
      }
    }
  }
}

// Narrower ones: each sample has its factor and its place.
template <std::size_t R, class T>
LINESIDE_INLINE void narrow_at(const Pass& p, std::size_t i) {
  constexpr std::size_t kCount = sizeof(T) / sizeof(float);
  const std::size_t apart = p.stride * p.rest;
  T re[R], im[R];
  for (std::size_t j = 0; j < R; ++j) load(re[j], p.from_re + i + j * apart), load(im[j], p.from_im + i + j * apart);
  butterfly(re, im);
  float all_re[R][kCount], all_im[R][kCount];
  store(all_re[0], re[0]), store(all_im[0], im[0]);
  for (std::size_t k = 1; k < R; ++k) {
    T c, s;
    load(c, p.turns + 2 * (k - 1) * apart + i), load(s, p.turns + (2 * (k - 1) + 1) * apart + i);
    const T turned_re = re[k] * c - im[k] * s, turned_im = re[k] * s + im[k] * c;
    store(all_re[k], turned_re), store(all_im[k], turned_im);
  }
  for (std::size_t lane = 0; lane < kCount; ++lane) {
    const std::size_t to = p.place[i + lane];
    for (std::size_t k = 0; k < R; ++k)
      p.to_re[to + k * p.stride] = all_re[k][lane], p.to_im[to + k * p.stride] = all_im[k][lane];
  }
}

template <std::size_t R>
LINESIDE_INLINE void narrow(const Pass& p) {
  const std::size_t count = p.stride * p.rest;
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) narrow_at<R, Lanes>(p, i);
  for (; i < count; ++i) narrow_at<R, float>(p, i);
}

template <std::size_t R>
LINESIDE_INLINE void pass(const Pass& p) {
  if (p.stride < kLanes)
    narrow<R>(p);
  else
    wide<R>(p);
}

LINESIDE_FOR_EACH_CPU void pass_of(std::size_t radix, const Pass& p) {
  if (radix == 2) return pass<2>(p);
  if (radix == 3) return pass<3>(p);
  if (radix == 4) return pass<4>(p);
  pass<5>(p);
}

// The real transform from the complex one of half the length (even samples as real parts, odd ones as imaginary):
// bins k and size / 2 - k together. `mirrored` reads and writes the latter, whose vectors run backwards.
struct Split {
  float *re, *im;
  const float *cosine, *sine;
  std::size_t half;
};

template <class T>
LINESIDE_INLINE void mirror(T& value) {
  if constexpr (sizeof(T) > sizeof(float)) value = __builtin_shufflevector(value, value, 7, 6, 5, 4, 3, 2, 1, 0);
}

template <class T>
LINESIDE_INLINE void split_at(const Split& s, std::size_t k) {
  const std::size_t back = s.half - k - (sizeof(T) / sizeof(float) - 1);
  T a_re, a_im, b_re, b_im, c, d;
  load(a_re, s.re + k), load(a_im, s.im + k), load(b_re, s.re + back), load(b_im, s.im + back);
  load(c, s.cosine + k), load(d, s.sine + k);
  mirror(b_re), mirror(b_im);
  const T even_re = (a_re + b_re) * 0.5F, even_im = (a_im - b_im) * 0.5F;
  const T odd_re = (a_re - b_re) * 0.5F, odd_im = (a_im + b_im) * 0.5F;
  const T turned_re = odd_im * c - odd_re * d, turned_im = odd_im * d + odd_re * c;
  T low_re = even_re + turned_re, low_im = even_im - turned_im;
  T high_re = even_re - turned_re, high_im = -even_im - turned_im;
  mirror(high_re), mirror(high_im);
  store(s.re + k, low_re), store(s.im + k, low_im);
  store(s.re + back, high_re), store(s.im + back, high_im);
}

LINESIDE_FOR_EACH_CPU void split(const Split& s) {
  std::size_t k = 1;
  for (; 2 * (k + kLanes) <= s.half; k += kLanes) split_at<Lanes>(s, k);
  for (; 2 * k <= s.half; ++k) split_at<float>(s, k);
}

LINESIDE_FOR_EACH_CPU void apart(const float* signal, float* even, float* odd, std::size_t half) {
  for (std::size_t i = 0; i < half; ++i) even[i] = signal[2 * i], odd[i] = signal[2 * i + 1];
}

}  // namespace

std::size_t fft_length(std::size_t count) {
  for (std::size_t length = std::max<std::size_t>(count, 1);; ++length) {
    std::size_t left = length;
    for (const std::size_t factor : {2, 3, 5})
      while (left % factor == 0) left /= factor;
    if (left == 1) return length;
  }
}

Fft::Fft(std::size_t size) : size_(size), re_(size), im_(size) {
  assert(fft_length(size) == size);
  std::size_t stride = 1;
  while (stride < size) {
    const std::size_t left = size / stride;
    Stage stage{};
    for (const std::size_t radix : {4, 2, 3, 5})
      if (left % radix == 0) {
        stage.radix = radix;
        break;
      }
    stage.stride = stride, stage.rest = left / stage.radix;
    const auto turn = [&](std::size_t row, std::size_t k) {
      return kTurn * static_cast<double>(row * k) / static_cast<double>(left);
    };
    if (stride < kLanes) {
      const std::size_t count = stride * stage.rest;
      stage.turns.resize(2 * (stage.radix - 1) * count);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t row = i / stride;
        stage.place.push_back(static_cast<std::uint32_t>(i % stride + stride * stage.radix * row));
        for (std::size_t k = 1; k < stage.radix; ++k) {
          stage.turns[2 * (k - 1) * count + i] = static_cast<float>(std::cos(turn(row, k)));
          stage.turns[(2 * (k - 1) + 1) * count + i] = static_cast<float>(-std::sin(turn(row, k)));
        }
      }
    } else {
      for (std::size_t row = 0; row < stage.rest; ++row)
        for (std::size_t k = 1; k < stage.radix; ++k) {
          stage.turns.push_back(static_cast<float>(std::cos(turn(row, k))));
          stage.turns.push_back(static_cast<float>(-std::sin(turn(row, k))));
        }
    }
    stride *= stage.radix;
    stages_.push_back(std::move(stage));
  }
}

void Fft::run(const Stage& stage, const float* from_re, const float* from_im, float* to_re, float* to_im) const {
  pass_of(stage.radix, {.stride = stage.stride,
                        .rest = stage.rest,
                        .turns = stage.turns.data(),
                        .from_re = from_re,
                        .from_im = from_im,
                        .place = stage.place.data(),
                        .to_re = to_re,
                        .to_im = to_im});
}

void Fft::forward(std::span<float> re, std::span<float> im) {
  assert(re.size() == size_ && im.size() == size_);
  bool here = true;
  for (const Stage& stage : stages_) {
    if (here)
      run(stage, re.data(), im.data(), re_.data(), im_.data());
    else
      run(stage, re_.data(), im_.data(), re.data(), im.data());
    here = !here;
  }
  if (here) return;
  std::ranges::copy(re_, re.begin());
  std::ranges::copy(im_, im.begin());
}

RealFft::RealFft(std::size_t size) : half_(size / 2), cosine_(size / 2 + 1), sine_(size / 2 + 1) {
  assert(size % 2 == 0);
  for (std::size_t k = 0; k < cosine_.size(); ++k) {
    const double angle = kTurn * static_cast<double>(k) / static_cast<double>(size);
    cosine_[k] = static_cast<float>(std::cos(angle)), sine_[k] = static_cast<float>(std::sin(angle));
  }
}

void RealFft::forward(std::span<const float> signal, std::span<float> re, std::span<float> im) {
  const std::size_t half = half_.size();
  assert(signal.size() == 2 * half && re.size() == half + 1 && im.size() == half + 1);
  apart(signal.data(), re.data(), im.data(), half);
  half_.forward(re.first(half), im.first(half));
  const float first_re = re[0], first_im = im[0];
  split({.re = re.data(), .im = im.data(), .cosine = cosine_.data(), .sine = sine_.data(), .half = half});
  re[0] = first_re + first_im, re[half] = first_re - first_im;
  im[0] = im[half] = 0;
}

}  // namespace lineside::condition
