#pragma once
// Where tags are read: Modbus, OPC UA, MQTT and recordings stand behind this.
#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "gateway/api/tag_writer.h"
#include "model/sample.h"

namespace lineside::gateway {

// Called on the source's thread; must return quickly and must not block (law 4).
class TagSink {
 public:
  virtual ~TagSink() = default;
  // In the order they came; of one poll or message together, with one time of receipt. A tag that can't be read comes
  // with bad quality, once for each failure and not at each poll.
  virtual void on_samples(std::span<const Sample> samples) = 0;
  // The way to the source is there, or gone and why. When it goes, the source gives all its tags a bad sample first.
  virtual void on_source(bool up, const std::string& why) = 0;
  // A message or a register that can't be used, and why; `tag` as in Sample.
  virtual void on_bad_value(std::size_t tag, const std::string& why) = 0;
};

// Knows its tags from the settings it was made with.
class TagSource {
 public:
  virtual ~TagSource() = default;  // stops and waits for its thread; the sink is not called after it
  // Starts its thread. A source that is not there is no error: it is told to the sink and retried with back-off.
  virtual Result<void> start(TagSink& sink) = 0;
  // From any thread, returns at once: the destructor then has less to wait for, and several stop at the same time.
  virtual void ask_to_stop() = 0;
  // What writes into its tags; lives as long as this. Nullptr: it can't.
  virtual TagWriter* writer() { return nullptr; }
};

}  // namespace lineside::gateway
