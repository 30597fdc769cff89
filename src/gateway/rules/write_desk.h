#pragma once
// What rules want to write, done within the grants of the settings (law 6): at most once, in time, with read-back, each
// written down before it is done (law 10).
//
// Events, asset = the rule's or the gateway: write.done (info); write.refused (medium: nothing was sent); write.failed
// (high: sent, and refused, read back otherwise, or not known what came of it); write.left (high: what was to be
// written back was not, because the gateway ended); audit.damaged (high: every write is refused). The evidence has
// rule, tag, value, before, after, why and `audit`, the number of the line in the audit log and the begin of its hash.
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "config/gateway_settings.h"
#include "gateway/api/tag_writer.h"
#include "gateway/rules/grant_book.h"
#include "gateway/rules/write_journal.h"
#include "model/record.h"
#include "rules/engine.h"

namespace lineside::gateway {

struct WriteParts {
  MetricsRegistry& metrics;
  Clock& clock;
  TagWriters& writers;
  std::function<void(EventRecord)> tell;
};

// Owner thread only. Whatever isn't allowed expressly is refused, and the refusal told and written down.
//
// The moment of writing. A write is handed to the tag's source and waits there until the device can be reached. Until
// it is sent, look_after() asks the interlocks with each reading; the source, before it sends, asks whether they were
// found to hold within the last kConfirmMax. Once it is sent nothing takes it back.
//
// Restarts. What was asked for in this life of an alarm is not asked for again; an alarm that was raised, but is not
// known to be, is taken as raised (begun()).
class WriteDesk {
 public:
  static constexpr std::chrono::milliseconds kConfirmMax{1000};
  static constexpr std::chrono::milliseconds kReadingsTake{1500};  // rules know of readings so late, usually

  // `parts`' references must outlive it. A damaged audit log is told, and everything refused.
  WriteDesk(const config::GatewaySettings& settings, WriteParts parts);
  ~WriteDesk();

  std::vector<WriteJournal::Begun> begun() const;
  void on_event(const rules::RuleEvent& event);
  // With each reading, and some times a second.
  void look_after(rules::RuleEngine& engine);
  // The sources are gone: what they have answered is written down.
  void close();

 private:
  struct Ticket;
  struct Results;
  struct Instruments;
  struct Pending {
    AskedWrite write;
    std::uint64_t number = 0;  // in the journal
    MonoTime until{};
    std::shared_ptr<Ticket> ticket;
  };
  struct Back {
    AskedWrite write;
    MonoTime due{};
  };

  void tell_unfinished();
  void ask(AskedWrite write, WallTime since);
  std::string refusal(const AskedWrite& write) const;
  void hand_over(Pending& pending);
  void withdraw(const std::function<std::string(const Pending&)>& reason);
  void take_results();
  void write_back(rules::RuleEngine& engine);
  void refuse(const AskedWrite& write, const std::string& why);
  void finish(const Pending& pending, const TagWritten& written);
  void tell(const char* type, Severity severity, const AskedWrite& write, const TagWritten& written,
            const Result<audit::Head>& head);

  const std::string gateway_;
  WriteParts parts_;
  const std::unique_ptr<Instruments> instruments_;
  GrantBook grants_;
  std::optional<WriteJournal> journal_;
  std::string damaged_;  // why there is none
  const std::shared_ptr<Results> results_;
  std::vector<Pending> pending_;
  std::vector<Back> backs_;
};

}  // namespace lineside::gateway
