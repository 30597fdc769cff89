// How ModbusTags writes.
#include <algorithm>
#include <format>
#include <utility>

#include "config/grants.h"
#include "gateway/tags/modbus_tags.h"

namespace lineside::gateway {
namespace {

using Kind = ModbusAnswer::Kind;
using Outcome = TagWritten::Outcome;

constexpr int kWritesBetweenPolls = 8;  // so that readings go on whatever is written

ModbusBlock place_of(const config::ModbusTagSettings& tag) {
  return {.unit = tag.unit,
          .area = tag.area,
          .address = tag.address,
          .count = is_bits(tag.area) ? 1 : config::registers_of(tag.type),
          .tags = {}};
}

}  // namespace

// A unit that does not answer polls would not answer this either: it waits for its back-off, as they do.
bool ModbusTags::can_write_now(const TagWrite& write) {
  if (!link_.is_open() && clock_.mono() < retry_at_) return false;
  const auto tag = intake_.find(write.tag);
  if (!tag) return true;  // is answered
  const auto unit =
      std::ranges::find_if(units_, [&](const Unit& one) { return std::ranges::contains(one.tags, *tag); });
  return unit == units_.end() || unit->answers;
}

void ModbusTags::do_writes(const std::stop_token& stop) {
  for (int i = 0; i < kWritesBetweenPolls && !stop.stop_requested(); ++i) {
    auto write = writes_.take([this](const TagWrite& one) { return can_write_now(one); });
    if (!write) return;
    if (!do_write(std::move(*write), stop)) return;
  }
}

double ModbusTags::value_of(std::size_t tag) const {
  const config::TagSettings& settings = intake_.tag(tag);
  const double raw = is_bits(registers_[tag].area) ? words_.front() : decode_registers(words_, registers_[tag]);
  return raw * settings.scale + settings.offset;
}

// False: nobody answers, and it waits again.
bool ModbusTags::do_write(TagWrite write, const std::stop_token& stop) {
  const auto answer = [&](const TagWritten& written) {
    write.done(written);
    return true;
  };
  const auto wait_again = [&] {
    writes_.put_back(std::move(write));
    return false;
  };
  const auto tag = intake_.find(write.tag);
  const auto raw = tag ? config::raw_of(intake_.tag(*tag), settings_.kind, write.value)
                       : Result<double>(fail(ErrorCode::internal, "the tag is of another source"));
  if (!raw) return answer({.outcome = Outcome::not_sent, .before = {}, .after = {}, .why = raw.error().message});
  const ModbusBlock at = place_of(registers_[*tag]);
  if (!open()) return wait_again();
  const ModbusAnswer before = link_.read(at, words_, stop);
  if (before.kind == Kind::refused)
    return answer({.outcome = Outcome::not_sent, .before = {}, .after = {}, .why = "it can't be read: " + before.why});
  if (before.kind != Kind::values) {
    // The unit is polled at once, and found silent or not, before this is tried again.
    for (Unit& unit : units_)
      if (std::ranges::contains(unit.tags, *tag)) unit.due = std::min(unit.due, clock_.mono());
    if (before.kind == Kind::broken) retry_at_ = clock_.mono() + line_.next();
    return wait_again();
  }
  const double old = value_of(*tag);
  if (const auto wanted = write.still_wanted(); !wanted)
    return answer({.outcome = Outcome::not_sent, .before = old, .after = {}, .why = wanted.error().message});
  const std::vector<std::uint16_t> words = encode_registers(*raw, registers_[*tag]);
  const ModbusAnswer sent = link_.write(at, words, stop);
  TagWritten written = confirm(at, *tag, words, sent, stop);
  written.before = old;
  return answer(written);
}

// A write without an answer may have arrived all the same: what is there now says so.
TagWritten ModbusTags::confirm(const ModbusBlock& at, std::size_t tag, std::span<const std::uint16_t> wanted,
                               const ModbusAnswer& sent, const std::stop_token& stop) {
  const std::string where = std::format("{} unit {} address {}", link_.name(), at.unit, at.address);
  if (!link_.is_open()) static_cast<void>(link_.open());
  ModbusAnswer read{ModbusAnswer::Kind::silent, sent.why};
  if (link_.is_open()) read = link_.read(at, words_, stop);
  if (read.kind != Kind::values) {
    const auto outcome = sent.kind == Kind::refused ? Outcome::refused : Outcome::unknown;
    return {.outcome = outcome,
            .before = {},
            .after = {},
            .why = std::format("{}: {}; it could not be read back: {}", where, sent.why, read.why)};
  }
  const double now = value_of(tag);
  if (sent.kind == Kind::refused)
    return {.outcome = Outcome::refused, .before = {}, .after = now, .why = std::format("{}: {}", where, sent.why)};
  if (std::ranges::equal(words_, wanted)) return {.outcome = Outcome::written, .before = {}, .after = now, .why = {}};
  return {.outcome = Outcome::differs,
          .before = {},
          .after = now,
          .why = sent.kind == Kind::values ? where + ": it reads back otherwise"
                                           : std::format("{}: {}, and it reads back otherwise", where, sent.why)};
}

}  // namespace lineside::gateway
