// Fuzz target of rules: the expressions' parser and rules.yaml's reader on any text. What the parser takes, the
// expression library takes too; what it refuses, it says why and where. A file that is taken makes an engine that runs.
#include "memory_file.h"
#include "rules/engine.h"
#include "rules/formula.h"

namespace lineside::fuzz {
namespace {

using namespace lineside::rules;

constexpr std::string_view kExpressions[] = {
    "boiler/t > 80 °C and pump.on for 30 s",
    "not (mean(boiler/t, 60 s) - 'Temp (C)' >= 5 K) or rate(p, 5 min) < -0.1 bar/min",
    "count(pump.on, 1 h) > 3 and abs(p - 2500 mbar) <= 1e-3 bar == true",
    "max(p, 1 d) - min(p, 1 d) != - - 2 * 3 / 7 + boiler/t"};
constexpr std::string_view kFile = R"(rules:
  - {name: hot, when: boiler/t > 80 for 2 s, hysteresis: 2 K, message: "{boiler/t} {{x}} {mean(p, 9 s)}", latching: true}
  - {name: low, when: mean(p, 60 s) < 2, clear_when: p > 3, off_delay_ms: 5, actions: [{kind: alarm}], stale_after_ms: 9}
)";
constexpr std::string_view kWriting = R"(rules:
  - name: valve
    when: pump.on
    actions: [{kind: write, tag: p, value: 1, min: 0, max: 2, interlocks: [pump.on], ttl_ms: 5000}]
)";

const TagList& tags() {
  static const TagList list(
      {{"boiler/t", "°C", std::chrono::seconds{60}}, {"pump.on", ""}, {"p", "bar"}, {"Temp (C)", std::nullopt}});
  return list;
}

void parse_any(std::string_view text) {
  for (const Wanted wanted : {Wanted::condition_with_delay, Wanted::condition, Wanted::number}) {
    std::vector<Mistake> mistakes;
    const auto expression = parse(text, tags(), wanted, mistakes);
    require(expression.has_value() == mistakes.empty());
    for (const Mistake& mistake : mistakes) require(mistake.column >= 1 && mistake.column <= text.size() + 1);
    if (!expression) continue;
    require(expression->nodes.size() <= kNodesMax);
    double value = 2;
    const auto formula = Formula::create(*expression, [&](const Node&) { return &value; }, 1);
    require(formula.has_value());
    static_cast<void>(formula->evaluate());
  }
  std::vector<Mistake> mistakes;
  require(parse_quantity(text, unit_of("bar"), mistakes).has_value() == mistakes.empty());
  mistakes.clear();
  require(parse_distance(text, unit_of("bar"), mistakes).has_value() == mistakes.empty());
}

class Nowhere final : public RuleSink {
 public:
  void on_rule(const RuleEvent& event) override {
    require(!event.rule.empty());
    for (const RuleWrite& write : event.writes) require(write.value >= 0 && write.value <= 10);  // as granted
  }
};

void load_any(std::span<const std::uint8_t> bytes) {
  const MemoryFile file(bytes);
  Surroundings around{TagList({{"boiler/t", "°C", std::chrono::seconds{60}}, {"pump.on", ""}, {"p", "bar"}}), {}};
  around.grants.push_back({.tag = 2,
                           .terms = {.tag = "p", .rules = {"valve"}, .unit = "bar", .max = 10},
                           .where = {},
                           .kind = config::TagSourceSettings::Kind::modbus,
                           .moves = {2}});
  auto rules = load_rules(file.path(), around);
  if (!rules) {
    require(rules.error().code == ErrorCode::config_invalid);
    return;
  }
  Nowhere sink;
  auto engine = RuleEngine::create(std::move(*rules), around.tags, sink);
  require(engine.has_value());
  for (std::int64_t i = 0; i < 30; ++i) {
    const WallTime time{std::chrono::seconds{1'700'000'000 + i * i}};
    const Sample sample{.tag = static_cast<std::size_t>(i % 3),
                        .source_time = time,
                        .received = time,
                        .value = static_cast<double>(i * 37 % 100),
                        .quality = i % 7 == 6 ? Quality::bad : Quality::good};
    engine->on_samples({&sample, 1});
    if (i % 10 == 9) engine->clock_set(std::chrono::hours{i % 20 == 9 ? 5 : -7});
    if (i % 5 == 4) engine->advance(time);
  }
}

}  // namespace

std::vector<Bytes> seeds() {
  std::vector<Bytes> all{{kFile.begin(), kFile.end()}, {kWriting.begin(), kWriting.end()}};
  for (const std::string_view text : kExpressions) all.emplace_back(text.begin(), text.end());
  return all;
}

}  // namespace lineside::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lineside::fuzz::parse_any({reinterpret_cast<const char*>(data), size});
  lineside::fuzz::load_any({data, size});
  return 0;
}
