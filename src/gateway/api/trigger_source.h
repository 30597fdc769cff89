#pragma once
// What says that an item is there. "Every frame" needs no trigger source; GPIO is one; fieldbus signals come later.
#include <cstdint>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::gateway {

class TriggerSink {
 public:
  virtual ~TriggerSink() = default;
  virtual void on_trigger(MonoTime time) = 0;  // on the trigger's thread; must not block
  virtual void on_trigger_lost(const Error& why) = 0;
};

class TriggerSource {
 public:
  virtual ~TriggerSource() = default;  // stops
  virtual Result<void> start(TriggerSink& sink) = 0;
  virtual void stop() = 0;
};

}  // namespace lineside::gateway
