#pragma once
// The audit log of writes: each is written down before it is done (law 10), with what came of it afterwards. What it
// says of the time before a restart keeps anything from being done twice.
//
// Entries, each with `time` and `kind`:
//   asked     before it is handed to the source: rule, at (raised, cleared or back), tag, value, unit, asset, severity
//             (0 to 4), alarm_since_ns, reason; back_to, back_after_ms
//   written, not_sent, refused, differs, unknown   what came of it: `of` (the line of asked), rule, tag, value, before,
//             after, why. `refused` without `of` was never asked for.
//   ended     rule: its alarm, for which something was asked, is over
//   left      tag, rule, back_to: what was to be written back was not, because the gateway ended
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "audit/audit_log.h"
#include "base/clock.h"
#include "gateway/api/tag_writer.h"
#include "rules/engine.h"

namespace lineside::gateway {

enum class WriteAt : std::uint8_t { raised, cleared, back };
const char* to_string(WriteAt at);
const char* to_string(TagWritten::Outcome outcome);

// A write that was asked for.
struct AskedWrite {
  rules::RuleWrite what;
  WriteAt at = WriteAt::raised;
  std::string asset;
  Severity severity = Severity::medium;  // of the alarm
  std::string reason{};                  // what the alarm said
};

// Owner thread only.
class WriteJournal {
 public:
  struct Begun {
    std::string rule, asset, message;
    Severity severity = Severity::medium;
    WallTime since{};
  };
  struct Unfinished {
    std::uint64_t of = 0;
    std::string rule, tag;
    double value = 0;
    std::optional<double> back_to;
  };

  // `asked` is told the tag and time of each write of before that counts. Errors: those of audit::AuditLog::open().
  static Result<WriteJournal> open(const fs::path& data_dir, Clock& clock,
                                   const std::function<void(const std::string& tag, WallTime time)>& asked);

  Result<audit::Head> ask(const AskedWrite& write);
  Result<audit::Head> answer(std::uint64_t of, const AskedWrite& write, const TagWritten& written);
  Result<audit::Head> refuse(const AskedWrite& write, std::string_view why);
  // When its alarm is over; nothing is written down where nothing was asked for it.
  Result<void> end(const std::string& rule);

  // Whether it was asked for already in this life of its alarm.
  bool knows(const AskedWrite& write) const;
  std::vector<Begun> begun() const;  // alarms that were not over
  // What a restart found unfinished: no outcome, and values that nobody has written back. Each is given once.
  std::vector<Unfinished> take_without_outcome();
  std::vector<Unfinished> take_left();

 private:
  using Key = std::tuple<std::string, std::string, int>;  // rule, tag, at
  explicit WriteJournal(Clock& clock) : clock_(&clock) {}
  void recall(const audit::Line& line, const std::function<void(const std::string&, WallTime)>& asked);

  Clock* clock_;
  std::optional<audit::AuditLog> log_;
  std::map<Key, std::int64_t> newest_;  // the alarm_since of the newest that was asked
  std::map<std::string, Begun> begun_;
  std::map<std::uint64_t, Unfinished> open_;  // asked, without outcome
  std::map<std::string, Unfinished> back_;    // by tag: to be written back
};

}  // namespace lineside::gateway
