#pragma once
// Fourier transforms in single precision of lengths that are products of 2, 3 and 5: Stockham's autosort form, eight
// samples at a time (Swarztrauber, "FFT algorithms for vector computers", Parallel Computing 1, 1984). Real and
// imaginary parts are in arrays of their own; nothing is scaled. The error is about 1e-7 of the largest output. Objects
// hold their tables and buffers: one thread at a time.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lineside::condition {

// The smallest product of 2, 3 and 5 that is at least `count` (at least 1).
std::size_t fft_length(std::size_t count);

class Fft {
 public:
  explicit Fft(std::size_t size);  // a product of 2, 3 and 5
  std::size_t size() const { return size_; }
  // X[k] = sum over n of x[n] exp(-2 pi i k n / size), in place; both spans are `size` long.
  void forward(std::span<float> re, std::span<float> im);
  // The same with exp(+2 pi i k n / size): forward with the parts exchanged.
  void inverse(std::span<float> re, std::span<float> im) { forward(im, re); }

 private:
  // One pass: groups of `radix` samples that are stride * rest apart become neighbours that are `stride` apart.
  struct Stage {
    std::size_t radix, stride, rest;
    std::vector<float> turns;  // wide strides: re, im of radix - 1 factors for each of `rest`; narrow: by sample
    std::vector<std::uint32_t> place;  // narrow strides only: where each sample goes
  };
  void run(const Stage& stage, const float* from_re, const float* from_im, float* to_re, float* to_im) const;
  std::size_t size_;
  std::vector<Stage> stages_;
  std::vector<float> re_, im_;
};

// Of real samples: bins 0 .. size / 2.
class RealFft {
 public:
  explicit RealFft(std::size_t size);  // twice a product of 2, 3 and 5
  std::size_t size() const { return 2 * half_.size(); }
  // `signal` is `size` long, re and im size / 2 + 1.
  void forward(std::span<const float> signal, std::span<float> re, std::span<float> im);

 private:
  Fft half_;
  std::vector<float> cosine_, sine_;  // of 2 pi k / size
};

}  // namespace lineside::condition
