#include <algorithm>
#include <cmath>
#include <format>

#include "condition/explain.h"
#include "condition/signs.h"

namespace lineside::condition {
namespace {

// What counts: at least 1.3 times normal in amplitude, and three of its own deviations.
constexpr double kGainLeast = 0.26, kDeviationsLeast = 3, kOrderStep = 0.03, kStrengthLeast = 0.15,
                 kEnvelopeLeast = 2.3, kOrdersMost = 2, kBearingMost = 3, kSideLeast = 1.6;
constexpr std::size_t kRowOfOrders = 4;

// One window's signs against those of normal.
struct Seen {
  const Model& model;
  const State& state;
  std::span<const float> signs;
  double speed_hz;
  double value(std::size_t channel, std::size_t sign) const { return signs[channel * Sign::kCount + sign]; }
  double normal(std::size_t channel, std::size_t sign) const { return state.signs[channel * Sign::kCount + sign]; }
  // Logarithm of the amplitude's growth; 0 if it is not worth speaking of.
  double gain(std::size_t channel, std::size_t sign) const {
    const std::size_t i = channel * Sign::kCount + sign;
    const double growth = 0.5 * (signs[i] - state.signs[i]);
    return growth > kGainLeast && growth > 0.5 * kDeviationsLeast * model.sign_spread[i] ? growth : 0;
  }
  std::size_t channels() const { return model.channels.size(); }
};

struct Guess {
  double strength = 0;
  std::vector<std::string> evidence;
};
using Guesses = std::array<Guess, kPatterns>;

Guess& of(Guesses& guesses, Pattern pattern) { return guesses[static_cast<std::size_t>(pattern)]; }

// Orders of the shaft: which of them grew, by their share of the velocity that was added.
void judge_orders(const Seen& seen, Guesses& guesses) {
  double once = 0, twice = 0, others = 0, strongest = 0, high = 0;
  std::string where;
  for (std::size_t c = 0; c < seen.channels(); ++c) {
    high = std::max(high, seen.gain(c, Sign::kHigh));
    // One or two high orders are raised by many things; a row of them by looseness.
    std::size_t grown = 0;
    for (std::size_t k = 0; k < Sign::kOrders.size(); ++k) grown += seen.gain(c, Sign::kOrder + k) > 0 ? 1 : 0;
    for (std::size_t k = 0; k < Sign::kOrders.size(); ++k) {
      const double gain = seen.gain(c, Sign::kOrder + k), order = Sign::kOrders[k];
      // Twice the mains' frequency is no order, though it may fall on one.
      const double hz = order * seen.speed_hz;
      if (gain == 0 || (order != 1 && (std::abs(hz - 100) < 2.5 || std::abs(hz - 120) < 2.5))) continue;
      const double added =
          (std::exp(seen.value(c, Sign::kOrder + k)) - std::exp(seen.normal(c, Sign::kOrder + k))) / (order * order);
      const bool is_other = order != 1 && order != 2 && order != 3;
      if (is_other && grown < kRowOfOrders) continue;
      // In a row of orders velocity would hide all but the lowest.
      (order == 1 ? once : is_other ? others : twice) += added * (is_other ? order * order : 1);
      if (gain > strongest) {
        strongest = gain;
        where = std::format("{:g}x {:.1f} Hz on {}: {:.1f} times normal", order, hz, seen.model.channels[c],
                            std::exp(gain));
      }
    }
  }
  const double all = once + twice + others;
  if (all <= 0) return;
  const double share = twice / all, loose = others / all;
  const Pattern pattern = loose > 0.4 ? Pattern::looseness : share > 0.4 ? Pattern::misalignment : Pattern::unbalance;
  Guess& guess = of(guesses, pattern);
  // What raises high frequencies as much is no matter of the shaft's orders.
  guess.strength = std::min(strongest, kOrdersMost) - (pattern == Pattern::looseness ? high : 0);
  guess.evidence = {where, std::format("of the velocity added: 1x {:.0f} %, 2x and 3x {:.0f} %, others {:.0f} %",
                                       100 * once / all, 100 * share, 100 * loose)};
}

void judge_electrical(const Seen& seen, Guesses& guesses) {
  const double line = seen.model.waveform.asset.line_hz;
  for (std::size_t c = 0; c < seen.channels(); ++c)
    for (const auto& [sign, hz] : {std::pair{Sign::kLine100, 100.0}, std::pair{Sign::kLine120, 120.0}}) {
      if (line > 0 && std::abs(2 * line - hz) > 1) continue;
      const double order = seen.speed_hz > 0 ? hz / seen.speed_hz : 0.5;
      if (std::abs(order - std::round(order)) * seen.speed_hz < 2.5) continue;
      Guess& guess = of(guesses, Pattern::electrical);
      const double gain = std::min(seen.gain(c, sign), 2.5);
      if (gain <= guess.strength) continue;
      guess = {gain,
               {std::format("{:g} Hz on {}: {:.1f} times normal, no order of the shaft", hz, seen.model.channels[c],
                            std::exp(gain))}};
    }
}

void judge_gear(const Seen& seen, Guesses& guesses) {
  for (std::size_t c = 0; c < seen.channels(); ++c) {
    const double gain = std::min(seen.gain(c, Sign::kMesh), 2.5);
    Guess& guess = of(guesses, Pattern::gear);
    if (gain > guess.strength)
      guess = {gain,
               {std::format("an order between the 10th and the 60th on {} stands out {:.1f} times more than normal",
                            seen.model.channels[c], std::exp(gain))}};
  }
}

bool near(double order, double wanted) {
  if (wanted <= 0) return false;
  for (const int multiple : {1, 2, 3})
    if (std::abs(order / (multiple * wanted) - 1) < kOrderStep) return true;
  return false;
}

// Which part of a bearing: by the asset's geometry; without it by what modulates the impacts (Randall and Antoni, MSSP
// 25, 2011): the inner race passes the load zone once a turn, a ball with the cage, the outer race stays in it.
Pattern bearing_part(const Seen& seen, std::size_t c, std::string& why) {
  const double hz = seen.value(c, Sign::kEnvelopeHz), order = seen.speed_hz > 0 ? hz / seen.speed_hz : 0;
  for (const BearingOrders& bearing : seen.model.waveform.asset.bearings) {
    const auto by = [&](const char* name) { why = std::format("{:.2f} orders: {} of {}", order, name, bearing.name); };
    if (near(order, bearing.outer)) return by("BPFO"), Pattern::outer_race;
    if (near(order, bearing.inner)) return by("BPFI"), Pattern::inner_race;
    if (near(order, bearing.ball) || near(order, 2 * bearing.ball)) return by("BSF"), Pattern::ball;
  }
  const double shaft = seen.value(c, Sign::kEnvelopeShaft), cage = seen.value(c, Sign::kEnvelopeCage);
  // Outer races pass at 2.5 orders and more.
  if (std::abs(order - std::round(order)) < kOrderStep * 2 && order < 2.4)
    return why = "modulated by the shaft's speed", Pattern::inner_race;
  if (order > 0.3 && order < 0.47) return why = "modulated by the cage's speed", Pattern::ball;
  if (shaft > kSideLeast && shaft > cage)
    return why = std::format("{:.2f} orders with sidebands at the shaft's speed", order), Pattern::inner_race;
  if (cage > kSideLeast)
    return why = std::format("{:.2f} orders with sidebands at a cage's speed", order), Pattern::ball;
  return why = std::format("{:.2f} orders without sidebands", order), Pattern::outer_race;
}

void judge_bearing(const Seen& seen, Guesses& guesses) {
  double most = 0;
  std::size_t channel = 0;
  for (std::size_t c = 0; c < seen.channels(); ++c) {
    const double line = seen.value(c, Sign::kEnvelopeLine);
    const double growth = 0.5 * (line - seen.normal(c, Sign::kEnvelopeLine)) + seen.gain(c, Sign::kImpulsive);
    if (line > kEnvelopeLeast && growth > most) most = growth, channel = c;
  }
  if (most < kStrengthLeast) return;
  std::string why;
  Guess& guess = of(guesses, bearing_part(seen, channel, why));
  guess = {std::min(most, kBearingMost),
           {std::format("impacts at {:.1f} Hz in the envelope of {}", seen.value(channel, Sign::kEnvelopeHz),
                        seen.model.channels[channel]),
            why}};
}

// Broadband and irregular: more at high frequencies without a rhythm.
void judge_cavitation(const Seen& seen, Guesses& guesses) {
  double high = 0, rhythm = 0, bursts = 0;
  for (std::size_t c = 0; c < seen.channels(); ++c) {
    high = std::max(high, seen.gain(c, Sign::kHigh));
    bursts = std::max(bursts, seen.gain(c, Sign::kImpulsive));
    rhythm = std::max(rhythm, 0.5 * (seen.value(c, Sign::kEnvelopeLine) - seen.normal(c, Sign::kEnvelopeLine)));
  }
  const double strength = std::min(high, 2.5) + bursts - 2 * std::max(0.0, rhythm);
  if (high > 0 && bursts > 0 && strength > 0)
    of(guesses, Pattern::cavitation) = {strength,
                                        {std::format("high frequencies {:.1f} times normal in bursts without "
                                                     "a rhythm",
                                                     std::exp(high))}};
}

void judge_pattern(const Seen& seen, Explanation& explanation) {
  Guesses guesses;
  judge_orders(seen, guesses);
  judge_electrical(seen, guesses);
  judge_gear(seen, guesses);
  judge_bearing(seen, guesses);
  judge_cavitation(seen, guesses);
  double sum = 0;
  std::size_t best = 0;
  for (std::size_t i = 1; i < guesses.size(); ++i) {
    sum += std::max(0.0, guesses[i].strength);
    if (guesses[i].strength > guesses[best].strength) best = i;
  }
  if (guesses[best].strength < kStrengthLeast) return;
  explanation.pattern = static_cast<Pattern>(best);
  explanation.confidence = guesses[best].strength / sum;
  explanation.evidence = guesses[best].evidence;
}

// Velocity of the largest channel, mm/s.
double velocity_mm_s(const Model& model, std::span<const float> x) {
  double largest = 0;
  for (std::size_t i = 0; i < model.features.size(); ++i)
    if (model.features[i].name == "velocity rms") largest = std::max(largest, std::exp(static_cast<double>(x[i])));
  return largest * model.waveform.asset.mm_s2_per_unit;
}

}  // namespace

Explanation explain(const Model& model, const State& state, std::span<const float> x, std::span<const float> signs,
                    double speed_hz, std::span<const double> z) {
  Explanation explanation{.contributions = contributions(model.features, z), .evidence = {}};
  if (signs.empty() || state.signs.size() != signs.size() || model.sign_spread.size() != signs.size())
    return explanation;
  judge_pattern({model, state, signs, speed_hz}, explanation);
  if (model.waveform.asset.mm_s2_per_unit > 0) {
    explanation.velocity_mm_s = velocity_mm_s(model, x);
    explanation.iso_zone = iso_zone(model.waveform.asset, explanation.velocity_mm_s);
  }
  return explanation;
}

}  // namespace lineside::condition
