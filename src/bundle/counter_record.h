#pragma once
// Anti-rollback: the highest counter that each model has run with at one place, kept in a file over restarts (law 7).
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "base/result.h"

namespace lineside::bundle {

// A line "NAME COUNTER" for each model that has run there. Thread-safe; one object for each file.
class CounterRecord {
 public:
  explicit CounterRecord(std::filesystem::path file) : file_(std::move(file)) {}

  // May a bundle of this name and counter run? Errors: bundle_rollback; file_io, file_format if the file is there but
  // can't be read: a damaged record must not let an old model in.
  Result<void> check(const std::string& name, std::uint64_t counter) const;
  // It runs: from now on nothing older does. To be called when it has been loaded, so that a bundle that can't be
  // doesn't bar the way back. Errors: as check, disk_full.
  Result<void> note(const std::string& name, std::uint64_t counter);
  // The highest counter that a bundle of this name has run with; 0: none has. Errors: file_io, file_format.
  Result<std::uint64_t> highest(const std::string& name) const;

 private:
  Result<std::map<std::string, std::uint64_t>> read() const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
};

}  // namespace lineside::bundle
