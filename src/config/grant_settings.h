#pragma once
// What the gateway lets others do to the plant: which tag may be written, by whom, how far and until when (law 6). What
// is not granted here is not written, whoever asks. Part of the gateway's settings, see gateway_settings.h.
#include <chrono>
#include <string>
#include <vector>

namespace lineside::config {

struct GrantSettings {
  std::string tag;                          // each tag has one grant at most
  std::vector<std::string> rules;           // names of rules that may write it
  std::string unit;                         // the tag's, said again: a unit that was changed takes the grant with it
  double min = 0, max = 0;                  // in the tag's unit
  int per_hour_max = 6;                     // writes within any 60 minutes
  std::chrono::milliseconds pause{10'000};  // between two writes at least
  std::string expires;                      // RFC 3339, with zone
};

}  // namespace lineside::config
