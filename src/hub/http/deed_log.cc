#include "hub/http/deed_log.h"

#include <format>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace lineside::hub {
namespace {

using Json = nlohmann::ordered_json;

// What people type need not be UTF-8.
std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

DeedLog::DeedLog(const fs::path& data_dir, Clock& clock) : clock_(clock) {
  auto opened = audit::AuditLog::open(audit::folder_in(data_dir), [](const audit::Line&) {});
  if (opened) {
    log_ = std::move(*opened);
    return;
  }
  trouble_ =
      Error{opened.error().code,
            std::format("The audit log can't be gone on with: {}. Keep the folder for whoever looks into it, move "
                        "it away and start the hub again.",
                        opened.error().message)};
  log(LogLevel::error, "hub", "nothing is acknowledged or judged: the audit log is damaged",
      {{"reason", trouble_->message}});
}

Result<audit::Head> DeedLog::write(const std::string& entry) {
  const std::lock_guard lock(mutex_);
  return log_->append(entry);
}

Result<void> DeedLog::run(const Deed& deed, const std::function<Result<void>()>& doing) {
  if (trouble_) return std::unexpected(*trouble_);
  LINESIDE_ASSIGN(const audit::Head line, write(dumped({{"time", to_rfc3339(clock_.wall())},
                                                        {"deed", deed.what},
                                                        {"tenant", deed.who.tenant},
                                                        {"user", deed.who.user},
                                                        {"peer", deed.peer},
                                                        {"about", deed.about}})));
  auto done = doing();
  if (done) return done;
  const auto told = write(dumped({{"time", to_rfc3339(clock_.wall())},
                                  {"deed", "failed"},
                                  {"of", line.number},
                                  {"why", to_string(done.error())}}));
  if (!told)
    log(LogLevel::error, "hub", "what came of a deed can't be written into the audit log",
        {{"line", std::to_string(line.number)}, {"reason", to_string(told.error())}});
  return done;
}

}  // namespace lineside::hub
