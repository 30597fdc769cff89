#include "gateway/condition/anomaly_alarm.h"

#include <algorithm>

namespace lineside::gateway {

using std::chrono::hours;
using std::chrono::minutes;

Severity AnomalyAlarm::severity_of(double ratio, nanoseconds lasting) {
  int level = ratio >= 5 ? 4 : ratio >= 2 ? 3 : ratio >= 1.25 ? 2 : 1;
  level += lasting >= hours{2} ? 2 : lasting >= minutes{10} ? 1 : 0;
  return static_cast<Severity>(std::min(level, static_cast<int>(Severity::critical)));
}

AnomalyAlarm::Step AnomalyAlarm::add(bool anomaly, double ratio, MonoTime now) {
  const Window window{.anomaly = anomaly, .quiet = ratio < clear_below_};
  last_.push_back(window);
  anomalies_ += window.anomaly ? 1 : 0;
  quiet_ += window.quiet ? 1 : 0;
  if (last_.size() > of_) {
    anomalies_ -= last_.front().anomaly ? 1 : 0;
    quiet_ -= last_.front().quiet ? 1 : 0;
    last_.pop_front();
  }
  if (!open_) {
    if (anomalies_ < needed_) return Step::none;
    open_ = true;
    since_ = now;
    worst_ = ratio;
    severity_ = severity_of(ratio, {});
    return Step::raised;
  }
  worst_ = std::max(worst_, ratio);
  since_anomaly_ = anomaly ? 0 : since_anomaly_ + 1;
  const bool quiet = anomalies_ == 0 && quiet_ >= needed_ && last_.size() == of_;
  if (quiet || since_anomaly_ >= kLongTimes * of_) {
    forget();
    return Step::ended;
  }
  const Severity severity = severity_of(ratio, now - since_);
  if (!anomaly || severity <= severity_) return Step::none;
  severity_ = severity;
  return Step::worse;
}

void AnomalyAlarm::forget() {
  last_.clear();
  anomalies_ = quiet_ = since_anomaly_ = 0;
  open_ = false;
}

}  // namespace lineside::gateway
