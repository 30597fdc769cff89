// The questions about tags.
#include "hub/store/queries_state.h"

namespace lineside::hub {
namespace {

// One step of a walk over the index: as many look-ups as there are streams.
constexpr std::string_view kNextStream = R"(
SELECT stream FROM tag_block INDEXED BY tag_block_in_order
WHERE tenant = ?1 AND gateway = ?2 AND stream > ?3 ORDER BY stream LIMIT 1)";

// By when it came: a gateway's clock may have gone back.
constexpr std::string_view kNewest = R"(
SELECT generation, plan FROM tag_block INDEXED BY tag_generation
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND block = 0 ORDER BY epoch DESC, sequence DESC LIMIT 1)";

constexpr std::string_view kBetween = R"(
SELECT DISTINCT generation FROM tag_block INDEXED BY tag_block_by_time
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND to_ns >= ?4 AND to_ns <= ?5 LIMIT 1000)";

constexpr std::string_view kPlan = R"(
SELECT plan FROM tag_block WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND generation = ?4 AND block = 0 LIMIT 1)";

constexpr std::string_view kBlocks = R"(
SELECT block, from_ns, to_ns, moved_ns, samples, check_sum, readable, content FROM tag_block
WHERE tenant = ?1 AND gateway = ?2 AND stream = ?3 AND generation = ?4 AND block >= ?5
ORDER BY block, epoch, sequence LIMIT ?6)";

constexpr std::string_view kNextSummarized = R"(
SELECT tag FROM tag_summary INDEXED BY tag_summary_by_time
WHERE tenant = ?1 AND gateway = ?2 AND tag > ?3 ORDER BY tag LIMIT 1)";

constexpr std::string_view kSummaries = R"(
SELECT unit, from_ns, to_ns, count, bad, mean, min, max, deviation, above_high_s FROM tag_summary
WHERE tenant = ?1 AND gateway = ?2 AND tag = ?3 AND to_ns > ?4 AND to_ns <= ?5 ORDER BY to_ns DESC LIMIT ?6)";

Statement& bind_place(Statement& statement, const std::string& tenant, const std::string& gateway,
                      const std::string& name) {
  return statement.bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)).bind(3, std::string_view(name));
}

}  // namespace

Result<std::vector<std::string>> Queries::names_by_walk(std::string_view sql, const std::string& tenant,
                                                        const std::string& gateway) {
  std::vector<std::string> found;
  for (std::string last;;) {
    const auto before = found.size();
    LINESIDE_TRY(state_->rows(
        sql, [&](Statement& ask) { bind_place(ask, tenant, gateway, last); },
        [&](const Statement& row) { found.push_back(row.text(0)); }));
    if (found.size() == before) return found;
    last = found.back();
  }
}

Result<std::vector<std::string>> Queries::tag_streams(const std::string& tenant, const std::string& gateway) {
  return names_by_walk(kNextStream, tenant, gateway);
}

Result<std::vector<std::string>> Queries::summarized_tags(const std::string& tenant, const std::string& gateway) {
  return names_by_walk(kNextSummarized, tenant, gateway);
}

Result<std::optional<TagGeneration>> Queries::newest_generation(const std::string& tenant, const std::string& gateway,
                                                                const std::string& stream) {
  std::optional<TagGeneration> found;
  LINESIDE_TRY(state_->rows(
      kNewest, [&](Statement& ask) { bind_place(ask, tenant, gateway, stream); },
      [&](const Statement& row) { found = {stream, natural(row.integer(0)), row.blob(1)}; }));
  return found;
}

Result<std::vector<TagGeneration>> Queries::generations_between(const std::string& tenant, const std::string& gateway,
                                                                const std::string& stream, WallTime from, WallTime to) {
  std::vector<TagGeneration> found;
  LINESIDE_TRY(state_->rows(
      kBetween,
      [&](Statement& ask) { bind_place(ask, tenant, gateway, stream).bind(4, to_ns(from)).bind(5, to_ns(to)); },
      [&](const Statement& row) { found.push_back({stream, natural(row.integer(0)), {}}); }));
  for (TagGeneration& one : found)
    LINESIDE_TRY(state_->rows(
        kPlan,
        [&](Statement& ask) {
          bind_place(ask, tenant, gateway, stream).bind(4, static_cast<std::int64_t>(one.generation));
        },
        [&](const Statement& row) { one.plan = row.blob(0); }));
  return found;
}

Result<std::vector<TagBlockRow>> Queries::tag_blocks(const std::string& tenant, const std::string& gateway,
                                                     const std::string& stream, std::uint64_t generation,
                                                     std::uint32_t first, int limit) {
  std::vector<TagBlockRow> found;
  LINESIDE_TRY(state_->rows(
      kBlocks,
      [&](Statement& ask) {
        bind_place(ask, tenant, gateway, stream).bind(4, static_cast<std::int64_t>(generation));
        ask.bind(5, std::int64_t{first}).bind(6, std::int64_t{limit});
      },
      [&](const Statement& row) {
        found.push_back({static_cast<std::uint32_t>(row.integer(0)), from_ns(row.integer(1)), from_ns(row.integer(2)),
                         nanoseconds{row.integer(3)}, natural(row.integer(4)),
                         static_cast<std::uint32_t>(row.integer(5)), row.integer(6) != 0, row.blob(7)});
      }));
  return found;
}

Result<std::vector<TagSummary>> Queries::tag_summaries(const std::string& tenant, const std::string& gateway,
                                                       const std::string& tag, WallTime from, WallTime to, int limit) {
  std::vector<TagSummary> found;
  LINESIDE_TRY(state_->rows(
      kSummaries,
      [&](Statement& ask) {
        bind_place(ask, tenant, gateway, tag).bind(4, to_ns(from)).bind(5, to_ns(to)).bind(6, std::int64_t{limit});
      },
      [&](const Statement& row) {
        found.push_back({.tag = tag,
                         .unit = row.text(0),
                         .from = from_ns(row.integer(1)),
                         .to = from_ns(row.integer(2)),
                         .count = natural(row.integer(3)),
                         .bad = natural(row.integer(4)),
                         .mean = row.real(5),
                         .min = row.real(6),
                         .max = row.real(7),
                         .deviation = row.real(8),
                         .above_high_s = row.real(9)});
      }));
  return found;
}

}  // namespace lineside::hub
