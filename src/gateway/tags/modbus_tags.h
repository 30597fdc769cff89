#pragma once
// Registers of Modbus devices as tags, polled.
#include <span>
#include <thread>
#include <vector>

#include "base/backoff.h"
#include "gateway/tags/modbus_link.h"
#include "gateway/tags/tag_intake.h"
#include "gateway/tags/write_queue.h"

namespace lineside::gateway {

// Owns its thread. Units are polled on a grid of `period` that does not drift; polls that can't be kept are left out
// and counted. A unit that does not answer is left alone for a while (back-off of its own) and costs the others no more
// than one timeout each time it is tried. What a device refuses is narrowed down to the register, which alone is bad.
// When the line is gone, or no unit answers, the source is down. ask_to_stop() ends a wait for a TCP device at once;
// one for a serial device lasts up to `timeout`.
//
// Writes are done between two polls, as soon as line and unit answer: the place is read, written once and read back.
class ModbusTags final : public TagSource {
 public:
  ModbusTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags, Clock& clock,
             MetricsRegistry& metrics);
  ~ModbusTags() override;
  Result<void> start(TagSink& sink) override;  // no errors
  void ask_to_stop() override { thread_.request_stop(); }
  TagWriter* writer() override { return &writes_; }

 private:
  struct Block {
    ModbusBlock what;
    Backoff refused;
    MonoTime retry_at{};
  };
  struct Unit {
    std::vector<std::size_t> tags;  // of intake_
    std::vector<Block> blocks;
    Backoff silent;
    bool answers = true;
    MonoTime due{};
  };
  std::vector<Block> blocks_of(const Unit& unit) const;
  void run(const std::stop_token& stop);
  void poll(Unit& unit, const std::stop_token& stop);
  bool open();  // false: not before retry_at_
  ModbusAnswer poll_blocks(Unit& unit, const std::stop_token& stop);
  ModbusAnswer read(const ModbusBlock& block, const std::stop_token& stop);
  void take(const ModbusBlock& block);
  void refuse(Block& block, const std::string& why);
  void keep_grid(Unit& unit);
  void unit_is_silent(Unit& unit, const std::string& why);
  void do_writes(const std::stop_token& stop);
  bool can_write_now(const TagWrite& write);
  bool do_write(TagWrite write, const std::stop_token& stop);
  TagWritten confirm(const ModbusBlock& at, std::size_t tag, std::span<const std::uint16_t> wanted,
                     const ModbusAnswer& sent, const std::stop_token& stop);
  double value_of(std::size_t tag) const;  // of words_
  Backoff backoff(std::chrono::nanoseconds least) const;

  const config::TagSourceSettings settings_;
  Clock& clock_;
  TagIntake intake_;
  std::vector<config::ModbusTagSettings> registers_;  // of each tag of intake_
  std::vector<Unit> units_;
  ModbusLink link_;
  Backoff line_;
  MonoTime retry_at_{}, began_{};
  std::vector<std::uint16_t> words_;
  WriteQueue writes_;
  std::jthread thread_;
};

}  // namespace lineside::gateway
