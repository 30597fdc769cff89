#include "gateway/ledger/ledger.h"

#include <algorithm>
#include <deque>
#include <format>
#include <mutex>
#include <thread>

#include "base/bounded_queue.h"
#include "base/log.h"
#include "gateway/ledger/item_numbers.h"
#include "gateway/ledger/ring_files.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kWriteEvery{100};
constexpr std::chrono::seconds kSyncEvery{5}, kLookEvery{1};  // for files that somebody has deleted
constexpr std::chrono::minutes kMissingShown{10};             // so long health says that files were deleted
constexpr char kFileName[] = "ledger";

// If the numbers' file is lost, the ledger still knows the last item; a block on top covers lines that were not
// written.
std::uint64_t first_number_by(const fs::path& dir) {
  std::uint64_t last = 0;
  for (const std::string& line : RingFiles::tail(dir, kFileName, 1000))
    if (const auto row = from_line(line)) last = std::max(last, row->verdict.item);
  return last == 0 ? 0 : last + 1;
}

struct Line {
  std::size_t book = 0;
  LedgerRow row;
};

}  // namespace

class Ledger::Book final : public ItemLog {
 public:
  Book(std::string name, std::size_t index, fs::path dir, ItemNumbers numbers, RingFiles files,
       BoundedQueue<Line>& queue, MetricsRegistry& metrics)
      : name_(std::move(name)),
        index_(index),
        dir_(std::move(dir)),
        numbers_(std::move(numbers)),
        files_(std::move(files)),
        queue_(queue),
        dropped_(metrics.counter("lineside_ledger_dropped_total", "Ledger lines lost: queue full or disk refused.",
                                 {{"station", name_}})),
        unreserved_(metrics.gauge("lineside_item_numbers_unreserved",
                                  "1: item numbers are used beyond the block reserved on disk.", {{"station", name_}})),
        bytes_(metrics.gauge("lineside_ledger_bytes", "Size of the ledger on disk.", {{"station", name_}})),
        missing_(metrics.counter("lineside_ledger_missing_total", "Times that files of the ledger had been deleted.",
                                 {{"station", name_}})) {}

  std::uint64_t next_item() override { return numbers_.next(); }

  void put(const Verdict& verdict, std::string_view label, std::string_view model) override {
    Line line{index_, {verdict, std::string(label), std::string(model)}};
    {
      std::lock_guard lock(latest_mutex_);
      latest_.push_back(line.row);
      if (latest_.size() > kLatestRows) latest_.pop_front();
    }
    if (!queue_.push(std::move(line))) dropped_.add();
  }

  // Of the writer thread.
  void add(const LedgerRow& row) {
    pending_ += to_line(row);
    ++pending_lines_;
  }
  Result<void> flush(bool sync, bool look) {
    Result<void> result = numbers_.reserve_ahead();
    unreserved_.set(numbers_.overrun() ? 1 : 0);
    if (pending_lines_ > 0) {
      auto written = files_.append(pending_);
      if (!written) {
        dropped_.add(pending_lines_);
        result = std::move(written);
      }
      pending_.clear();
      pending_lines_ = 0;
    }
    if (sync && result) result = files_.sync();
    if (look && result) result = mend();
    bytes_.set(static_cast<double>(files_.bytes()));
    return result;
  }
  // Of files that somebody has deleted.
  Result<void> mend() {
    LINESIDE_ASSIGN(const bool numbers_missing, numbers_.mend());
    LINESIDE_ASSIGN(const bool lines_missing, files_.mend());
    if (!numbers_missing && !lines_missing) return {};
    missing_.add();
    missing_until_ = std::chrono::steady_clock::now() + kMissingShown;
    log(LogLevel::error, "ledger", "files were deleted while in use; what could be was written again",
        {{"folder", dir_.string()}});
    return {};
  }
  bool was_missing() const { return std::chrono::steady_clock::now() < missing_until_; }
  Result<void> close() { return numbers_.close(); }

  void copy_latest(std::vector<std::pair<std::string, LedgerRow>>& to) const {
    std::lock_guard lock(latest_mutex_);
    for (const LedgerRow& row : latest_) to.emplace_back(name_, row);
  }
  const std::string& name() const { return name_; }
  const fs::path& dir() const { return dir_; }

 private:
  const std::string name_;
  const std::size_t index_;
  const fs::path dir_;
  ItemNumbers numbers_;
  RingFiles files_;
  BoundedQueue<Line>& queue_;
  Counter& dropped_;
  Gauge& unreserved_;
  Gauge& bytes_;
  Counter& missing_;
  MonoTime missing_until_{};
  std::string pending_;
  std::uint64_t pending_lines_ = 0;
  mutable std::mutex latest_mutex_;
  std::deque<LedgerRow> latest_;
};

struct Ledger::State {
  BoundedQueue<Line> queue{"ledger", kQueueLines, WhenFull::reject_new};
  std::vector<std::unique_ptr<Book>> books;
  LogLimiter limiter;
  mutable std::mutex trouble_mutex;
  std::string trouble;
  std::thread writer;

  void run() {
    MonoTime next_sync{}, next_look{};
    for (;;) {
      const bool closing = queue.closed();
      const MonoTime until = std::chrono::steady_clock::now() + kWriteEvery;
      while (auto line = queue.pop(closing ? nanoseconds{0} : until - std::chrono::steady_clock::now())) {
        books[line->book]->add(line->row);
        if (!closing && std::chrono::steady_clock::now() >= until) break;
      }
      const MonoTime now = std::chrono::steady_clock::now();
      const bool sync = closing || now >= next_sync;
      if (sync) next_sync = now + kSyncEvery;
      const bool look = now >= next_look;
      if (look) next_look = now + kLookEvery;
      flush(sync, look);
      if (closing) return;
    }
  }

  void flush(bool sync, bool look) {
    std::string now_wrong;
    for (const auto& book : books)
      if (auto done = book->flush(sync, look); !done && now_wrong.empty())
        now_wrong = std::format("The ledger of station {} can't be written: {}", book->name(), done.error().message);
    if (!now_wrong.empty()) limiter.log(LogLevel::error, "ledger", now_wrong);
    for (const auto& book : books)
      if (book->was_missing() && now_wrong.empty())
        now_wrong = std::format(
            "Files of the ledger of station {} were deleted while in use; what could be was written "
            "again. Find out who deletes in {}.",
            book->name(), book->dir().string());
    std::lock_guard lock(trouble_mutex);
    trouble = now_wrong;
  }
};

Ledger::Ledger() : state_(std::make_unique<State>()) {}

Result<std::unique_ptr<Ledger>> Ledger::open(const fs::path& dir, const config::LedgerSettings& settings,
                                             const std::vector<std::string>& stations, MetricsRegistry& metrics) {
  std::unique_ptr<Ledger> ledger(new Ledger);
  State& state = *ledger->state_;
  for (const std::string& name : stations) {
    const fs::path place = dir / name;
    LINESIDE_ASSIGN(RingFiles files, RingFiles::open(place, kFileName, settings.bytes_max / stations.size(),
                                                     std::string(ledger_header())));
    LINESIDE_ASSIGN(ItemNumbers numbers, ItemNumbers::open(place / "item-numbers", first_number_by(place)));
    state.books.push_back(std::make_unique<Book>(name, state.books.size(), place, std::move(numbers), std::move(files),
                                                 state.queue, metrics));
  }
  state.writer = std::thread([&state] { state.run(); });
  return ledger;
}

Ledger::~Ledger() { close(); }

void Ledger::close() {
  if (!state_->writer.joinable()) return;
  state_->queue.close();
  state_->writer.join();
  for (const auto& book : state_->books)
    if (auto closed = book->close(); !closed) log(LogLevel::warning, "ledger", closed.error().message);
}

ItemLog& Ledger::station(const std::string& name) {
  const auto book = std::ranges::find_if(state_->books, [&](const auto& one) { return one->name() == name; });
  return **(book == state_->books.end() ? state_->books.begin() : book);
}

Result<std::vector<LedgerRow>> Ledger::tail(const std::string& station, std::size_t rows) const {
  const auto book = std::ranges::find_if(state_->books, [&](const auto& one) { return one->name() == station; });
  if (book == state_->books.end()) return fail(ErrorCode::not_found, std::format("There is no station {}.", station));
  std::vector<LedgerRow> result;
  for (const std::string& line : RingFiles::tail((*book)->dir(), kFileName, std::min<std::size_t>(rows, 1000)))
    if (auto row = from_line(line)) result.push_back(std::move(*row));
  return result;
}

std::vector<std::pair<std::string, LedgerRow>> Ledger::latest(std::size_t rows) const {
  std::vector<std::pair<std::string, LedgerRow>> all;
  for (const auto& book : state_->books) book->copy_latest(all);
  std::ranges::stable_sort(all,
                           [](const auto& a, const auto& b) { return a.second.verdict.time > b.second.verdict.time; });
  if (all.size() > rows) all.resize(rows);
  return all;
}

std::string Ledger::trouble() const {
  std::lock_guard lock(state_->trouble_mutex);
  return state_->trouble;
}

}  // namespace lineside::gateway
