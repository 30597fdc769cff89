#include "condition/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/cpu.h"

namespace lineside::condition {
namespace {

#define LINESIDE_INLINE [[gnu::always_inline]] inline

constexpr std::size_t kLanes = 8, kBlock = 6, kReach = 2 * kBlock, kWindow = kBlock + 2 * kReach;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using Wide = double __attribute__((vector_size(kLanes * sizeof(double))));
using Whole = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

template <class T>
LINESIDE_INLINE void load(T& value, const float* from) {
  __builtin_memcpy(&value, from, sizeof value);
}

LINESIDE_INLINE void order(Lanes& a, Lanes& b) {
  const Lanes low = a < b ? a : b, high = a < b ? b : a;
  a = low, b = high;
}

// The K-th smallest (from 1 on) of two sorted lists: of all ways to take K from their beginnings, the one whose largest
// is least.
template <std::size_t K, std::size_t A, std::size_t B>
LINESIDE_INLINE void kth_of(const Lanes (&a)[A], const Lanes (&b)[B], Lanes& result) {
  constexpr std::size_t kFrom = K > A ? K - A : 0, kTo = std::min(K, B);
  for (std::size_t i = kFrom; i <= kTo; ++i) {
    Lanes largest = i < K ? a[K - i - 1] : b[i - 1];
    if (i > 0 && i < K) largest = a[K - i - 1] < b[i - 1] ? b[i - 1] : a[K - i - 1];
    if (i == kFrom) {
      result = largest;
    } else {
      result = largest < result ? largest : result;
    }
  }
}

template <std::size_t From, std::size_t A, std::size_t B, std::size_t N>
LINESIDE_INLINE void merge(const Lanes (&a)[A], const Lanes (&b)[B], Lanes (&result)[N]) {
  [&]<std::size_t... I>(std::index_sequence<I...>)
      __attribute__((always_inline)) { (kth_of<From + I>(a, b, result[I]), ...); }(std::make_index_sequence<N>());
}

// Rows of one length, a column for each block.
struct Rows {
  std::size_t length;
  std::vector<float> values;
  Rows(std::size_t rows, std::size_t columns) : length(columns), values(rows * columns) {}
  float* row(std::size_t index) { return values.data() + index * length; }
  const float* row(std::size_t index) const { return values.data() + index * length; }
};

template <std::size_t N>
LINESIDE_INLINE void load(Lanes (&values)[N], const Rows& rows, std::size_t column) {
  for (std::size_t i = 0; i < N; ++i) load(values[i], rows.row(i) + column);
}

template <std::size_t N>
LINESIDE_INLINE void store(const Lanes (&values)[N], Rows& rows, std::size_t column) {
  for (std::size_t i = 0; i < N; ++i) __builtin_memcpy(rows.row(i) + column, &values[i], sizeof values[i]);
}

// Each column's six in order (a sorting network of twelve exchanges).
LINESIDE_FOR_EACH_CPU void sort_columns(Rows& blocks) {
  for (std::size_t c = 0; c + kLanes <= blocks.length; c += kLanes) {
    Lanes v[kBlock];
    load(v, blocks, c);
    order(v[0], v[5]), order(v[1], v[3]), order(v[2], v[4]);
    order(v[1], v[2]), order(v[3], v[4]);
    order(v[0], v[3]), order(v[2], v[5]);
    order(v[0], v[1]), order(v[2], v[3]), order(v[4], v[5]);
    order(v[1], v[2]), order(v[3], v[4]);
    store(v, blocks, c);
  }
}

// Of columns c and c + 1 together.
LINESIDE_FOR_EACH_CPU void merge_neighbours(const Rows& blocks, Rows& pairs) {
  for (std::size_t c = 0; c + kLanes < blocks.length; c += kLanes) {
    Lanes left[kBlock], right[kBlock], both[2 * kBlock];
    load(left, blocks, c), load(right, blocks, c + 1);
    merge<1>(left, right, both);
    store(both, pairs, c);
  }
}

// Of columns c to c + 4: the 16th of 30. Fewer than 9 or more than 15 of it can't be of the first 24.
LINESIDE_FOR_EACH_CPU void median_of_five(const Rows& blocks, const Rows& pairs, float* medians) {
  constexpr std::size_t kRank = kWindow / 2 + 1;
  for (std::size_t c = 0; c + 4 + kLanes <= blocks.length; c += kLanes) {
    Lanes first[2 * kBlock], second[2 * kBlock], last[kBlock], middle[kBlock + 1], median;
    load(first, pairs, c), load(second, pairs, c + 2), load(last, blocks, c + 4);
    merge<kRank - kBlock>(first, second, middle);
    kth_of<kBlock + 1>(middle, last, median);
    __builtin_memcpy(medians + c, &median, sizeof median);
  }
}

float median_between(std::span<const float> power, std::size_t low, std::size_t high) {
  std::vector<float> around(power.begin() + static_cast<std::ptrdiff_t>(std::min(low, high)),
                            power.begin() + static_cast<std::ptrdiff_t>(high));
  if (around.empty()) return 0;
  const auto middle = around.begin() + static_cast<std::ptrdiff_t>(around.size() / 2);
  std::ranges::nth_element(around, middle);
  return *middle;
}

}  // namespace

LINESIDE_FOR_EACH_CPU double sum_of(std::span<const float> values) {
  Wide sums{};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    Lanes v;
    load(v, values.data() + i);
    sums += __builtin_convertvector(v, Wide);
  }
  double sum = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) sum += sums[lane];
  for (; i < values.size(); ++i) sum += values[i];
  return sum;
}

LINESIDE_FOR_EACH_CPU Moments central_moments(std::span<const float> values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  const double mean = sum_of(values) / n;
  Wide second{}, third{}, fourth{}, peak{};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    Lanes v;
    load(v, values.data() + i);
    const Wide d = __builtin_convertvector(v, Wide) - mean, d2 = d * d, size = d < 0 ? -d : d;
    second += d2, third += d2 * d, fourth += d2 * d2;
    peak = size > peak ? size : peak;
  }
  Moments m;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    m.second += second[lane], m.third += third[lane], m.fourth += fourth[lane];
    m.peak = std::max(m.peak, peak[lane]);
  }
  for (; i < values.size(); ++i) {
    const double d = values[i] - mean, d2 = d * d;
    m.second += d2, m.third += d2 * d, m.fourth += d2 * d2;
    m.peak = std::max(m.peak, std::abs(d));
  }
  m.second /= n, m.third /= n, m.fourth /= n;
  return m;
}

LINESIDE_FOR_EACH_CPU PowerMeans power_means(std::span<const float> values) {
  if (values.empty()) return {};
  Wide second{}, fourth{};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    Lanes v;
    load(v, values.data() + i);
    const Wide x = __builtin_convertvector(v, Wide), x2 = x * x;
    second += x2, fourth += x2 * x2;
  }
  PowerMeans means;
  for (std::size_t lane = 0; lane < kLanes; ++lane) means.second += second[lane], means.fourth += fourth[lane];
  for (; i < values.size(); ++i) {
    const double x = values[i];
    means.second += x * x, means.fourth += x * x * x * x;
  }
  means.second /= static_cast<double>(values.size()), means.fourth /= static_cast<double>(values.size());
  return means;
}

LINESIDE_FOR_EACH_CPU Products central_products(std::span<const float> x, std::span<const float> y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = sum_of(x) / n, mean_y = sum_of(y) / n;
  Wide xy{}, xx{}, yy{};
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    Lanes v, w;
    load(v, x.data() + i), load(w, y.data() + i);
    const Wide a = __builtin_convertvector(v, Wide) - mean_x, b = __builtin_convertvector(w, Wide) - mean_y;
    xy += a * b, xx += a * a, yy += b * b;
  }
  Products sums;
  for (std::size_t lane = 0; lane < kLanes; ++lane) sums.xy += xy[lane], sums.xx += xx[lane], sums.yy += yy[lane];
  for (; i < x.size(); ++i) {
    const double a = x[i] - mean_x, b = y[i] - mean_y;
    sums.xy += a * b, sums.xx += a * a, sums.yy += b * b;
  }
  return sums;
}

LINESIDE_FOR_EACH_CPU Extent extent_of(std::span<const float> values) {
  if (values.empty()) return {};
  Extent extent{.low = values.front(), .high = values.front()};
  float odd = 0;  // what is finite is nothing less itself
  std::size_t i = 0;
  if (values.size() >= kLanes) {
    Lanes low, high, nothing{};
    load(low, values.data());
    high = low;
    for (; i + kLanes <= values.size(); i += kLanes) {
      Lanes v;
      load(v, values.data() + i);
      low = v < low ? v : low, high = v > high ? v : high;
      nothing += v - v;
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      extent.low = std::min(extent.low, low[lane]), extent.high = std::max(extent.high, high[lane]);
      odd += nothing[lane];
    }
  }
  for (; i < values.size(); ++i) {
    extent.low = std::min(extent.low, values[i]), extent.high = std::max(extent.high, values[i]);
    odd += values[i] - values[i];
  }
  extent.finite = odd == 0;
  return extent;
}

LINESIDE_FOR_EACH_CPU bool has_equal_neighbours(std::span<const float> values) {
  Whole equal{};
  std::size_t i = 1;
  for (; i + kLanes <= values.size(); i += kLanes) {
    Lanes v, before;
    load(v, values.data() + i), load(before, values.data() + i - 1);
    equal |= v == before;
  }
  std::int32_t any = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) any |= equal[lane];
  for (; i < values.size(); ++i) any |= values[i] == values[i - 1] ? 1 : 0;
  return any != 0;
}

// Floats that are not negative have the order of their bits: from the highest bit on, the largest number that has at
// most k values below it.
LINESIDE_FOR_EACH_CPU float kth_smallest(std::span<const float> values, std::size_t k) {
  std::int32_t found = 0;
  for (int bit = 30; bit >= 0; --bit) {
    const std::int32_t trial = found | std::int32_t{1} << bit;
    Whole counts{};
    std::size_t i = 0, below = 0;
    for (; i + kLanes <= values.size(); i += kLanes) {
      Whole v;
      load(v, values.data() + i);
      counts -= v < trial;
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) below += static_cast<std::size_t>(counts[lane]);
    for (; i < values.size(); ++i) below += std::bit_cast<std::int32_t>(values[i]) < trial ? 1 : 0;
    if (below <= k) found = trial;
  }
  return values.empty() ? 0 : std::bit_cast<float>(found);
}

std::size_t largest_at(std::span<const float> values) {
  const auto found = std::ranges::find(values, extent_of(values).high);
  return found == values.end() ? 0 : static_cast<std::size_t>(found - values.begin());
}

std::vector<float> local_medians(std::span<const float> power, std::size_t count) {
  const std::size_t blocks = (count + kBlock - 1) / kBlock;
  // Whole surroundings from bin 6 on: those of the third block begin there.
  constexpr std::size_t kFirst = 3;
  std::size_t whole = 0;
  if (blocks > kFirst && power.size() >= (kFirst - 2) * kBlock + kWindow)
    whole = std::min(blocks - kFirst, (power.size() - (kFirst - 2) * kBlock - kWindow) / kBlock + 1);
  std::vector<float> by_block(blocks), medians(count);
  if (whole > 0) {
    const std::size_t columns = whole + 4, padded = (columns + 2 * kLanes) / kLanes * kLanes + kLanes;
    Rows sorted(kBlock, padded), pairs(2 * kBlock, padded);
    for (std::size_t c = 0; c < columns; ++c)
      for (std::size_t j = 0; j < kBlock; ++j) sorted.row(j)[c] = power[(kFirst - 2 + c) * kBlock + j];
    sort_columns(sorted);
    merge_neighbours(sorted, pairs);
    std::vector<float> found(padded);
    median_of_five(sorted, pairs, found.data());
    std::copy_n(found.begin(), whole, by_block.begin() + kFirst);
  }
  for (std::size_t block = 0; block < blocks; ++block) {
    const std::size_t from = block * kBlock;
    if (block < kFirst || block >= kFirst + whole)
      by_block[block] =
          median_between(power, from > kReach ? from - kReach : 1, std::min(power.size(), from + kBlock + kReach));
    std::fill(medians.begin() + static_cast<std::ptrdiff_t>(from),
              medians.begin() + static_cast<std::ptrdiff_t>(std::min(count, from + kBlock)), by_block[block]);
  }
  return medians;
}

}  // namespace lineside::condition
