#include "vision/preprocess.h"

// A sanitizer's build takes the code that is written for any CPU: so it is tested, too.
#if defined(__SSE2__) && !defined(LINESIDE_SANITIZE)
#define LINESIDE_SSE2
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <vector>

#include "base/cpu.h"

namespace lineside::vision {
namespace {

// Everything between the picture and the tensor is in 1/256 of a pixel value, 16 bits, and weights are in 1/65536: the
// upper half of a product is then in 1/256 again. It is cut, not rounded, so that nothing can overflow; each pass
// starts from what its cuts cost on average.
using Fine = std::uint16_t;
constexpr int kFinePerPixel = 256;
constexpr int kWeightSum = 65535;

[[gnu::always_inline]] inline Fine share_of(Fine value, Fine weight) {
  return static_cast<Fine>((std::uint32_t{value} * weight) >> 16);
}

Fine cuts_of(int taps) { return static_cast<Fine>(std::min(taps / 2, kFinePerPixel / 2 - 1)); }

// For each output position, which input positions it is made of and their weights (summing to kWeightSum).
struct Axis {
  struct Range {
    int first = 0, count = 0, weight = 0;  // input positions; index of the first weight
  };
  std::vector<Range> ranges;
  std::vector<Fine> weights;
  int taps = 0;  // input positions of each, once they are level

  void add(int first, std::span<const double> shares) {
    double sum = 0, so_far = 0;
    for (double share : shares) sum += share;
    ranges.push_back({first, static_cast<int>(shares.size()), static_cast<int>(weights.size())});
    long given = 0;
    for (double share : shares) {
      so_far += share;
      const long up_to_here = std::lround(so_far / sum * kWeightSum);
      weights.push_back(static_cast<Fine>(up_to_here - given));
      given = up_to_here;
    }
  }

  // Gives all the same number of positions, those beyond their own with weight 0: loops that never vary are quicker.
  void make_level() {
    for (const Range& range : ranges) taps = std::max(taps, range.count);
    std::vector<Fine> level;
    for (Range& range : ranges) {
      const auto own = weights.begin() + range.weight;
      range.weight = static_cast<int>(level.size());
      level.insert(level.end(), own, own + range.count);
      level.resize(level.size() + static_cast<std::size_t>(taps - range.count), Fine{0});
    }
    weights = std::move(level);
  }
};

void add_area(Axis& axis, double from, double to, int input_size) {
  const int first = std::clamp(static_cast<int>(std::floor(from + 1e-9)), 0, input_size - 1);
  const int last = std::clamp(static_cast<int>(std::ceil(to - 1e-9)) - 1, first, input_size - 1);
  std::vector<double> shares;
  for (int i = first; i <= last; ++i) shares.push_back(std::min<double>(to, i + 1) - std::max<double>(from, i));
  axis.add(first, shares);
}

void add_bilinear(Axis& axis, double center, int input_size) {
  const double position = std::clamp(center, 0.0, static_cast<double>(input_size - 1));
  const int first = std::min(static_cast<int>(position), input_size - 1);
  const double fraction = position - first;
  if (fraction < 1e-9)
    axis.add(first, std::array{1.0});
  else
    axis.add(first, std::array{1.0 - fraction, fraction});
}

Axis make_axis(int input_size, int output_size) {
  Axis axis;
  const double step = static_cast<double>(input_size) / output_size;
  for (int i = 0; i < output_size; ++i) {
    if (step >= 1)
      add_area(axis, i * step, (i + 1) * step, input_size);
    else
      add_bilinear(axis, (i + 0.5) * step - 0.5, input_size);
  }
  return axis;
}

// Adds `kRows` weighted rows of bytes to `start`, or to what `out` holds if that is null.
template <int kRows>
[[gnu::always_inline]] inline void add_rows(const std::uint8_t* row, std::ptrdiff_t stride, const Fine* weights,
                                            const Fine* start, Fine* __restrict out, int count) {
  for (int i = 0; i < count; ++i) {
    Fine sum = start == nullptr ? out[i] : *start;
    for (int k = 0; k < kRows; ++k)
      sum = static_cast<Fine>(sum + share_of(static_cast<Fine>(row[i + k * stride] * kFinePerPixel), weights[k]));
    out[i] = sum;
  }
}

// One row = weighted sum of rows of bytes.
LINESIDE_FOR_EACH_CPU void blend_rows(const std::uint8_t* row, std::ptrdiff_t stride, std::span<const Fine> weights,
                                      Fine* __restrict out, int count) {
  constexpr int kRows = 4;
  const Fine start = cuts_of(static_cast<int>(weights.size()));
  const Fine* from = &start;
  const Fine* weight = weights.data();
  auto left = static_cast<int>(weights.size());
  for (; left > kRows; left -= kRows, row += kRows * stride, weight += kRows, from = nullptr)
    add_rows<kRows>(row, stride, weight, from, out, count);
  if (left == 1) return add_rows<1>(row, stride, weight, from, out, count);
  if (left == 2) return add_rows<2>(row, stride, weight, from, out, count);
  if (left == 3) return add_rows<3>(row, stride, weight, from, out, count);
  add_rows<kRows>(row, stride, weight, from, out, count);
}

// A pixel: red, green, blue and a lane that is thrown away.
constexpr int kLanes = 4;

// One output pixel = weighted sum of neighbours in the row. `weights`: those of each tap for all lanes of `kAtOnce`
// output pixels that are made at once.
constexpr std::size_t kAtOnce = 2;

#if defined(LINESIDE_SSE2)
template <int kTaps>
[[gnu::always_inline]] inline void shrink_rgb(const Fine* row, std::span<const Axis::Range> ranges, const Fine* weights,
                                              int taps, Fine* out) {
  const auto pixel = [](const Fine* from) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)); };
  const __m128i start = _mm_set1_epi16(static_cast<short>(cuts_of(taps)));
  for (std::size_t x = 0; x < ranges.size(); x += kAtOnce, out += kAtOnce * kLanes) {
    const Fine* left = row + static_cast<std::ptrdiff_t>(ranges[x].first) * 3;
    const Fine* right = row + static_cast<std::ptrdiff_t>(ranges[std::min(x + 1, ranges.size() - 1)].first) * 3;
    __m128i sum = start;
    for (int k = 0; k < (kTaps > 0 ? kTaps : taps); ++k, left += 3, right += 3, weights += kAtOnce * kLanes)
      sum = _mm_add_epi16(sum, _mm_mulhi_epu16(_mm_unpacklo_epi64(pixel(left), pixel(right)),
                                               _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights))));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), sum);
  }
}
#else
template <int kTaps>
void shrink_rgb(const Fine* row, std::span<const Axis::Range> ranges, const Fine* weights, int taps, Fine* out) {
  for (std::size_t x = 0; x < ranges.size(); ++x, out += kLanes) {
    const Fine* weight = weights + (x / kAtOnce * static_cast<std::size_t>(taps) * kAtOnce + x % kAtOnce) * kLanes;
    const Fine* from = row + static_cast<std::ptrdiff_t>(ranges[x].first) * 3;
    std::fill_n(out, kLanes, cuts_of(taps));
    for (int k = 0; k < taps; ++k, from += 3, weight += kAtOnce * kLanes)
      for (int lane = 0; lane < kLanes; ++lane)
        out[lane] = static_cast<Fine>(out[lane] + share_of(from[lane], *weight));
  }
}
#endif

void shrink_row_rgb(const Fine* row, const Axis& axis, const Fine* weights, Fine* out) {
  switch (axis.taps) {
    case 2:
      return shrink_rgb<2>(row, axis.ranges, weights, 2, out);
    case 3:
      return shrink_rgb<3>(row, axis.ranges, weights, 3, out);
    case 4:
      return shrink_rgb<4>(row, axis.ranges, weights, 4, out);
    case 5:
      return shrink_rgb<5>(row, axis.ranges, weights, 5, out);
    default:
      return shrink_rgb<0>(row, axis.ranges, weights, axis.taps, out);
  }
}

// The weights as shrink_rgb() wants them.
std::vector<Fine> weights_of_lanes(const Axis& axis) {
  std::vector<Fine> result;
  for (std::size_t x = 0; x < axis.ranges.size(); x += kAtOnce)
    for (int k = 0; k < axis.taps; ++k)
      for (std::size_t i = 0; i < kAtOnce; ++i) {
        const auto& range = axis.ranges[std::min(x + i, axis.ranges.size() - 1)];
        result.insert(result.end(), kLanes, axis.weights[static_cast<std::size_t>(range.weight + k)]);
      }
  return result;
}

void shrink_row_gray(const Fine* row, const Axis& axis, Fine* out) {
  for (const auto& range : axis.ranges) {
    const Fine* weight = axis.weights.data() + range.weight;
    Fine sum = cuts_of(axis.taps);
    for (int k = 0; k < axis.taps; ++k) sum = static_cast<Fine>(sum + share_of(row[range.first + k], weight[k]));
    *out++ = sum;
  }
}

Fine luma(Fine red, Fine green, Fine blue) {  // BT.601
  return static_cast<Fine>(0.299F * red + 0.587F * green + 0.114F * blue + 0.5F);
}

float normalised(Fine value, float mean, float scale) {
  return (static_cast<float>(value) * (1.0F / (255 * kFinePerPixel)) - mean) * scale;
}

std::uint8_t to_byte(Fine value) {
  return static_cast<std::uint8_t>(static_cast<Fine>(value + kFinePerPixel / 2) / kFinePerPixel);
}

// Pixels of four lanes into three planes.
LINESIDE_FOR_EACH_CPU void split_planes(const Fine* from, int count, const std::array<float, 3>& mean,
                                        const std::array<float, 3>& scale, const std::array<float*, 3>& to) {
  for (std::size_t c = 0; c < 3; ++c) {
    const float offset = mean[c], factor = scale[c];
    float* plane = to[c];
    for (int x = 0; x < count; ++x) plane[x] = normalised(from[x * kLanes + static_cast<int>(c)], offset, factor);
  }
}

// The same in bytes.
LINESIDE_FOR_EACH_CPU void split_planes(const Fine* from, int count, const std::array<std::uint8_t*, 3>& to) {
  int x = 0;
#if defined(LINESIDE_SSE2)
  const __m128i half = _mm_set1_epi16(kFinePerPixel / 2);
  const auto bytes_of = [half](const Fine* pixels) {  // of four pixels
    const auto* four = reinterpret_cast<const __m128i*>(pixels);
    return _mm_packus_epi16(_mm_srli_epi16(_mm_add_epi16(_mm_loadu_si128(four), half), 8),
                            _mm_srli_epi16(_mm_add_epi16(_mm_loadu_si128(four + 1), half), 8));
  };
  for (; x + 16 <= count; x += 16, from += std::ptrdiff_t{16} * kLanes) {
    // Each step brings what belongs to a plane closer together; after four, planes of 16.
    __m128i a = bytes_of(from), b = bytes_of(from + 16), c = bytes_of(from + 32), d = bytes_of(from + 48);
    const auto interleave = [&] {
      const __m128i first = _mm_unpacklo_epi8(a, c), second = _mm_unpackhi_epi8(a, c);
      const __m128i third = _mm_unpacklo_epi8(b, d), fourth = _mm_unpackhi_epi8(b, d);
      a = first, b = second, c = third, d = fourth;
    };
    for (int step = 0; step < 4; ++step) interleave();
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to[0] + x), a);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to[1] + x), b);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to[2] + x), c);
  }
#endif
  for (; x < count; ++x, from += kLanes)
    for (std::size_t c = 0; c < 3; ++c) to[c][x] = to_byte(from[c]);
}

struct Inset {
  int x = 0, y = 0, width = 0, height = 0;
};

// Where the picture lies in the output.
Inset fit_inside(const PreprocessSpec& spec, int width, int height) {
  if (spec.fit == PreprocessSpec::Fit::stretch) return {0, 0, spec.width, spec.height};
  const double ratio = std::min(static_cast<double>(spec.width) / width, static_cast<double>(spec.height) / height);
  Inset inset;
  inset.width = std::clamp(static_cast<int>(std::lround(width * ratio)), 1, spec.width);
  inset.height = std::clamp(static_cast<int>(std::lround(height * ratio)), 1, spec.height);
  inset.x = (spec.width - inset.width) / 2;
  inset.y = (spec.height - inset.height) / 2;
  return inset;
}

}  // namespace

struct Preprocessor::State {
  PreprocessSpec spec;
  int width = 0, height = 0;  // of the picture that the tables are for
  PixelFormat format = PixelFormat::rgb8;
  int crop_x = 0, crop_y = 0, crop_width = 0;
  Inset inset;
  Axis across, down;
  std::vector<Fine> across_lanes;  // weights_of_lanes(across)
  std::vector<Fine> row;           // one blended row, and zeros for those who read beyond it
  std::vector<Fine> colors;        // one output row, kLanes a pixel
  std::vector<Fine> grays;

  bool prepare(const ImageView& image);
  void make_row(const ImageView& image, int y);
  template <class T>
  void store_row(int y, T* out) const;
  template <class T>
  void store_color_row(int y, T* out) const;
  template <class T>
  void fill_border(T* out) const;
  template <class T>
  Result<void> run(const ImageView& image, std::span<T> out);
  template <class T>
  T finish(Fine value, int channel) const;
};

// False if there is nothing to look at.
bool Preprocessor::State::prepare(const ImageView& image) {
  if (image.data == nullptr || image.width < 1 || image.height < 1) return false;
  if (image.width == width && image.height == height && image.format == format) return true;
  const auto edge = [](double fraction, int size) { return static_cast<int>(std::lround(fraction * size)); };
  const int left = edge(spec.crop_left, image.width), right = edge(spec.crop_right, image.width);
  const int top = edge(spec.crop_top, image.height), bottom = edge(spec.crop_bottom, image.height);
  if (right <= left || bottom <= top) return false;
  crop_x = left, crop_y = top, crop_width = right - left;
  inset = fit_inside(spec, crop_width, bottom - top);
  across = make_axis(crop_width, inset.width);
  across.make_level();
  across_lanes = weights_of_lanes(across);
  down = make_axis(bottom - top, inset.height);
  row.assign(static_cast<std::size_t>(crop_width + across.taps) * 3 + kLanes, Fine{0});
  colors.assign((static_cast<std::size_t>(inset.width) + kAtOnce) * kLanes, Fine{0});
  grays.assign(static_cast<std::size_t>(inset.width), Fine{0});
  width = image.width, height = image.height, format = image.format;
  return true;
}

// Down first: it runs over whole rows and leaves little for the pass across, which can't.
void Preprocessor::State::make_row(const ImageView& image, int y) {
  const int channels = channels_of(format);
  const auto& range = down.ranges[static_cast<std::size_t>(y)];
  const std::uint8_t* from = image.data + static_cast<std::ptrdiff_t>(crop_y + range.first) * image.stride_bytes +
                             static_cast<std::ptrdiff_t>(crop_x) * channels;
  const std::span weights(down.weights.data() + range.weight, static_cast<std::size_t>(range.count));
  blend_rows(from, image.stride_bytes, weights, row.data(), crop_width * channels);
  if (channels == 3) {
    shrink_row_rgb(row.data(), across, across_lanes.data(), colors.data());
    if (spec.color == PreprocessSpec::Color::gray)
      for (std::size_t x = 0; x < grays.size(); ++x)
        grays[x] = luma(colors[x * kLanes], colors[x * kLanes + 1], colors[x * kLanes + 2]);
  } else {
    shrink_row_gray(row.data(), across, grays.data());
    if (spec.color != PreprocessSpec::Color::gray)
      for (std::size_t x = 0; x < grays.size(); ++x) std::fill_n(&colors[x * kLanes], 3, grays[x]);
  }
}

template <>
float Preprocessor::State::finish<float>(Fine value, int channel) const {
  return normalised(value, spec.mean[static_cast<std::size_t>(channel)], spec.scale[static_cast<std::size_t>(channel)]);
}

template <>
std::uint8_t Preprocessor::State::finish<std::uint8_t>(Fine value, int) const {
  return to_byte(value);
}

template <class T>
void Preprocessor::State::store_color_row(int y, T* out) const {
  const bool planes = spec.layout == PreprocessSpec::Layout::nchw;
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(spec.width) * spec.height;
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(inset.y + y) * spec.width + inset.x;
  const bool swapped = spec.color == PreprocessSpec::Color::bgr;
  if (planes) {
    std::array to{out + at, out + at + plane, out + at + 2 * plane};  // red, green, blue
    auto mean = spec.mean, scale = spec.scale;
    if (swapped) std::swap(to[0], to[2]), std::swap(mean[0], mean[2]), std::swap(scale[0], scale[2]);
    if constexpr (std::is_same_v<T, float>)
      return split_planes(colors.data(), inset.width, mean, scale, to);
    else
      return split_planes(colors.data(), inset.width, to);
  }
  for (int c = 0; c < 3; ++c) {
    const int source = swapped ? 2 - c : c;
    T* to = out + at * 3 + c;
    const Fine* from = colors.data() + source;
    for (int x = 0; x < inset.width; ++x) to[static_cast<std::ptrdiff_t>(x) * 3] = finish<T>(from[x * kLanes], c);
  }
}

template <class T>
void Preprocessor::State::store_row(int y, T* out) const {
  if (spec.color != PreprocessSpec::Color::gray) return store_color_row(y, out);
  T* to = out + static_cast<std::ptrdiff_t>(inset.y + y) * spec.width + inset.x;
  for (int x = 0; x < inset.width; ++x) to[x] = finish<T>(grays[static_cast<std::size_t>(x)], 0);
}

template <class T>
void Preprocessor::State::fill_border(T* out) const {
  if (inset.width == spec.width && inset.height == spec.height) return;
  const int channels = channels_of(spec);
  const bool planes = spec.layout == PreprocessSpec::Layout::nchw;
  const std::size_t pixels = element_count(spec) / static_cast<std::size_t>(channels);
  for (int c = 0; c < channels; ++c) {
    T value{};  // the mean itself: 0
    if constexpr (std::is_same_v<T, std::uint8_t>)
      value = static_cast<T>(std::lround(std::clamp(spec.mean[static_cast<std::size_t>(c)], 0.0F, 1.0F) * 255));
    T* to = planes ? out + static_cast<std::size_t>(c) * pixels : out + c;
    const std::size_t step = planes ? 1 : static_cast<std::size_t>(channels);
    for (std::size_t i = 0; i < pixels; ++i) to[i * step] = value;
  }
}

template <class T>
Result<void> Preprocessor::State::run(const ImageView& image, std::span<T> out) {
  const bool wants_float = spec.type == PreprocessSpec::Type::f32;
  if (wants_float != std::is_same_v<T, float>)
    return fail(ErrorCode::usage,
                std::format("preprocessing makes {} tensors here", wants_float ? "float32" : "uint8"));
  if (out.size() != element_count(spec))
    return fail(ErrorCode::usage,
                std::format("the tensor has {} elements instead of {}", out.size(), element_count(spec)));
  if (!prepare(image))
    return fail(ErrorCode::file_format, std::format("nothing to look at: a picture of {}x{} pixels, cropped to "
                                                    "({}, {}) - ({}, {}) of its size",
                                                    image.width, image.height, spec.crop_left, spec.crop_top,
                                                    spec.crop_right, spec.crop_bottom));
  fill_border(out.data());
  for (int y = 0; y < inset.height; ++y) {
    make_row(image, y);
    store_row(y, out.data());
  }
  return {};
}

Preprocessor::Preprocessor(const PreprocessSpec& spec) : state_(std::make_unique<State>()) { state_->spec = spec; }
Preprocessor::Preprocessor(Preprocessor&&) noexcept = default;
Preprocessor& Preprocessor::operator=(Preprocessor&&) noexcept = default;
Preprocessor::~Preprocessor() = default;
Result<void> Preprocessor::run(const ImageView& image, std::span<float> out) { return state_->run(image, out); }
Result<void> Preprocessor::run(const ImageView& image, std::span<std::uint8_t> out) { return state_->run(image, out); }
const PreprocessSpec& Preprocessor::spec() const { return state_->spec; }

}  // namespace lineside::vision
