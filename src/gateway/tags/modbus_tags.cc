#include "gateway/tags/modbus_tags.h"

#include <algorithm>
#include <format>
#include <map>
#include <random>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using Kind = ModbusAnswer::Kind;

constexpr int kSplitsOfPoll = 8;  // what a device refuses is narrowed down in steps, so that nobody waits long for it

}  // namespace

Backoff ModbusTags::backoff(nanoseconds least) const {
  return {least, std::max<nanoseconds>(least, settings_.reconnect_max), std::random_device{}()};
}

ModbusTags::ModbusTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags,
                       Clock& clock, MetricsRegistry& metrics)
    : settings_(settings),
      clock_(clock),
      intake_(settings, tags, clock, metrics),
      link_(settings, clock),
      line_(backoff(settings.reconnect_min)),
      writes_(clock) {
  std::map<int, std::vector<std::size_t>> units;
  for (std::size_t i = 0; i < intake_.size(); ++i) {
    registers_.push_back(intake_.tag(i).modbus);
    units[registers_.back().unit].push_back(i);
  }
  for (auto& [number, of_unit] : units) {
    units_.push_back({.tags = std::move(of_unit), .blocks = {}, .silent = backoff(settings.reconnect_min)});
    units_.back().blocks = blocks_of(units_.back());
  }
}

ModbusTags::~ModbusTags() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::vector<ModbusTags::Block> ModbusTags::blocks_of(const Unit& unit) const {
  std::vector<config::ModbusTagSettings> registers;
  for (const std::size_t i : unit.tags) registers.push_back(registers_[i]);
  std::vector<Block> blocks;
  for (ModbusBlock& block : plan_blocks(registers, settings_.gap_max, settings_.registers_max)) {
    for (std::size_t& tag : block.tags) tag = unit.tags[tag];
    blocks.push_back({std::move(block), backoff(std::max(settings_.period, settings_.reconnect_min))});
  }
  return blocks;
}

Result<void> ModbusTags::start(TagSink& sink) {
  intake_.set_sink(sink);
  if (units_.empty()) return {};
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return {};
}

void ModbusTags::run(const std::stop_token& stop) {
  const std::stop_callback hurry(stop, [this] { link_.interrupt(); });
  began_ = clock_.mono();
  for (Unit& unit : units_) unit.due = began_;
  while (!stop.stop_requested()) {
    do_writes(stop);
    Unit& next = *std::ranges::min_element(units_, {}, &Unit::due);
    const MonoTime at = link_.is_open() ? next.due : std::max(next.due, retry_at_);
    if (const nanoseconds wait = at - clock_.mono(); wait > 0ns) {
      if (writes_.wait(stop, wait)) return;
      continue;
    }
    poll(next, stop);
    intake_.flush();
  }
}

bool ModbusTags::open() {
  if (link_.is_open()) return true;
  if (clock_.mono() < retry_at_) return false;
  const ModbusAnswer opened = link_.open();
  if (link_.is_open()) return true;
  retry_at_ = clock_.mono() + line_.next();
  intake_.down(opened.why);
  return false;
}

void ModbusTags::poll(Unit& unit, const std::stop_token& stop) {
  if (!open()) return;
  const ModbusAnswer answer = poll_blocks(unit, stop);
  if (stop.stop_requested()) return;
  if (answer.kind == Kind::broken) {
    retry_at_ = clock_.mono() + line_.next();
    intake_.down(answer.why);
    return;
  }
  if (answer.kind == Kind::silent) return unit_is_silent(unit, answer.why);
  if (!unit.answers) {  // it may be another device now
    unit.blocks = blocks_of(unit);
    unit.answers = true;
  }
  unit.silent.reset();
  line_.reset();
  keep_grid(unit);
}

void ModbusTags::unit_is_silent(Unit& unit, const std::string& why) {
  unit.answers = false;
  unit.due = clock_.mono() + unit.silent.next();
  const std::string text = std::format("{} unit {}: {}", link_.name(), unit.blocks.front().what.unit, why);
  for (const std::size_t tag : unit.tags) intake_.refuse(tag, text);
  if (std::ranges::none_of(units_, &Unit::answers)) intake_.down(text);
}

void ModbusTags::keep_grid(Unit& unit) {
  const nanoseconds period = settings_.period;
  const auto before = (unit.due - began_) / period, now = (clock_.mono() - began_) / period;
  // A unit that comes back from its back-off is between two points of the grid.
  if (now > before + 1) intake_.count_lost(static_cast<std::uint64_t>(now - before - 1));
  unit.due = began_ + (std::max(now, before) + 1) * period;
}

// Once more where the answer made no sense: on a noisy line that is the next one's luck.
ModbusAnswer ModbusTags::read(const ModbusBlock& block, const std::stop_token& stop) {
  ModbusAnswer answer = link_.read(block, words_, stop);
  if (answer.kind == Kind::silent && answer.nonsense && !stop.stop_requested() && open())
    answer = link_.read(block, words_, stop);
  return answer;
}

ModbusAnswer ModbusTags::poll_blocks(Unit& unit, const std::stop_token& stop) {
  int splits = 0;
  for (std::size_t b = 0; b < unit.blocks.size() && !stop.stop_requested();) {
    Block& block = unit.blocks[b];
    if (block.retry_at > clock_.mono()) {
      ++b;
      continue;
    }
    ModbusAnswer answer = read(block.what, stop);
    if (answer.kind == Kind::silent || answer.kind == Kind::broken) return answer;
    intake_.up();
    intake_.count_message();
    auto halves = answer.kind == Kind::refused ? split(block.what, registers_) : std::nullopt;
    if (answer.kind == Kind::values) {
      take(block.what);
      block.refused.reset();
    } else if (!halves) {
      refuse(block, answer.why);
    } else if (++splits <= kSplitsOfPoll) {
      block.what = std::move(halves->first);
      Block second{std::move(halves->second), block.refused};
      unit.blocks.insert(unit.blocks.begin() + static_cast<std::ptrdiff_t>(b) + 1, std::move(second));
      continue;
    }
    ++b;
  }
  return {};
}

void ModbusTags::take(const ModbusBlock& block) {
  const std::span<const std::uint16_t> words(words_);
  for (const std::size_t tag : block.tags) {
    const config::ModbusTagSettings& at = registers_[tag];
    const auto first = static_cast<std::size_t>(at.address - block.address);
    if (is_bits(block.area))
      intake_.take(tag, words[first]);
    else
      intake_.take(tag, decode_registers(words.subspan(first, static_cast<std::size_t>(registers_of(at.type))), at));
  }
}

void ModbusTags::refuse(Block& block, const std::string& why) {
  block.retry_at = clock_.mono() + block.refused.next();
  for (const std::size_t tag : block.what.tags)
    intake_.refuse(tag,
                   std::format("{} unit {} address {}: {}", link_.name(), block.what.unit, block.what.address, why));
}

}  // namespace lineside::gateway
