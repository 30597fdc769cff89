// For crash_test.py: the hub's ingest and store, nothing else, until SIGTERM.
//
//   crash_hub DATABASE PORT [BUG]
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/bounded_queue.h"
#include "base/signals.h"
#include "hub/ingest/ingest.h"

namespace {

using namespace lineside;
using namespace std::chrono_literals;

// The planted bug: says that a batch is stored and stores it a little later.
class AckBeforeCommit final : public hub::BatchSink {
 public:
  explicit AckBeforeCommit(hub::Store& store) : store_(store) {}
  ~AckBeforeCommit() override {
    later_.close();
    thread_.join();
  }
  Result<std::vector<hub::CommitOutcome>> commit(std::span<const hub::IncomingBatch> batches) override {
    std::vector<hub::CommitOutcome> outcomes;
    for (const hub::IncomingBatch& batch : batches) {
      if (batch.batch.records.empty()) {  // only a question
        LINESIDE_ASSIGN(const auto answer, store_.commit({&batch, 1}));
        outcomes.push_back(answer.front());
        continue;
      }
      later_.push(batch);
      outcomes.push_back({.watermark = batch.batch.records.back().sequence});
    }
    return outcomes;
  }

 private:
  void run() {
    while (!later_.closed() || later_.size() > 0) {
      auto batch = later_.pop(100ms);
      if (!batch) continue;
      std::this_thread::sleep_for(20ms);
      if (!store_.commit({&*batch, 1})) return;
    }
  }

  hub::Store& store_;
  BoundedQueue<hub::IncomingBatch> later_{"planted bug", 1000, WhenFull::wait};
  std::thread thread_{[this] { run(); }};
};

int run(const char* database, int port, const std::string& bug) {
  MetricsRegistry metrics;
  auto store = hub::Store::open(database, system_clock(), metrics);
  if (!store) return std::fprintf(stderr, "%s\n", to_string(store.error()).c_str()), 3;
  config::HubSettings settings;
  settings.broker.port = port;
  settings.broker.tls = false;
  settings.keep_days = 0;
  AckBeforeCommit planted(**store);
  hub::BatchSink& sink = bug == "ack-before-commit" ? static_cast<hub::BatchSink&>(planted) : **store;
  auto ingest = hub::Ingest::start(settings, sink, **store, system_clock(), metrics);
  if (!ingest) return std::fprintf(stderr, "%s\n", to_string(ingest.error()).c_str()), 3;
  while (!wait_for_stop(1s)) {
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  catch_stop_signals();
  if (argc < 3) return 2;
  return run(argv[1], std::atoi(argv[2]), argc > 3 ? argv[3] : "");
}
