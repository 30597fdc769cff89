#pragma once
// Tests only: folders of certificates that know each other, and a handler that remembers.
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/test_port.h"
#include "base/test_watched.h"
#include "opcua/session.h"

namespace lineside::opcua::testing {

// Puts the own certificate of one folder into trusted/ of another.
inline void trust(const std::filesystem::path& who, const std::filesystem::path& whom, const std::string& name) {
  std::filesystem::create_directories(who / "trusted");
  std::filesystem::copy_file(whom / "own" / "certificate.der", who / "trusted" / name,
                             std::filesystem::copy_options::overwrite_existing);
}

class Taker final : public Handler, public lineside::testing::Watched {
 public:
  void on_value(std::size_t item, const DataValue& value) override {
    change([&] { values[item].push_back(value); });
  }
  void on_item_error(std::size_t item, const std::string& why) override {
    change([&] { item_errors[item] = why; });
  }
  void on_connected() override {
    change([&] { ++ups; });
  }
  void on_disconnected(const Error& why) override {
    change([&] { errors.push_back(why); });
  }

  // The newest number of an item; not a number while there is none. Only within wait() and look().
  double last(std::size_t item) const {
    const auto known = values.find(item);
    return known == values.end() || known->second.back().numbers.empty() ? std::nan("")
                                                                         : known->second.back().numbers.front();
  }
  std::map<std::size_t, std::vector<DataValue>> values;
  std::map<std::size_t, std::string> item_errors;
  std::vector<Error> errors;
  int ups = 0;
};

}  // namespace lineside::opcua::testing
