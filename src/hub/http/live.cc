#include "hub/http/live.h"

#include <algorithm>
#include <condition_variable>

#include "hub/http/json_views.h"

namespace lineside::hub {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds{200};
constexpr auto kAnswerMax = std::chrono::seconds{15};
constexpr auto kSessionCheck = std::chrono::seconds{10};

}  // namespace

LiveFeed::LiveFeed(Board& board, const Accounts& accounts, Clock& clock, MetricsRegistry& metrics)
    : board_(board),
      accounts_(accounts),
      clock_(clock),
      dropped_(metrics.counter("lineside_live_pages_dropped_total", "Open pages closed because they were too slow")),
      open_(metrics.gauge("lineside_live_pages", "Open pages that get live updates")) {}

LiveFeed::~LiveFeed() { stop(); }

void LiveFeed::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      tick();
      stopped.wait_for(lock, stop, kPeriod, [] { return false; });
    }
  });
}

void LiveFeed::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  std::lock_guard lock(mutex_);
  for (auto& [id, page] : pages_) page.page->close();
  pages_.clear();
}

Result<std::uint64_t> LiveFeed::join(const std::string& token, std::shared_ptr<LivePage> page) {
  LINESIDE_ASSIGN(const auto who, accounts_.session(token));
  std::shared_ptr<LivePage> gives;
  std::unique_lock lock(mutex_);
  if (pages_.size() >= kPagesMax && !(gives = take_one_of_the_most(who.tenant)))
    return fail(ErrorCode::limit_reached, std::format("{} pages are open already; close some.", kPagesMax));
  const auto id = next_id_++;
  pages_[id] = {who.tenant, token, std::move(page), 0, true, clock_.mono(), clock_.mono()};
  open_.set(static_cast<double>(pages_.size()));
  lock.unlock();
  if (gives) gives->close();
  return id;
}

// The oldest page of the tenant with the most, unless `tenant` would then have as many.
std::shared_ptr<LivePage> LiveFeed::take_one_of_the_most(const std::string& tenant) {
  std::map<std::string, std::size_t> counts;
  for (const auto& [id, page] : pages_) ++counts[page.tenant];
  const auto most = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
  if (most->second <= counts[tenant] + 1) return nullptr;
  const auto oldest =
      std::ranges::find_if(pages_, [&](const auto& entry) { return entry.second.tenant == most->first; });
  auto page = std::move(oldest->second.page);
  pages_.erase(oldest);
  return page;
}

void LiveFeed::leave(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  pages_.erase(id);
  open_.set(static_cast<double>(pages_.size()));
}

void LiveFeed::answered(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  const auto found = pages_.find(id);
  if (found != pages_.end() && found->second.in_flight > 0) --found->second.in_flight;
}

std::string LiveFeed::snapshot(const std::string& tenant) const {
  return live_json("snapshot", {board_.stations(tenant), board_.gateways(tenant), board_.assets(tenant), {}, {}},
                   clock_.wall());
}

// Pages of one tenant get the same text: after a restart all of them ask for the snapshot at once.
void LiveFeed::serve(Page& page, const std::map<std::string, BoardChanges>& changes, Texts& texts) {
  const auto changed = changes.find(page.tenant);
  if (page.in_flight >= kInFlightMax) {
    if (changed != changes.end()) page.needs_snapshot = true;
    return;
  }
  if (!page.needs_snapshot && changed == changes.end()) return;
  std::string& text = texts[{page.tenant, page.needs_snapshot}];
  if (text.empty())
    text = page.needs_snapshot ? snapshot(page.tenant) : live_json("update", changed->second, clock_.wall());
  page.page->send(text);
  page.needs_snapshot = false;
  ++page.in_flight;
  page.sent = clock_.mono();
}

void LiveFeed::tick() {
  const auto changes = board_.take_changes();
  Texts texts;
  const auto now = clock_.mono();
  std::lock_guard lock(mutex_);
  for (auto entry = pages_.begin(); entry != pages_.end();) {
    auto& page = entry->second;
    const bool slow = page.in_flight > 0 && now - page.sent > kAnswerMax;
    bool ended = false;
    if (now - page.checked > kSessionCheck) {
      ended = !accounts_.session(page.token);
      page.checked = now;
    }
    if (slow) dropped_.add();
    if (slow || ended) {
      page.page->close();
      entry = pages_.erase(entry);
      open_.set(static_cast<double>(pages_.size()));
      continue;
    }
    serve(page, changes, texts);
    ++entry;
  }
}

}  // namespace lineside::hub
