#pragma once
// How a tag is written by way of the source that it is read from: Modbus and OPC UA stand behind this. Whether it may
// be written at all is not asked here: src/gateway/rules has the grants.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::gateway {

// What came of a write. Values are the tag's, in its unit.
struct TagWritten {
  enum class Outcome : std::uint8_t {
    written,   // and read back as it should be
    not_sent,  // nothing has left the gateway
    refused,   // the device or server did not take it
    differs,   // it reads back otherwise
    unknown,   // sent, and whether it arrived can't be told
  } outcome = Outcome::not_sent;
  std::optional<double> before, after;  // read before and after it; not set: not read
  std::string why;                      // of all but written
};

struct TagWrite {
  std::size_t tag = 0;  // its place in the gateway's settings
  double value = 0;
  MonoTime until{};  // not begun by then, it is left out
  // Asked on the source's thread when nothing is left to do but to send it: an error, and it is not sent.
  std::function<Result<void>()> still_wanted;
  // Told once, by any thread, whatever happens.
  std::function<void(const TagWritten&)> done;
};

class TagWriter {
 public:
  virtual ~TagWriter() = default;
  // Returns at once; a write that is not possible now waits for its time, one at a time and in order. At most once: a
  // value is sent a single time, and what came of it is found out by reading. Thread-safe.
  virtual void write(TagWrite write) = 0;
};

// The writers of all tags, for whoever does not know the sources. Thread-safe.
class TagWriters {
 public:
  explicit TagWriters(std::size_t tags) : writers_(tags, nullptr) {}
  void set(std::size_t tag, TagWriter& writer) {
    const std::lock_guard lock(mutex_);
    writers_.at(tag) = &writer;
  }
  // Before the sources go.
  void clear() {
    const std::lock_guard lock(mutex_);
    for (TagWriter*& writer : writers_) writer = nullptr;
  }
  void write(TagWrite write) {
    {
      const std::lock_guard lock(mutex_);
      if (TagWriter* writer = writers_.at(write.tag); writer != nullptr) return writer->write(std::move(write));
    }
    write.done({.outcome = TagWritten::Outcome::not_sent,
                .before = {},
                .after = {},
                .why = "the tag's source is not running"});
  }

 private:
  std::mutex mutex_;
  std::vector<TagWriter*> writers_;
};

}  // namespace lineside::gateway
