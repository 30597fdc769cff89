#pragma once
// What became of every item, on site: one line for each in ring files of a bounded size, and the latest in memory.
// DIR/STATION/ledger-NNNNNNNN.tsv (docs/inspection.md describes the columns) and DIR/STATION/item-numbers.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/item_log.h"
#include "gateway/ledger/ledger_line.h"

namespace lineside::gateway {

// One writer thread for all stations, behind a bounded queue. Thread-safe.
class Ledger {
 public:
  static constexpr std::size_t kQueueLines = 2048, kLatestRows = 200;

  // `settings.bytes_max` is shared equally by the stations. Errors: file_io, disk_full, file_format
  // (docs/inspection.md).
  static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& dir, const config::LedgerSettings& settings,
                                              const std::vector<std::string>& stations, MetricsRegistry& metrics);
  ~Ledger();  // close()

  ItemLog& station(const std::string& name);  // a name given to open()

  // Of one station, oldest first; at most 1000. From the files, so it reaches back before the last start. Errors:
  // not_found. Lines that are still in the queue are not in it yet (100 ms).
  Result<std::vector<LedgerRow>> tail(const std::string& station, std::size_t rows) const;
  // Of this run, newest first, at most kLatestRows of each station.
  std::vector<std::pair<std::string, LedgerRow>> latest(std::size_t rows) const;

  std::string trouble() const;  // what is wrong with the disk; empty: nothing
  // Writes what is queued and the exact item numbers. After it put() drops.
  void close();

 private:
  class Book;
  struct State;
  Ledger();
  std::unique_ptr<State> state_;
};

}  // namespace lineside::gateway
