#pragma once
// Bounds of the outbox that are not settings: queues, commits, reservations and waits (law 4).
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "model/record.h"

namespace lineside::gateway {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr std::array kBothLanes{Lane::urgent, Lane::bulk};
inline constexpr std::size_t kQueueBytesMax = 64u << 20;  // of records waiting for the disk, for each lane
inline constexpr std::size_t kGroupRecordsMax = 2000, kGroupBytesMax = 16u << 20;
inline constexpr std::uint64_t kDeleteRowsMax = 5000;  // for each commit, so that one commit stays short
inline constexpr std::uint64_t kReserveAheadMin = 512, kReserveAheadMax = 65'536;
inline constexpr milliseconds kRetryMin{20}, kRetryMax{2000};
inline constexpr seconds kCloseMax{5};
inline constexpr seconds kLookEvery{1};  // for files that somebody has deleted
inline constexpr std::chrono::minutes kFullEventPeriod{1};

constexpr std::size_t index_of(Lane lane) { return static_cast<std::size_t>(lane); }

}  // namespace lineside::gateway
