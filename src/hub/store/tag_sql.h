#pragma once
// The questions about tags that have to find their rows by one index: SQLite would take others, which read all that a
// stream or gateway keeps. A test asks SQLite how it goes about each.
#include <string_view>

namespace lineside::hub::tag_sql {

// One step of a walk over the index: as many look-ups as there are streams.
inline constexpr std::string_view kNextStream = R"(
SELECT stream FROM tag_block INDEXED BY tag_block_in_order
WHERE tenant = ?1 AND gateway = ?2 AND stream > ?3 ORDER BY stream LIMIT 1)";

inline constexpr std::string_view kNextSummarized = R"(
SELECT tag FROM tag_summary INDEXED BY tag_summary_by_time
WHERE tenant = ?1 AND gateway = ?2 AND tag > ?3 ORDER BY tag LIMIT 1)";

// By when it came: a gateway's clock may have gone back.
inline constexpr std::string_view kNewest = R"(
SELECT generation, plan FROM tag_block INDEXED BY tag_generation
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND block = 0 ORDER BY epoch DESC, sequence DESC LIMIT 1)";

inline constexpr std::string_view kNewestNumber = R"(
SELECT generation FROM tag_block INDEXED BY tag_generation
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND block = 0 ORDER BY epoch DESC, sequence DESC LIMIT 1)";

inline constexpr std::string_view kBetween = R"(
SELECT DISTINCT generation FROM tag_block INDEXED BY tag_block_by_time
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND to_ns >= ?4 AND to_ns <= ?5 LIMIT ?6)";

inline constexpr std::string_view kPlan = R"(
SELECT plan FROM tag_block INDEXED BY tag_block_in_order
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND generation = ?4 AND block = 0 LIMIT 1)";

// The last block of a generation that has something of a period.
inline constexpr std::string_view kLast = R"(
SELECT block FROM tag_block INDEXED BY tag_block_in_order
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND generation = ?4 AND to_ns >= ?5 AND from_ns <= ?6
ORDER BY block DESC LIMIT 1)";

inline constexpr std::string_view kBlocks = R"(
SELECT block, from_ns, to_ns, moved_ns, check_sum, content FROM tag_block INDEXED BY tag_block_in_order
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND generation = ?4 AND block >= ?5 AND block <= ?6
ORDER BY block LIMIT ?7)";

// A block is of use as long as one behind it in its generation is: of generations that begin before ?1 those that end
// before it, too.
inline constexpr std::string_view kOldGenerations = R"(
SELECT tenant, gateway, stream, generation FROM tag_block AS old INDEXED BY tag_generation_by_age
WHERE block = 0 AND to_ns < ?1 AND NOT EXISTS (
  SELECT 1 FROM tag_block AS kept INDEXED BY tag_block_ends
  WHERE kept.tenant = old.tenant AND kept.gateway = old.gateway AND kept.stream = old.stream
    AND kept.generation = old.generation AND kept.to_ns >= ?1)
LIMIT ?2)";

inline constexpr std::string_view kDeleteGeneration = R"(
DELETE FROM tag_block WHERE (tenant, gateway, lane, epoch, sequence) IN (
  SELECT tenant, gateway, lane, epoch, sequence FROM tag_block INDEXED BY tag_block_in_order
  WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND generation = ?4))";

// One that nobody can read keeps nothing and is kept for nothing.
inline constexpr std::string_view kDeleteUnreadable = R"(
DELETE FROM tag_block WHERE (tenant, gateway, lane, epoch, sequence) IN (
  SELECT tenant, gateway, lane, epoch, sequence FROM tag_block INDEXED BY tag_unreadable_by_age
  WHERE readable = 0 AND to_ns < ?1 ORDER BY to_ns LIMIT ?2))";

// Nothing where this block of its generation is there already.
inline constexpr std::string_view kInsert = R"(
INSERT INTO tag_block (tenant, gateway, lane, epoch, sequence, stream, generation, block, from_ns, to_ns, moved_ns,
                       rows, samples, check_sum, plan, content, readable)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
       ?8 = 0 OR EXISTS (SELECT 1 FROM tag_block INDEXED BY tag_block_in_order
                         WHERE tenant = ?1 AND gateway = ?2 AND stream = ?6 AND generation = ?7 AND block = ?8 - 1
                           AND readable = 1)
WHERE NOT EXISTS (SELECT 1 FROM tag_block INDEXED BY tag_block_in_order
                  WHERE tenant = ?1 AND gateway = ?2 AND stream = ?6 AND generation = ?7 AND block = ?8)
RETURNING readable)";

}  // namespace lineside::hub::tag_sql
