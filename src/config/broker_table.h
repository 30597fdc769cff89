#pragma once
// The keys of a BrokerAccess, wherever one stands in a settings file.
#include <string>

#include "config/table.h"
#include "model/broker_access.h"

namespace lineside::config {

struct BrokerWords {
  std::string of_kind;      // "mqtt: ", where the keys are only for one kind of thing
  std::string host, port;   // descriptions without it
  std::string without_tls;  // what holds then
  std::string certificate;  // whose it is
};

Table<BrokerAccess> broker_table(const BrokerAccess& defaults, const BrokerWords& words);

}  // namespace lineside::config
