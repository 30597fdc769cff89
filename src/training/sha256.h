#pragma once
// SHA-256 (FIPS 180-4) of what is added piece by piece, through OpenSSL.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lineside::training {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::span<const std::uint8_t> bytes);
  void add(std::string_view text);
  std::string hex();  // ends it: 64 lower-case digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lineside::training
