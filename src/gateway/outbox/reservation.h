#pragma once
// How far sequences may have been handed out, kept so that a restart knows it (docs/delivery.md, "After a crash").
//
// ReserveFile: an upper bound, on disk before any sequence below it is handed out. Survives a power cut. Rewritten in
// place in a file of fixed size, so that it also works while the disk is full.
// LiveCounter: the exact number, in shared memory. Survives the process, not the machine.
#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/record.h"

namespace lineside::gateway {

inline constexpr std::size_t kLanes = 2;
using PerLane = std::array<std::uint64_t, kLanes>;

struct Reservation {
  std::string epoch;       // UUID
  std::uint64_t life = 0;  // random, new each time the outbox is opened: ties the live counter to this file; 0: closed
  PerLane reserved{};      // no sequence beyond has been handed out
  PerLane acknowledged{};  // as known when this was written
};

// Two slots written in turn, each with a checksum: a torn write leaves the other one. Owner thread only.
class ReserveFile {
 public:
  static Result<ReserveFile> open(const std::filesystem::path& path);
  ReserveFile(ReserveFile&& other) noexcept;
  ReserveFile& operator=(ReserveFile&& other) noexcept;
  ~ReserveFile();
  // What was last written; nothing in a new file or if both slots are damaged.
  const std::optional<Reservation>& last() const { return last_; }
  const std::filesystem::path& path() const { return path_; }
  Result<void> write(const Reservation& reservation);  // durable when it returns. Errors: file_io, disk_full.

 private:
  ReserveFile() = default;
  int fd_ = -1;
  std::uint64_t generation_ = 0;
  std::optional<Reservation> last_;
  std::filesystem::path path_;
};

// A few bytes in /dev/shm named after the outbox folder's device and inode. set() is one store to memory.
class LiveCounter {
 public:
  // Nothing if this system has no shared memory for us: then only the ReserveFile's bound is there.
  static std::optional<LiveCounter> open(const std::filesystem::path& dir);
  // What a killed process left for this life; nothing if it left nothing.
  static std::optional<PerLane> left_behind(const std::filesystem::path& dir, std::uint64_t life);
  static void remove(const std::filesystem::path& dir);
  LiveCounter(LiveCounter&& other) noexcept;
  LiveCounter& operator=(LiveCounter&& other) noexcept;
  ~LiveCounter();
  void begin(std::uint64_t life, const PerLane& handed_out);
  void set(Lane lane, std::uint64_t handed_out);

 private:
  struct Page;
  LiveCounter() = default;
  Page* page_ = nullptr;
};

}  // namespace lineside::gateway
