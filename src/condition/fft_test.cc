#include "condition/fft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <random>

namespace lineside::condition {
namespace {

using Complex = std::complex<double>;

// By the definition, in double.
std::vector<Complex> slow_transform(const std::vector<Complex>& x, double sign) {
  std::vector<Complex> result(x.size());
  for (std::size_t k = 0; k < x.size(); ++k)
    for (std::size_t n = 0; n < x.size(); ++n)
      result[k] += x[n] * std::polar(1.0, sign * 2 * std::numbers::pi * static_cast<double>(k * n % x.size()) /
                                              static_cast<double>(x.size()));
  return result;
}

std::vector<Complex> noise(std::size_t size, bool real) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::normal_distribution<float> normal;
  std::vector<Complex> x(size);
  for (Complex& value : x) {
    const float re = normal(random);
    value = {re, real ? 0 : normal(random)};
  }
  return x;
}

double difference(const std::vector<Complex>& wanted, const std::vector<float>& re, const std::vector<float>& im) {
  double largest = 0, most = 0;
  for (std::size_t k = 0; k < re.size(); ++k) {
    largest = std::max(largest, std::abs(wanted[k]));
    most = std::max(most, std::abs(wanted[k] - Complex{re[k], im[k]}));
  }
  return most / largest;
}

// All mixtures of factors, strides below and above a vector's length, and what windows and envelopes really have.
const std::vector<std::size_t> kSizes{1,   2,   3,   4,   5,   6,   8,   9,    10,   12,  15,  16,  18,
                                      20,  24,  25,  27,  30,  32,  36,  40,   45,   48,  54,  60,  64,
                                      75,  81,  90,  96,  100, 120, 125, 128,  135,  144, 150, 160, 225,
                                      243, 250, 256, 360, 500, 576, 625, 1125, 1250, 2250};

TEST(Fft, IsTheTransformByItsDefinition) {
  for (const std::size_t size : kSizes) {
    const auto x = noise(size, false);
    Fft fft(size);
    for (const double sign : {-1.0, 1.0}) {
      std::vector<float> re(size), im(size);
      for (std::size_t i = 0; i < size; ++i)
        re[i] = static_cast<float>(x[i].real()), im[i] = static_cast<float>(x[i].imag());
      if (sign < 0)
        fft.forward(re, im);
      else
        fft.inverse(re, im);
      EXPECT_LT(difference(slow_transform(x, sign), re, im), 5e-7) << size;
    }
  }
}

TEST(Fft, OfRealSamples_IsTheFirstHalf) {
  for (const std::size_t half : kSizes) {
    const auto x = noise(2 * half, true);
    std::vector<float> signal(2 * half), re(half + 1), im(half + 1);
    std::ranges::transform(x, signal.begin(), [](Complex value) { return static_cast<float>(value.real()); });
    RealFft(2 * half).forward(signal, re, im);
    EXPECT_LT(difference(slow_transform(x, -1), re, im), 5e-7) << 2 * half;
  }
}

TEST(Fft, LengthsAreProductsOfTwoThreeAndFive) {
  EXPECT_EQ(fft_length(0), 1U);
  EXPECT_EQ(fft_length(7), 8U);
  EXPECT_EQ(fft_length(5000), 5000U);
  EXPECT_EQ(fft_length(5001), 5120U);
}

}  // namespace
}  // namespace lineside::condition
