#pragma once
// Writes that wait for their source's thread.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "gateway/api/tag_writer.h"

namespace lineside::gateway {

// write() from any thread; the rest is the source's thread's. Whatever is put in gets its answer, at the latest by the
// destructor.
class WriteQueue final : public TagWriter {
 public:
  static constexpr std::size_t kWaitingMax = 64;  // more are answered at once: not sent

  explicit WriteQueue(Clock& clock) : clock_(clock) {}
  ~WriteQueue() override;
  void write(TagWrite write) override;

  // Until a further write comes, at most so long, and not beyond the time of those that wait. True: stop.
  bool wait(const std::stop_token& stop, nanoseconds most);
  // The oldest for which `possible`, taken out; those whose time is up are answered and gone.
  std::optional<TagWrite> take(const std::function<bool(const TagWrite&)>& possible);
  // Nothing of it was sent yet: it may still be done within its time. Before all others.
  void put_back(TagWrite write);

 private:
  std::deque<TagWrite> drop_late();

  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any came_;
  std::deque<TagWrite> waiting_;
  bool fresh_ = false;
};

}  // namespace lineside::gateway
