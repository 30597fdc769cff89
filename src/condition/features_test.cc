#include "condition/features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <numeric>
#include <random>

#include "condition/signs.h"
#include "condition/spectrum.h"

namespace lineside::condition {
namespace {

constexpr double kTurn = 2 * std::numbers::pi, kRate = 20'000;
constexpr std::size_t kWindow = 10'000;

std::vector<float> sine(double hz, double amplitude) {
  std::vector<float> x(kWindow);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(amplitude * std::sin(kTurn * hz * static_cast<double>(i) / kRate));
  return x;
}

std::vector<float> noise(double deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, static_cast<float>(deviation));
  std::vector<float> x(kWindow);
  for (float& value : x) value = normal(random);
  return x;
}

WaveformFront front() {
  WaveformFront result{.window = kWindow, .hop = kWindow / 2, .bands = log_bands(kWindow, kRate), .demodulation = {}};
  result.demodulation = {{{2'000, 4'000}, {4'000, 8'000}}};
  return result;
}

// One channel's features by name.
class Features {
 public:
  explicit Features(const std::vector<float>& x) {
    const std::vector<std::string> channels{"x"};
    const WaveformFront f = front();
    info_ = waveform_features(f, channels);
    WaveformExtractor extractor(f, kRate);
    const std::vector<std::span<const float>> spans{x};
    values_ = extractor.extract(spans);
    speed_ = extractor.speed();
  }
  double operator[](std::string_view name) const {
    for (std::size_t i = 0; i < info_.size(); ++i)
      if (info_[i].name == name) return values_[i];
    ADD_FAILURE() << "no feature " << name;
    return 0;
  }
  Speed speed() const { return speed_; }
  std::size_t count() const { return values_.size(); }
  std::size_t named() const { return info_.size(); }

 private:
  std::vector<FeatureInfo> info_;
  std::vector<float> values_;
  Speed speed_;
};

TEST(WaveformFeatures, OfASine_AreItsClosedForms) {
  const Features f(sine(100, 3));
  EXPECT_NEAR(std::exp(f["rms"]), 3 / std::sqrt(2), 1e-3);
  EXPECT_NEAR(std::exp(f["crest factor"]), std::sqrt(2), 1e-3);
  EXPECT_NEAR(std::exp(f["kurtosis"]), 1.5, 1e-3);
  EXPECT_NEAR(f["skewness"], 0, 1e-3);
  EXPECT_NEAR(std::exp(f["velocity rms"]), 3 / std::sqrt(2) / (kTurn * 100), 0.01 * 3 / (kTurn * 100));
}

TEST(WaveformFeatures, AreAsManyAsTheirNames) {
  const Features f(noise(1, 1));
  EXPECT_EQ(f.count(), f.named());
}

TEST(WaveformFeatures, OfGaussianNoise_AreKurtosisThreeAndNoSpectralKurtosis) {
  const Features f(noise(0.5, 2));
  EXPECT_NEAR(std::exp(f["kurtosis"]), 3, 0.15);
  EXPECT_NEAR(std::exp(f["rms"]), 0.5, 0.02);
  EXPECT_NEAR(std::exp(f["spectral kurtosis 2000-4000 Hz"]) - 2, 0, 0.25);
}

TEST(Spectrum, PowerSumsToTheVariance) {
  Spectrum spectrum(kWindow, kRate);
  spectrum.load(noise(2, 3));
  EXPECT_NEAR(spectrum.energy({0, kRate}), 4, 0.3);
  spectrum.load(sine(1000, 2));
  EXPECT_NEAR(spectrum.energy({990, 1010}), 2, 0.02);
  EXPECT_LT(spectrum.energy({2000, 9000}), 1e-6);
}

// By the definitions in spectrum.h, in double.
struct SlowSpectrum {
  std::size_t size;
  std::vector<std::complex<double>> plain;  // of the window less its mean, padded to `size`
  std::vector<double> power;
  SlowSpectrum(const std::vector<float>& x, std::size_t padded) : size(padded), plain(size / 2 + 1) {
    const auto n = static_cast<double>(x.size());
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
    std::vector<std::complex<double>> windowed(plain.size());
    double window_power = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double w = 0.5 - 0.5 * std::cos(kTurn * static_cast<double>(i) / n);
      window_power += w * w;
      for (std::size_t k = 0; k < plain.size(); ++k) {
        const auto turn = std::polar(1.0, -kTurn * static_cast<double>(i * k % size) / static_cast<double>(size));
        plain[k] += (x[i] - mean) * turn;
        windowed[k] += w * (x[i] - mean) * turn;
      }
    }
    for (std::size_t k = 0; k < plain.size(); ++k)
      power.push_back(std::norm(windowed[k]) * (k == 0 || k + 1 == plain.size() ? 1 : 2) /
                      (window_power * static_cast<double>(size)));
  }
  std::vector<double> envelope(std::size_t from, std::size_t count, std::size_t length, std::size_t used) const {
    std::vector<double> result;
    for (std::size_t i = 0; i < used; ++i) {
      std::complex<double> sum;
      for (std::size_t k = 0; k < count; ++k)
        sum += plain[from + k] *
               std::polar(1.0, kTurn * static_cast<double>(i * k % length) / static_cast<double>(length));
      result.push_back(2 * std::abs(sum) / static_cast<double>(size));
    }
    return result;
  }
};

TEST(Spectrum, IsWhatItsDefinitionsSay) {
  // A length that is quick, and one that is padded.
  for (const auto& [samples, size] : {std::pair<std::size_t, std::size_t>{600, 600}, {607, 640}}) {
    std::vector<float> x = noise(1, 11);
    x.resize(samples);
    for (std::size_t i = 0; i < samples; ++i)
      x[i] += static_cast<float>(7 + 3 * std::sin(0.3 * static_cast<double>(i)));
    const SlowSpectrum slow(x, size);
    Spectrum spectrum(samples, static_cast<double>(size));  // bins of 1 Hz
    spectrum.load(x);
    ASSERT_EQ(spectrum.power().size(), slow.power.size());
    const double largest = std::ranges::max(slow.power);
    for (std::size_t k = 0; k < slow.power.size(); ++k)
      EXPECT_NEAR(spectrum.power()[k], slow.power[k], 1e-6 * largest) << size << " " << k;
    // 97 bins are transformed as 100.
    const auto envelope = spectrum.envelope({100, 197});
    const auto wanted = slow.envelope(100, 97, 100, 100 * samples / size);
    ASSERT_EQ(envelope.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(envelope[i], wanted[i], 1e-5) << size << " " << i;
  }
}

TEST(Spectrum, EnvelopeOfAnAmplitudeModulatedTone_IsItsModulation) {
  std::vector<float> x(kWindow);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double t = static_cast<double>(i) / kRate;
    x[i] = static_cast<float>((1 + 0.5 * std::cos(kTurn * 40 * t)) * std::sin(kTurn * 3000 * t));
  }
  Spectrum spectrum(kWindow, kRate);
  spectrum.load(x);
  const Band band{2000, 4000};
  const auto envelope = spectrum.envelope(band);
  const double rate = spectrum.envelope_rate_hz(band);
  ASSERT_GT(envelope.size(), 500U);
  for (std::size_t i = envelope.size() / 10; i < envelope.size() * 9 / 10; ++i)
    EXPECT_NEAR(envelope[i], 1 + 0.5 * std::cos(kTurn * 40 * static_cast<double>(i) / rate), 0.02) << i;
}

TEST(WaveformFeatures, SeeTheLineOfAModulation) {
  std::vector<float> x = noise(1, 4);
  const double before = Features(x)["envelope line 2000-4000 Hz"];
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] *= static_cast<float>(1 + 0.8 * std::cos(kTurn * 60 * static_cast<double>(i) / kRate));
  EXPECT_GT(Features(x)["envelope line 2000-4000 Hz"], before + 0.7);
}

TEST(WaveformFeatures, FindTheShaftsSpeed) {
  std::vector<float> x = noise(0.2, 5);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double t = static_cast<double>(i) / kRate;
    x[i] += static_cast<float>(std::sin(kTurn * 29.3 * t) + 0.3 * std::sin(2 * kTurn * 29.3 * t));
  }
  EXPECT_NEAR(Features(x).speed().hz, 29.3, 1);
  EXPECT_LT(Features(noise(1, 6)).speed().share, 0.5);
}

TEST(SpeedFinder, IsNotLedAwayByABearingsLines_FromASpeedThatWasLearned) {
  std::mt19937 random(9);
  std::exponential_distribution<float> exponential(1);
  std::vector<float> power(1000);
  for (float& value : power) value = exponential(random);
  for (const int order : {1, 2, 3}) power[static_cast<std::size_t>(29 * order)] = 60;
  for (const int order : {1, 2, 3, 4, 5}) power[static_cast<std::size_t>(103 * order)] = 1e4;
  SpeedFinder finder;
  finder.add(power, 1);
  EXPECT_NEAR(finder.find().hz, 103, 1);
  EXPECT_NEAR(finder.find(0, std::vector<double>{12, 29, 47}).hz, 29, 1);
  EXPECT_NEAR(finder.find(0, std::vector<double>{12, 47}).hz, 103, 1);
}

TEST(Kurtogram, ChoosesTheBandThatRings) {
  std::vector<float> x = noise(0.3, 7);
  for (std::size_t start = 100; start + 100 < x.size(); start += 250)
    for (std::size_t i = 0; i < 60; ++i)
      x[start + i] += static_cast<float>(3 * std::exp(-static_cast<double>(i) / 12) *
                                         std::sin(kTurn * 5600 * static_cast<double>(i) / kRate));
  const std::vector<std::span<const float>> windows{x};
  const Band band = kurtogram_band(windows, kRate);
  EXPECT_LE(band.low_hz, 5600);
  EXPECT_GE(band.high_hz, 5600);
}

TEST(TelemetryFeatures, SeeAChannelThatLeavesTheOthers) {
  std::mt19937 random(8);
  std::normal_distribution<float> normal(0, 1);
  Recording recording{.names = {"a", "b"}, .channels = {{}, {}}};
  for (int i = 0; i < 400; ++i) {
    const float common = normal(random);
    recording.channels[0].push_back(10 + common + 0.1F * normal(random));
    recording.channels[1].push_back(5 - common + 0.1F * normal(random));
  }
  const TelemetryFront learned = learn_telemetry(std::span(&recording, 1));
  EXPECT_NEAR(learned.center[0], 10, 0.2);
  TelemetryExtractor together(learned), apart(learned);
  std::vector<float> same, other;
  for (int i = 0; i < 40; ++i) {
    same = together.extract(std::vector<float>{11, 4});
    other = apart.extract(std::vector<float>{11, 6});
  }
  // Columns: level, against the others.
  EXPECT_NEAR(same[0], other[0], 1e-6);
  EXPECT_GT(std::abs(other[1]), 3 * std::abs(same[1]));
}

TEST(TelemetryFeatures, KeepTheirAverages_WhenARowIsMissing) {
  Recording recording{.names = {"a"}, .channels = {{0, 1, 2, 1, 0, 1, 2, 1}}};
  const TelemetryFront learned = learn_telemetry(std::span(&recording, 1));
  TelemetryExtractor extractor(learned);
  const auto before = extractor.extract(std::vector<float>{2});
  EXPECT_EQ(extractor.extract(std::vector<float>{std::nanf("")}), before);
}

}  // namespace
}  // namespace lineside::condition
