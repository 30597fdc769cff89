#include "vision/preprocess.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cmath>
#include <format>

namespace lineside::vision {
namespace {

// The inner loops exist twice on x86-64: for AVX2, and for any CPU. Both give the same bits (no fused multiply-add).
// clang (clang-tidy) does not know all of these attributes.
#if defined(__x86_64__) && !defined(__clang__) && !defined(LINESIDE_SANITIZE)
#define LINESIDE_MANY_CPUS
#define LINESIDE_FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define LINESIDE_FOR_EACH_CPU
#endif

// Four floats at once: red, green, blue and a lane that is thrown away.
typedef float Float4 __attribute__((vector_size(16)));

[[gnu::always_inline]] inline Float4 load4(const float* from) {
  Float4 value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

[[gnu::always_inline]] inline void store4(Float4 value, float* to) { __builtin_memcpy(to, &value, sizeof value); }

// For each output position, which input positions it is made of and their weights (summing to 1).
struct Axis {
  struct Range {
    int first = 0, count = 0, weight = 0;  // input positions; index of the first weight
  };
  std::vector<Range> ranges;
  std::vector<float> weights;
  int taps = 0;  // input positions of each, once they are level

  void add(int first, std::span<const double> shares) {
    double sum = 0;
    for (double share : shares) sum += share;
    ranges.push_back({first, static_cast<int>(shares.size()), static_cast<int>(weights.size())});
    for (double share : shares) weights.push_back(static_cast<float>(share / sum));
  }

  // Gives all the same number of positions, those beyond their own with weight 0: loops that never vary are quicker.
  void make_level() {
    for (const Range& range : ranges) taps = std::max(taps, range.count);
    std::vector<float> level;
    for (Range& range : ranges) {
      const auto own = weights.begin() + range.weight;
      range.weight = static_cast<int>(level.size());
      level.insert(level.end(), own, own + range.count);
      level.resize(level.size() + static_cast<std::size_t>(taps - range.count), 0.0F);
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

#if defined(LINESIDE_MANY_CPUS)
// One row of floats = weighted sum of rows of bytes, from column `i` on.
[[gnu::always_inline]] inline void blend_one_by_one(const std::uint8_t* row, std::ptrdiff_t stride,
                                                    std::span<const float> weights, float* out, int i, int count) {
  for (; i < count; ++i) {
    float sum = 0;
    const std::uint8_t* from = row + i;
    for (const float weight : weights) {
      sum += weight * static_cast<float>(*from);
      from += stride;
    }
    out[i] = sum;
  }
}

__attribute__((target("avx2"))) void blend_rows(const std::uint8_t* row, std::ptrdiff_t stride,
                                                std::span<const float> weights, float* out, int count) {
  int i = 0;
  for (; i + 16 <= count; i += 16) {
    __m256 low = _mm256_setzero_ps(), high = low;
    const std::uint8_t* from = row + i;
    for (const float weight : weights) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      const __m256 share = _mm256_set1_ps(weight);
      low = _mm256_add_ps(low, _mm256_mul_ps(share, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))));
      high = _mm256_add_ps(
          high, _mm256_mul_ps(share, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(bytes, bytes)))));
      from += stride;
    }
    _mm256_storeu_ps(out + i, low);
    _mm256_storeu_ps(out + i + 8, high);
  }
  blend_one_by_one(row, stride, weights, out, i, count);
}
__attribute__((target("default")))
#endif
void blend_rows(const std::uint8_t* row, std::ptrdiff_t stride, std::span<const float> weights, float* __restrict out,
                int count) {
  for (int i = 0; i < count; ++i) out[i] = weights[0] * static_cast<float>(row[i]);
  for (std::size_t k = 1; k < weights.size(); ++k) {
    row += stride;
    const float weight = weights[k];
    for (int i = 0; i < count; ++i) out[i] += weight * static_cast<float>(row[i]);
  }
}

template <int kTaps>
[[gnu::always_inline]] inline void shrink_rgb(const float* row, const Axis& axis, int taps, float* out) {
  for (const auto& range : axis.ranges) {
    const float* weight = axis.weights.data() + range.weight;
    const float* from = row + static_cast<std::ptrdiff_t>(range.first) * 3;
    Float4 sum = load4(from) * weight[0];
    for (int k = 1; k < (kTaps > 0 ? kTaps : taps); ++k)
      sum += load4(from + static_cast<std::ptrdiff_t>(k) * 3) * weight[k];
    store4(sum, out);
    out += 4;
  }
}

LINESIDE_FOR_EACH_CPU void shrink_row_rgb(const float* row, const Axis& axis, float* out) {
  switch (axis.taps) {
    case 2:
      return shrink_rgb<2>(row, axis, 2, out);
    case 3:
      return shrink_rgb<3>(row, axis, 3, out);
    case 4:
      return shrink_rgb<4>(row, axis, 4, out);
    case 5:
      return shrink_rgb<5>(row, axis, 5, out);
    default:
      return shrink_rgb<0>(row, axis, axis.taps, out);
  }
}

void shrink_row_gray(const float* row, const Axis& axis, float* out) {
  for (const auto& range : axis.ranges) {
    const float* weight = axis.weights.data() + range.weight;
    float sum = row[range.first] * weight[0];
    for (int k = 1; k < axis.taps; ++k) sum += row[range.first + k] * weight[k];
    *out++ = sum;
  }
}

// Pixels of four floats into three planes, each (value / 255 - mean) * scale; mean and scale in the order of the
// pixel's lanes.
LINESIDE_FOR_EACH_CPU void split_planes(const float* from, int count, Float4 mean, Float4 scale, float* to0, float* to1,
                                        float* to2) {
  int x = 0;
  for (; x + 4 <= count; x += 4, from += 16) {
    Float4 pixels[4];
    for (int i = 0; i < 4; ++i) pixels[i] = (load4(from + i * 4) * (1.0F / 255.0F) - mean) * scale;
    const Float4 first01 = __builtin_shufflevector(pixels[0], pixels[1], 0, 4, 1, 5);
    const Float4 first23 = __builtin_shufflevector(pixels[2], pixels[3], 0, 4, 1, 5);
    const Float4 last01 = __builtin_shufflevector(pixels[0], pixels[1], 2, 6, 3, 7);
    const Float4 last23 = __builtin_shufflevector(pixels[2], pixels[3], 2, 6, 3, 7);
    store4(__builtin_shufflevector(first01, first23, 0, 1, 4, 5), to0 + x);
    store4(__builtin_shufflevector(first01, first23, 2, 3, 6, 7), to1 + x);
    store4(__builtin_shufflevector(last01, last23, 0, 1, 4, 5), to2 + x);
  }
  for (; x < count; ++x, from += 4) {
    const Float4 pixel = (load4(from) * (1.0F / 255.0F) - mean) * scale;
    to0[x] = pixel[0], to1[x] = pixel[1], to2[x] = pixel[2];
  }
}

std::uint8_t to_byte(float value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F)); }

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
  std::vector<float> row;     // one blended row, and zeros for those who read beyond it
  std::vector<float> colors;  // one output row, four floats a pixel
  std::vector<float> grays;

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
  T finish(float value, int channel) const;
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
  down = make_axis(bottom - top, inset.height);
  row.assign(static_cast<std::size_t>(crop_width + across.taps) * 3 + 4, 0.0F);
  colors.assign(static_cast<std::size_t>(inset.width) * 4, 0.0F);
  grays.assign(static_cast<std::size_t>(inset.width), 0.0F);
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
    shrink_row_rgb(row.data(), across, colors.data());
    if (spec.color == PreprocessSpec::Color::gray)
      for (std::size_t x = 0; x < grays.size(); ++x)
        grays[x] = 0.299F * colors[x * 4] + 0.587F * colors[x * 4 + 1] + 0.114F * colors[x * 4 + 2];
  } else {
    shrink_row_gray(row.data(), across, grays.data());
    if (spec.color != PreprocessSpec::Color::gray)
      for (std::size_t x = 0; x < grays.size(); ++x) store4(Float4{grays[x], grays[x], grays[x], 0}, &colors[x * 4]);
  }
}

template <>
float Preprocessor::State::finish<float>(float value, int channel) const {
  const auto c = static_cast<std::size_t>(channel);
  return (value * (1.0F / 255.0F) - spec.mean[c]) * spec.scale[c];
}

template <>
std::uint8_t Preprocessor::State::finish<std::uint8_t>(float value, int) const {
  return to_byte(value);
}

template <class T>
void Preprocessor::State::store_color_row(int y, T* out) const {
  const bool planes = spec.layout == PreprocessSpec::Layout::nchw;
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(spec.width) * spec.height;
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(inset.y + y) * spec.width + inset.x;
  const bool swapped = spec.color == PreprocessSpec::Color::bgr;
  if constexpr (std::is_same_v<T, float>)
    if (planes) {
      const std::size_t red = swapped ? 2 : 0, blue = 2 - red;
      const auto plane_of = [&](std::size_t channel) {
        return out + at + static_cast<std::ptrdiff_t>(channel) * plane;
      };
      return split_planes(colors.data(), inset.width, Float4{spec.mean[red], spec.mean[1], spec.mean[blue], 0},
                          Float4{spec.scale[red], spec.scale[1], spec.scale[blue], 0}, plane_of(red), plane_of(1),
                          plane_of(blue));
    }
  for (int c = 0; c < 3; ++c) {
    const int source = swapped ? 2 - c : c;
    T* to = planes ? out + c * plane + at : out + at * 3 + c;
    const float* from = colors.data() + source;
    const int step = planes ? 1 : 3;
    for (int x = 0; x < inset.width; ++x) to[static_cast<std::ptrdiff_t>(x) * step] = finish<T>(from[x * 4], c);
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
    const T value = finish<T>(spec.mean[static_cast<std::size_t>(c)] * 255.0F, c);
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
