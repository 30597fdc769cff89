#pragma once
// Statistics of many samples, eight at a time. Sums are in double; the same bits on every CPU of one architecture.
#include <cstddef>
#include <span>
#include <vector>

namespace lineside::condition {

double sum_of(std::span<const float> values);

// Of finite samples about their mean: <d^2>, <d^3>, <d^4>, largest |d|. All 0 without samples.
struct Moments {
  double second = 0, third = 0, fourth = 0, peak = 0;
};
Moments central_moments(std::span<const float> values);

// <x^2> and <x^4>; 0 without values.
struct PowerMeans {
  double second = 0, fourth = 0;
};
PowerMeans power_means(std::span<const float> values);
// Sums of x y, x x and y y about the means of both, which are of one length.
struct Products {
  double xy = 0, xx = 0, yy = 0;
};
Products central_products(std::span<const float> x, std::span<const float> y);

struct Extent {
  float low = 0, high = 0;
  bool finite = true;  // all of them; if not, low and high mean nothing
};
Extent extent_of(std::span<const float> values);

// Whether any value is equal to the one before it.
bool has_equal_neighbours(std::span<const float> values);

// The k-th smallest, k from 0 on, of values that are not negative. 0 without values.
float kth_smallest(std::span<const float> values, std::size_t k);
// Where the largest is, the first of equals.
std::size_t largest_at(std::span<const float> values);

// For each of the first `count` bins of a spectrum the median of its surroundings, that is 12 bins to each side and of
// a block of 6 that it is one of, less at the ends (without bin 0): surroundings change slowly.
std::vector<float> local_medians(std::span<const float> power, std::size_t count);

}  // namespace lineside::condition
