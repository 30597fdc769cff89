#pragma once
// What a message says of a tag: a plain number, or JSON in which JSON Pointers (RFC 6901) name value, time and quality.
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "config/tag_settings.h"
#include "model/sample.h"

namespace lineside::gateway {

struct PayloadReading {
  enum class Kind : std::uint8_t {
    value,
    bad,     // why says it
    absent,  // not in this message, which is no fault (`optional`)
  } kind = Kind::bad;
  double value = 0;  // finite
  bool has_time = false;
  WallTime time{};  // zero although it has one: a time that can't be read
  Quality quality = Quality::good;
  std::string why;
};

// One message; its JSON is read once, by the first that asks. The bytes are only lent.
class Payload {
 public:
  explicit Payload(std::span<const std::uint8_t> bytes);
  ~Payload();

 private:
  friend class PayloadReader;
  struct State;
  std::unique_ptr<State> state_;
};

// Finds one tag in messages. Thread-safe.
class PayloadReader {
 public:
  // Errors: config_invalid (a pointer that is none).
  static Result<PayloadReader> create(const config::MqttTagSettings& settings);
  PayloadReader(PayloadReader&&) noexcept;
  PayloadReader& operator=(PayloadReader&&) noexcept;
  ~PayloadReader();
  PayloadReading read(const Payload& payload) const;

 private:
  struct Pointers;
  explicit PayloadReader(std::unique_ptr<Pointers> pointers);
  std::unique_ptr<Pointers> pointers_;
};

}  // namespace lineside::gateway
