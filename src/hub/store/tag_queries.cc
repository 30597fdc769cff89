// The questions about tags.
#include "hub/store/queries_state.h"
#include "hub/store/tag_sql.h"

namespace lineside::hub {
namespace {

constexpr std::string_view kSummaries = R"(
SELECT unit, from_ns, to_ns, count, bad, mean, min, max, deviation, above_high_s FROM tag_summary
WHERE tenant = ?1 AND gateway = ?2 AND tag = ?3 AND to_ns > ?4 AND to_ns <= ?5 ORDER BY to_ns DESC LIMIT ?6)";

Statement& bind_place(Statement& statement, const std::string& tenant, const std::string& gateway,
                      const std::string& name) {
  return statement.bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)).bind(3, std::string_view(name));
}

}  // namespace

Result<std::vector<std::string>> Queries::names_by_walk(std::string_view sql, const std::string& tenant,
                                                        const std::string& gateway, std::size_t most) {
  std::vector<std::string> found;
  LINESIDE_ASSIGN(Statement ask, state_->database.prepare(sql));
  while (found.size() < most) {
    LINESIDE_ASSIGN(const bool row, bind_place(ask, tenant, gateway, found.empty() ? "" : found.back()).step());
    if (!row) break;
    found.push_back(ask.text(0));
    ask.reset();
  }
  return found;
}

Result<std::vector<std::string>> Queries::tag_streams(const std::string& tenant, const std::string& gateway,
                                                      std::size_t most) {
  return names_by_walk(tag_sql::kNextStream, tenant, gateway, most);
}

Result<std::vector<std::string>> Queries::summarized_tags(const std::string& tenant, const std::string& gateway,
                                                          std::size_t most) {
  return names_by_walk(tag_sql::kNextSummarized, tenant, gateway, most);
}

Result<bool> Queries::has_tags(const std::string& tenant, const std::string& gateway) {
  LINESIDE_ASSIGN(const auto stream, tag_streams(tenant, gateway, 1));
  if (!stream.empty()) return true;
  LINESIDE_ASSIGN(const auto summarized, summarized_tags(tenant, gateway, 1));
  return !summarized.empty();
}

Result<std::optional<TagGeneration>> Queries::newest_generation(const std::string& tenant, const std::string& gateway,
                                                                const std::string& stream) {
  std::optional<TagGeneration> found;
  LINESIDE_TRY(state_->rows(
      tag_sql::kNewest, [&](Statement& ask) { bind_place(ask, tenant, gateway, stream); },
      [&](const Statement& row) { found = {stream, natural(row.integer(0)), row.blob(1)}; }));
  return found;
}

Result<std::vector<TagStreamRow>> Queries::stream_generations(const std::string& tenant, const std::string& gateway,
                                                              std::size_t most) {
  LINESIDE_ASSIGN(const auto streams, tag_streams(tenant, gateway, most));
  LINESIDE_ASSIGN(Statement ask, state_->database.prepare(tag_sql::kNewestNumber));
  std::vector<TagStreamRow> found;
  for (const std::string& stream : streams) {
    found.push_back({stream, std::nullopt});
    LINESIDE_ASSIGN(const bool row, bind_place(ask, tenant, gateway, stream).step());
    if (row) found.back().generation = natural(ask.integer(0));
    ask.reset();
  }
  return found;
}

Result<std::vector<std::uint64_t>> Queries::generations_between(const std::string& tenant, const std::string& gateway,
                                                                const std::string& stream, WallTime from, WallTime to,
                                                                int limit) {
  std::vector<std::uint64_t> found;
  LINESIDE_TRY(state_->rows(
      tag_sql::kBetween,
      [&](Statement& ask) {
        bind_place(ask, tenant, gateway, stream).bind(4, to_ns(from)).bind(5, to_ns(to)).bind(6, std::int64_t{limit});
      },
      [&](const Statement& row) { found.push_back(natural(row.integer(0))); }));
  return found;
}

Result<TagGeneration> Queries::tag_generation(const std::string& tenant, const std::string& gateway,
                                              const std::string& stream, std::uint64_t generation) {
  TagGeneration found{stream, generation, {}};
  LINESIDE_TRY(state_->rows(
      tag_sql::kPlan,
      [&](Statement& ask) { bind_place(ask, tenant, gateway, stream).bind(4, static_cast<std::int64_t>(generation)); },
      [&](const Statement& row) { found.plan = row.blob(0); }));
  return found;
}

Result<std::optional<std::uint32_t>> Queries::last_tag_block(const std::string& tenant, const std::string& gateway,
                                                             const TagGeneration& of, WallTime from, WallTime to) {
  std::optional<std::uint32_t> last;
  LINESIDE_TRY(state_->rows(
      tag_sql::kLast,
      [&](Statement& ask) {
        bind_place(ask, tenant, gateway, of.stream).bind(4, static_cast<std::int64_t>(of.generation));
        ask.bind(5, to_ns(from)).bind(6, to_ns(to));
      },
      [&](const Statement& row) { last = static_cast<std::uint32_t>(row.integer(0)); }));
  return last;
}

Result<std::vector<TagBlockRow>> Queries::tag_blocks(const std::string& tenant, const std::string& gateway,
                                                     const TagGeneration& of, std::uint32_t first, std::uint32_t last,
                                                     int limit) {
  std::vector<TagBlockRow> found;
  LINESIDE_TRY(state_->rows(
      tag_sql::kBlocks,
      [&](Statement& ask) {
        bind_place(ask, tenant, gateway, of.stream).bind(4, static_cast<std::int64_t>(of.generation));
        ask.bind(5, std::int64_t{first}).bind(6, std::int64_t{last}).bind(7, std::int64_t{limit});
      },
      [&](const Statement& row) {
        found.push_back({static_cast<std::uint32_t>(row.integer(0)), from_ns(row.integer(1)), from_ns(row.integer(2)),
                         nanoseconds{row.integer(3)}, static_cast<std::uint32_t>(row.integer(4)), row.blob(5)});
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
