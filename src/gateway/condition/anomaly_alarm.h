#pragma once
// From scores of windows to an event with a beginning, a severity that grows, and an end.
#include <cstddef>
#include <deque>
#include <optional>

#include "base/clock.h"
#include "config/asset_settings.h"
#include "model/record.h"

namespace lineside::gateway {

// Owner thread only.
class AnomalyAlarm {
 public:
  enum class Step : std::uint8_t { none, raised, worse, ended };
  explicit AnomalyAlarm(const config::AssetSettings& settings)
      : needed_(static_cast<std::size_t>(settings.anomalies_needed)),
        of_(static_cast<std::size_t>(settings.anomalies_of)),
        clear_below_(settings.clear_below) {}

  // A window that counts; `ratio`: its score over the threshold. Raised by k anomalies among the last n; ended when
  // none of the last n was one and k of them were below clear_below, or when none of the last 5 n was one: where little
  // was learned, normal itself may lie close to the threshold. Severity: low, from 1.25 thresholds on medium,
  // from 2 high, from 5 critical; one more after ten minutes, two more after two hours. It never falls while the event
  // lasts.
  Step add(bool anomaly, double ratio, MonoTime now);
  bool open() const { return open_; }
  Severity severity() const { return severity_; }
  double worst() const { return worst_; }               // ratio, since it was raised
  std::size_t anomalies() const { return anomalies_; }  // among the last n
  MonoTime since() const { return since_; }
  void forget();  // another model: begins anew, without a word

 private:
  static constexpr std::size_t kLongTimes = 5;
  static Severity severity_of(double ratio, nanoseconds lasting);

  const std::size_t needed_, of_;
  const double clear_below_;
  struct Window {
    bool anomaly = false, quiet = false;
  };
  std::deque<Window> last_;
  std::size_t anomalies_ = 0, quiet_ = 0;  // among the last n
  std::size_t since_anomaly_ = 0;          // windows, while it is open
  bool open_ = false;
  Severity severity_ = Severity::low;
  double worst_ = 0;
  MonoTime since_{};
};

}  // namespace lineside::gateway
