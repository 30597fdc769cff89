#include "training/condition_fit.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <functional>
#include <limits>
#include <map>

namespace lineside::training {
namespace {

using condition::Matrix;
using condition::Model;
using condition::Regime;

constexpr double kSameState = 2, kSpreadMin = 1e-6, kWinsor = 6, kUncorrelated = 0.05, kUsualRecordings = 3,
                 kFloorShare = 0.25, kSignFloor = 0.25, kPrincipalShare = 0.9, kSpeedClear = 0.45, kUsualReach = 2.8,
                 kFollowFully = 3, kFollowUntil = 6, kVariedShrinkage = 0.2;
constexpr std::size_t kStatesMax = 64, kAxesMax = 64, kNeighboursMax = 400;

std::vector<double> mean_of(const std::vector<const Sample*>& samples, std::size_t width) {
  std::vector<double> mean(width, 0.0);
  for (const Sample* sample : samples)
    for (std::size_t i = 0; i < width; ++i) mean[i] += sample->x[i];
  for (double& value : mean) value /= static_cast<double>(std::max<std::size_t>(samples.size(), 1));
  return mean;
}

// The least of each feature over the windows.
std::vector<double> least_of(const std::vector<const Sample*>& samples, std::size_t width) {
  std::vector<double> least(width, std::numeric_limits<double>::infinity());
  for (const Sample* sample : samples)
    for (std::size_t i = 0; i < width; ++i) least[i] = std::min(least[i], static_cast<double>(sample->x[i]));
  return least;
}

std::map<std::size_t, std::vector<const Sample*>> by_recording(const std::vector<Sample>& samples) {
  std::map<std::size_t, std::vector<const Sample*>> groups;
  for (const Sample& sample : samples) groups[sample.recording].push_back(&sample);
  return groups;
}

// Deviation within recordings, pooled, with each feature's floor.
std::vector<double> spread_within(const std::map<std::size_t, std::vector<const Sample*>>& groups, const Model& model) {
  std::vector<double> squares(model.features.size(), 0.0);
  std::size_t degrees = 0;
  for (const auto& [recording, members] : groups) {
    const auto mean = mean_of(members, squares.size());
    degrees += members.size() - 1;
    for (const Sample* sample : members)
      for (std::size_t i = 0; i < mean.size(); ++i) squares[i] += std::pow(sample->x[i] - mean[i], 2);
  }
  for (std::size_t i = 0; i < squares.size(); ++i)
    squares[i] = std::sqrt(squares[i] / static_cast<double>(std::max<std::size_t>(degrees, 1)) +
                           std::pow(model.features[i].spread_floor, 2) + kSpreadMin);
  return squares;
}

double distance(const std::vector<double>& a, const std::vector<double>& b, const std::vector<double>& spread) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow((a[i] - b[i]) / spread[i], 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

double median_speed(const std::vector<const Sample*>& samples) {
  std::vector<double> speeds, shares;
  for (const Sample* sample : samples) speeds.push_back(sample->speed.hz), shares.push_back(sample->speed.share);
  if (condition::quantile(shares, 0.5) < kSpeedClear) return 0;
  const double middle = condition::quantile(speeds, 0.5);
  const auto near = std::ranges::count_if(speeds, [&](double hz) { return std::abs(hz / middle - 1) < 0.05; });
  return near * 2 > static_cast<std::ptrdiff_t>(speeds.size()) ? middle : 0;
}

// Of how many independent values a series says as much, by its autocorrelation up to where that has died away.
double independent_values(const std::vector<double>& values, double mean) {
  const std::size_t n = values.size();
  const auto covariance = [&](std::size_t lag) {
    double sum = 0;
    for (std::size_t i = 0; i + lag < n; ++i) sum += (values[i] - mean) * (values[i + lag] - mean);
    return sum / static_cast<double>(n - lag);
  };
  const double variance = covariance(0);
  double rows = 1;
  for (std::size_t lag = 1; lag < n / 3 && variance > 0; ++lag) {
    const double correlation = covariance(lag) / variance;
    if (correlation < kUncorrelated) break;
    rows += 2 * correlation;
  }
  return std::max(2.0, static_cast<double>(n) / rows);
}

// A feature's centre, spread and of how many independent rows they are known: at least as many as slow averages fit
// into them, since the features are taken from those. What is far outside (a fault in the learned rows, a start-up)
// counts as much as kWinsor robust deviations. A feature that went kUsualReach usual spreads away while it was learned
// is no Gaussian: its spread is larger.
void fit_telemetry(const std::vector<const Sample*>& rows, Model& model) {
  auto& detectors = model.detectors;
  detectors.freedom.assign(model.features.size(), 1);
  model.telemetry.follow.clear();
  std::vector<double> values(rows.size());
  for (std::size_t i = 0; i < model.features.size(); ++i) {
    std::ranges::transform(rows, values.begin(), [i](const Sample* row) { return row->x[i]; });
    const double middle = condition::quantile(values, 0.5);
    std::vector<double> distances(values.size());
    std::ranges::transform(values, distances.begin(), [=](double v) { return std::abs(v - middle); });
    const double reach = kWinsor * 1.4826 * condition::quantile(distances, 0.5) + kSpreadMin;
    double mean = 0, squares = 0, furthest = 0;
    for (double& value : values) {
      value = std::clamp(value, middle - reach, middle + reach);
      mean += value / static_cast<double>(values.size());
    }
    for (const double value : values) {
      squares += std::pow(value - mean, 2) / static_cast<double>(values.size());
      furthest = std::max(furthest, std::abs(value - mean));
    }
    model.states.front().mean[i] = mean;
    detectors.spread[i] =
        std::max(std::hypot(std::sqrt(squares), model.features[i].spread_floor), furthest / kUsualReach);
    const double averages = static_cast<double>(values.size()) / model.telemetry.baseline_rows;
    detectors.freedom[i] = std::max({1.0, averages, independent_values(values, mean) - 1});
    const auto at = [&](double deviate) {
      return detectors.spread[i] * condition::spreads_of(deviate, detectors.freedom[i]);
    };
    model.telemetry.follow.push_back({.mean = mean, .fully = at(kFollowFully), .until = at(kFollowUntil)});
  }
}

// A feature's deviation of a window of a new recording: within a recording and between recordings of a state. The
// latter is known from few recordings, so it is drawn towards what is usual (the feature's floor), which weighs as much
// as kUsualRecordings; with one recording of each state it is all there is.
void fit_waveform_spread(const std::vector<const Sample*>& samples, Model& model) {
  const std::size_t width = model.features.size();
  std::map<std::size_t, std::vector<const Sample*>> recordings;
  for (const Sample* sample : samples) recordings[sample->recording].push_back(sample);
  std::vector<double> within(width, 0.0), between(width, 0.0);
  std::map<std::size_t, std::vector<std::vector<double>>> means;  // of the recordings, by state
  double degrees_within = 0, degrees_between = 0, windows = 0;
  for (const auto& [recording, members] : recordings) {
    const auto mean = mean_of(members, width);
    for (const Sample* sample : members)
      for (std::size_t i = 0; i < width; ++i) within[i] += std::pow(sample->x[i] - mean[i], 2);
    degrees_within += static_cast<double>(members.size() - 1);
    windows += static_cast<double>(members.size()) / static_cast<double>(recordings.size());
    means[members.front()->state].push_back(mean);
  }
  for (const auto& [state, list] : means) {
    degrees_between += static_cast<double>(list.size() - 1);
    for (std::size_t i = 0; i < width; ++i) {
      double center = 0;
      for (const auto& mean : list) center += mean[i] / static_cast<double>(list.size());
      for (const auto& mean : list) between[i] += std::pow(mean[i] - center, 2);
    }
  }
  // A new recording differs from a state's mean by its own deviation and by that of the mean.
  const double per_state =
      static_cast<double>(recordings.size()) / static_cast<double>(std::max<std::size_t>(means.size(), 1));
  for (std::size_t i = 0; i < width; ++i) {
    const double usual = std::pow(model.features[i].spread_floor, 2),
                 inside = within[i] / std::max(degrees_within, 1.0);
    const double seen = std::max(0.0, between[i] / std::max(degrees_between, 1.0) - inside / windows);
    const double drawn = (kUsualRecordings * usual + degrees_between * seen) / (kUsualRecordings + degrees_between);
    model.detectors.spread[i] = std::sqrt(inside + (1 + 1 / per_state) * drawn + kFloorShare * usual + kSpreadMin);
  }
}

// Means of the signs of known faults in each state, and their deviation within the states.
void fit_signs(const std::vector<const Sample*>& samples, Model& model) {
  const std::size_t width = samples.front()->signs.size();
  std::vector<double> counts(model.states.size(), 0.0), squares(width, 0.0);
  for (auto& state : model.states) state.signs.assign(width, 0.0);
  for (const Sample* sample : samples) {
    counts[sample->state] += 1;
    for (std::size_t i = 0; i < width; ++i) model.states[sample->state].signs[i] += sample->signs[i];
  }
  for (std::size_t s = 0; s < counts.size(); ++s)
    for (double& value : model.states[s].signs) value /= std::max(counts[s], 1.0);
  for (const Sample* sample : samples)
    for (std::size_t i = 0; i < width; ++i)
      squares[i] += std::pow(sample->signs[i] - model.states[sample->state].signs[i], 2);
  model.sign_spread.assign(width, 0.0);
  for (std::size_t i = 0; i < width; ++i)
    model.sign_spread[i] = std::sqrt(squares[i] / static_cast<double>(samples.size()) + kSignFloor * kSignFloor);
}

// How far the covariance is drawn towards a multiple of the identity, 0..1.
double shrinkage(const std::vector<std::vector<double>>& rows, const Matrix& covariance, double mu) {
  double norm = 0, target = 0, noise = 0;
  for (std::size_t i = 0; i < covariance.rows; ++i)
    for (std::size_t j = 0; j < covariance.columns; ++j) {
      const double value = covariance.at(i, j);
      norm += value * value;
      target += std::pow(value - (i == j ? mu : 0), 2);
    }
  for (const auto& row : rows) {
    double along = 0;
    for (std::size_t i = 0; i < row.size(); ++i) along += row[i] * condition::dot(covariance.row(i), row);
    const double length = condition::dot(row, row);
    noise += length * length - 2 * along + norm;
  }
  const double n = static_cast<double>(rows.size());
  noise = std::max(noise, 0.0) / n / (n / 2);
  return target > 0 ? std::clamp(noise / target, 0.01, 1.0) : 1;
}

// How much harder a recording strikes than all others: by the envelopes' kurtoses where it does so most.
struct Strikes {
  double mean = 0, largest = 0;  // of the kMost largest, in what the largest of the others is above their middle
  std::size_t feature = 0;       // of the largest
};

Strikes strikes_of(const std::vector<std::vector<double>>& table, std::size_t row,
                   std::span<const condition::FeatureInfo> features) {
  constexpr double kUsualExcess = 0.1;
  constexpr std::size_t kMost = 3;
  std::vector<std::pair<double, std::size_t>> strikes;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (!features[i].name.starts_with("spectral kurtosis")) continue;
    std::vector<double> others;
    for (std::size_t r = 0; r < table.size(); ++r)
      if (r != row) others.push_back(table[r][i]);
    const double largest = std::ranges::max(others), middle = condition::quantile(others, 0.5);
    strikes.emplace_back((table[row][i] - largest) / std::max(kUsualExcess, largest - middle), i);
  }
  if (strikes.empty()) return {};
  std::ranges::sort(strikes, std::greater<>());
  Strikes result{.mean = 0, .largest = strikes.front().first, .feature = strikes.front().second};
  const std::size_t most = std::min(kMost, strikes.size());
  for (std::size_t k = 0; k < most; ++k) result.mean += strikes[k].first / static_cast<double>(most);
  return result;
}

Matrix table_of(const std::vector<std::vector<double>>& rows) {
  Matrix table(rows.size(), rows.front().size());
  for (std::size_t r = 0; r < rows.size(); ++r) std::ranges::copy(rows[r], table.row(r).begin());
  return table;
}

}  // namespace

std::size_t assign_states(std::vector<Sample>& samples, const Model& model) {
  if (model.regime == Regime::telemetry) return 1;
  const auto groups = by_recording(samples);
  const auto spread = spread_within(groups, model);
  std::vector<std::vector<double>> leaders;
  std::map<std::size_t, std::size_t> state_of;
  for (const auto& [recording, members] : groups) {
    const auto mean = mean_of(members, spread.size());
    std::size_t nearest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t s = 0; s < leaders.size(); ++s)
      if (const double d = distance(mean, leaders[s], spread); d < least) least = d, nearest = s;
    if (least > kSameState && leaders.size() < kStatesMax) {
      nearest = leaders.size();
      leaders.push_back(mean);
    }
    state_of[recording] = nearest;
  }
  for (Sample& sample : samples) sample.state = state_of[sample.recording];
  return leaders.size();
}

void assign_folds(std::vector<Sample>& samples, std::size_t states, Regime regime) {
  for (std::size_t s = 0; s < states; ++s) {
    std::map<std::size_t, std::vector<Sample*>> recordings;
    for (Sample& sample : samples)
      if (sample.state == s) recordings[sample.recording].push_back(&sample);
    std::size_t index = 0;
    for (auto& [recording, members] : recordings) {
      const std::size_t parts = regime == Regime::telemetry ? kConditionFolds : 2;
      for (std::size_t i = 0; i < members.size(); ++i)
        members[i]->fold = recordings.size() > 1 ? (index * kConditionFolds / recordings.size() + s) % kConditionFolds
                                                 : (i * parts / members.size() + s) % kConditionFolds;
      ++index;
    }
  }
}

void fit_states(const std::vector<Sample>& samples, std::size_t states, std::size_t fold, Model& model) {
  std::vector<const Sample*> kept;
  for (const Sample& sample : samples)
    if (sample.fold != fold) kept.push_back(&sample);
  model.states.clear();
  model.detectors.spread.assign(model.features.size(), 1);
  for (std::size_t s = 0; s < states; ++s) {
    std::vector<const Sample*> members;
    for (const Sample* sample : kept)
      if (sample->state == s) members.push_back(sample);
    condition::State state{
        .name = {}, .speed_hz = median_speed(members), .mean = mean_of(members, model.features.size())};
    // A state that is wholly held out has no normal of its own in this fold.
    if (members.empty()) state.mean.assign(model.features.size(), std::numeric_limits<float>::max());
    state.name = state.speed_hz > 0 ? std::format("s{} ({:.1f} Hz)", s + 1, state.speed_hz) : std::format("s{}", s + 1);
    model.states.push_back(std::move(state));
  }
  if (kept.empty()) return;
  if (model.regime == Regime::telemetry)
    fit_telemetry(kept, model);
  else
    fit_waveform_spread(kept, model), fit_signs(kept, model);
}

std::vector<Outlier> outlying_recordings(const std::vector<Sample>& samples,
                                         std::span<const condition::FeatureInfo> features) {
  constexpr double kStrikes = 5;
  constexpr std::size_t kRecordingsMin = 5;
  std::vector<std::size_t> recordings;
  std::vector<std::vector<double>> means, quietest;
  for (const auto& [recording, members] : by_recording(samples)) {
    recordings.push_back(recording);
    means.push_back(mean_of(members, features.size()));
    quietest.push_back(least_of(members, features.size()));
  }
  std::vector<Outlier> list;
  if (recordings.size() < kRecordingsMin) return list;
  for (std::size_t r = 0; r < recordings.size(); ++r) {
    const Strikes strikes = strikes_of(means, r, features);
    if (std::min(strikes.mean, strikes_of(quietest, r, features).mean) < kStrikes) continue;
    const auto& feature = features[strikes.feature];
    list.push_back({recordings[r], std::format("{} {} is {:.1f} times as far above all {} others as they differ",
                                               feature.channel, feature.name, strikes.largest, means.size() - 1)});
  }
  return list;
}

void fit_detectors(const std::vector<std::vector<double>>& rows, const std::vector<std::vector<double>>& varied,
                   double share, condition::Detectors& detectors) {
  const std::size_t width = rows.front().size(), count_of_all = rows.size() + varied.size();
  Matrix covariance = condition::second_moments(table_of(rows));
  if (!varied.empty()) {
    const Matrix other = condition::second_moments(table_of(varied));
    for (std::size_t i = 0; i < covariance.values.size(); ++i)
      covariance.values[i] += share * (other.values[i] - covariance.values[i]);
  }
  double trace = 0;
  for (std::size_t i = 0; i < width; ++i) trace += covariance.at(i, i);
  const double mu = trace / static_cast<double>(width),
               rho = std::max(shrinkage(rows, covariance, mu), varied.empty() ? 0 : kVariedShrinkage);
  const condition::Eigen eigen = condition::symmetric_eigen(covariance);
  const std::size_t axes = std::min({kAxesMax, width, std::max<std::size_t>(count_of_all / 2, 1)});
  detectors.axes = Matrix(axes, width);
  detectors.axis_variance.assign(eigen.values.begin(), eigen.values.begin() + static_cast<std::ptrdiff_t>(axes));
  detectors.axis_variance_shrunk.clear();
  double kept = 0, of_axes = 0;
  detectors.principal = 0;
  for (std::size_t k = 0; k < axes; ++k) {
    std::ranges::copy(eigen.vectors.row(k), detectors.axes.row(k).begin());
    detectors.axis_variance_shrunk.push_back((1 - rho) * eigen.values[k] + rho * mu);
    if (kept < kPrincipalShare * trace) ++detectors.principal, kept += eigen.values[k];
    of_axes += eigen.values[k];
  }
  const double rest = axes < width ? std::max(trace - of_axes, 0.0) / static_cast<double>(width - axes) : mu;
  detectors.rest_variance_shrunk = (1 - rho) * rest + rho * mu;
  detectors.q_scale = std::max(trace - kept, 1e-3 * trace);
  const std::size_t step = (rows.size() + kNeighboursMax - 1) / kNeighboursMax;
  const std::size_t count = (rows.size() + step - 1) / step;
  detectors.neighbours = Matrix(count, width);
  for (std::size_t i = 0; i < count; ++i) std::ranges::copy(rows[i * step], detectors.neighbours.row(i).begin());
}

}  // namespace lineside::training
