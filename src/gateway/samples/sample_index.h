#pragma once
// Which sample pictures are on disk, oldest first. The file's name holds everything, so that the index is made anew by
// listing the folders: STATION/TTTTTTTTTTTTT-ITEM-WHY-SCORE-VIEW.jpg, T: ms since 1970.
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/api/sample_sink.h"

namespace lineside::gateway {

struct SampleEntry {
  std::uint16_t station = 0;  // index into the store's stations
  SampleWhy why = SampleWhy::no;
  std::uint8_t view = 0;    // 0, 1 ...: of several cameras that saw the item
  std::int16_t score = -1;  // in 1/1000; -1: none
  std::uint64_t item = 0;
  std::int64_t time_ms = 0;
  std::uint32_t bytes = 0;
};

const char* to_string(SampleWhy why);
std::string file_name(const SampleEntry& entry);
// Nothing if it is not a name that file_name() gives. `station` and `bytes` are left as they are.
std::optional<SampleEntry> parse_file_name(const std::string& name);

// Not thread-safe.
class SampleIndex {
 public:
  void add(const SampleEntry& entry);
  // The oldest one, taken out; nothing if empty.
  std::optional<SampleEntry> take_oldest();
  void sort_by_age();  // after adding out of order

  std::optional<SampleEntry> find(std::uint16_t station, std::uint64_t item, std::uint8_t view) const;
  std::uint8_t next_view(std::uint16_t station, std::uint64_t item) const;
  std::uint64_t bytes() const { return bytes_; }
  std::size_t size() const { return by_age_.size(); }

 private:
  using Key = std::tuple<std::uint16_t, std::uint64_t, std::uint8_t>;
  static Key key_of(const SampleEntry& entry) { return {entry.station, entry.item, entry.view}; }
  std::deque<Key> by_age_;
  std::map<Key, SampleEntry> entries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace lineside::gateway
