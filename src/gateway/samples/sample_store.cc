#include "gateway/samples/sample_store.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <format>
#include <mutex>
#include <thread>

#include "base/bounded_queue.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/samples/sample_index.h"
#include "vision/image_io.h"

namespace lineside::gateway {
namespace {

struct Job {
  SampleEntry entry;
  WallTime time{};
  Image image;
};

// One in so many, spread evenly and without a lock: the golden-ratio sequence hashed (splitmix64).
std::uint64_t scramble(std::uint64_t n) {
  n *= 0x9e3779b97f4a7c15ULL;
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebULL;
  return n ^ (n >> 31);
}

// At most so many in a minute, not all at once.
class PerMinute {
 public:
  explicit PerMinute(double per_minute) : per_minute_(per_minute), tokens_(burst()) {}
  bool take(MonoTime now) {
    if (last_ != MonoTime{})
      tokens_ = std::min(burst(), tokens_ + std::chrono::duration<double>(now - last_).count() * per_minute_ / 60);
    last_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double burst() const { return per_minute_ <= 0 ? 0 : std::max(1.0, per_minute_ / 6); }
  double per_minute_, tokens_;
  MonoTime last_{};
};

}  // namespace

class SampleStore::Sink final : public SampleSink {
 public:
  Sink(std::string name, std::uint16_t index, const config::SampleStoreSettings& settings, BoundedQueue<Job>& queue,
       std::atomic<std::uint64_t>& queued_bytes, MetricsRegistry& metrics)
      : name_(std::move(name)),
        index_(index),
        near_(static_cast<float>(settings.near_threshold)),
        pass_limit_(static_cast<std::uint64_t>(settings.pass_share * 0x1p32)),
        queue_(queue),
        queued_bytes_(queued_bytes),
        share_limit(settings.share.per_minute_max),
        kept(metrics.counter("lineside_samples_kept_total", "Pictures kept on site.", {{"station", name_}})),
        dropped(metrics.counter("lineside_samples_dropped_total", "Pictures not kept: queue full or disk refused.",
                                {{"station", name_}})),
        shared_bytes(metrics.counter("lineside_shared_bytes_total", "Bytes of pictures given to the hub by policy.",
                                     {{"station", name_}})),
        shared(metrics.counter("lineside_shared_pictures_total", "Pictures given to the hub by policy.",
                               {{"station", name_}})) {}

  SampleWhy wants(Decision decision, Reason reason, float score, float threshold) override {
    if (is_fail_safe(reason)) return SampleWhy::fail_safe;
    if (decision == Decision::reject) return SampleWhy::reject;
    if (std::abs(score - threshold) < near_) return SampleWhy::near_threshold;
    const std::uint64_t ticket = passes_.fetch_add(1, std::memory_order_relaxed) + (std::uint64_t{index_} << 48);
    return scramble(ticket + 1) >> 32 < pass_limit_ ? SampleWhy::random_pass : SampleWhy::no;
  }

  void offer(const Verdict& verdict, std::string_view, SampleWhy why, const ImageView& image) override {
    const std::size_t row = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(channels_of(image.format));
    const std::size_t bytes = row * static_cast<std::size_t>(image.height);
    if (queued_bytes_.fetch_add(bytes) + bytes > kQueueBytes) {
      queued_bytes_.fetch_sub(bytes);
      return dropped.add();
    }
    Job job;
    job.time = verdict.time;
    job.entry = {.station = index_, .why = why, .item = verdict.item};
    job.entry.time_ms = std::chrono::floor<std::chrono::milliseconds>(verdict.time.time_since_epoch()).count();
    if (std::isfinite(verdict.score))
      job.entry.score = static_cast<std::int16_t>(std::lround(std::clamp(verdict.score, 0.0F, 1.0F) * 1000));
    job.image = {image.width, image.height, image.format, std::vector<std::uint8_t>(bytes)};
    for (int y = 0; y < image.height; ++y)
      std::memcpy(job.image.pixels.data() + static_cast<std::size_t>(y) * row,
                  image.data + static_cast<std::ptrdiff_t>(y) * image.stride_bytes, row);
    if (queue_.push(std::move(job))) return;
    queued_bytes_.fetch_sub(bytes);
    dropped.add();
  }

  const std::string& name() const { return name_; }

 private:
  const std::string name_;
  const std::uint16_t index_;
  const float near_;
  const std::uint64_t pass_limit_;
  BoundedQueue<Job>& queue_;
  std::atomic<std::uint64_t>& queued_bytes_;
  std::atomic<std::uint64_t> passes_{0};

 public:  // of the store's thread
  PerMinute share_limit;
  Counter &kept, &dropped, &shared_bytes, &shared;
};

struct SampleStore::State {
  State(config::SampleStoreSettings how, RecordSink& sink, Clock& time)
      : settings(std::move(how)), records(sink), clock(time) {}

  const config::SampleStoreSettings settings;
  RecordSink& records;
  Clock& clock;
  fs::path dir;
  BoundedQueue<Job> queue{"samples", kQueuePictures, WhenFull::reject_new};
  std::atomic<std::uint64_t> queued_bytes{0};
  std::vector<std::unique_ptr<Sink>> sinks;
  LogLimiter limiter;
  mutable std::mutex mutex;  // index, trouble
  SampleIndex index;
  std::string trouble;
  Gauge* bytes_gauge = nullptr;
  std::thread writer;

  void scan();
  void run();
  void keep(Job& job);
  Result<void> write(SampleEntry& entry, std::span<const std::uint8_t> jpeg);
  bool delete_oldest();
  void share(Sink& sink, const Job& job, std::vector<std::uint8_t> jpeg);
  fs::path path_of(const SampleEntry& entry) const { return dir / sinks[entry.station]->name() / file_name(entry); }
};

void SampleStore::State::scan() {
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    std::error_code ignored;
    for (const auto& file : fs::directory_iterator(dir / sinks[i]->name(), ignored)) {
      auto entry = parse_file_name(file.path().filename().string());
      if (!entry) continue;
      std::error_code no_size;
      entry->station = static_cast<std::uint16_t>(i);
      entry->bytes = static_cast<std::uint32_t>(file.file_size(no_size));
      if (!no_size) index.add(*entry);
    }
  }
  index.sort_by_age();
  while (index.bytes() > settings.bytes_max && delete_oldest()) continue;
}

bool SampleStore::State::delete_oldest() {
  std::optional<SampleEntry> oldest;
  {
    std::lock_guard lock(mutex);
    oldest = index.take_oldest();
  }
  if (!oldest) return false;
  std::error_code ignored;
  fs::remove(path_of(*oldest), ignored);
  return true;
}

void SampleStore::State::run() {
  while (!queue.closed() || queue.size() > 0) {
    auto job = queue.pop(std::chrono::seconds{1});
    if (!job) continue;
    keep(*job);
    queued_bytes.fetch_sub(job->image.pixels.size());
  }
}

void SampleStore::State::keep(Job& job) {
  Sink& sink = *sinks[job.entry.station];
  auto jpeg = vision::encode_jpeg(job.image.view());
  const auto done = jpeg ? write(job.entry, *jpeg) : Result<void>(std::unexpected(jpeg.error()));
  if (!done) limiter.log(LogLevel::error, "samples", done.error().message, {{"station", sink.name()}});
  (done ? sink.kept : sink.dropped).add();
  {
    std::lock_guard lock(mutex);
    trouble = done ? std::string{} : done.error().message;
    bytes_gauge->set(static_cast<double>(index.bytes()));
  }
  if (jpeg && settings.share.level != config::ShareSettings::Level::none && job.entry.why != SampleWhy::random_pass)
    share(sink, job, std::move(*jpeg));
}

Result<void> SampleStore::State::write(SampleEntry& entry, std::span<const std::uint8_t> jpeg) {
  entry.bytes = static_cast<std::uint32_t>(jpeg.size());
  if (jpeg.size() > settings.bytes_max)
    return fail(ErrorCode::disk_full,
                std::format("A picture of {} bytes is larger than samples.bytes_max.", jpeg.size()));
  const auto has_room = [&] {
    std::lock_guard lock(mutex);
    return index.bytes() + jpeg.size() <= settings.bytes_max;
  };
  while (!has_room() && delete_oldest()) continue;
  {
    std::lock_guard lock(mutex);
    entry.view = index.next_view(entry.station, entry.item);
  }
  auto done = write_atomically(path_of(entry), jpeg);
  // On a full disk new pictures replace old ones.
  for (int freed = 0; !done && done.error().code == ErrorCode::disk_full && freed < 4 && delete_oldest(); ++freed)
    done = write_atomically(path_of(entry), jpeg);
  if (!done) return done;
  std::lock_guard lock(mutex);
  index.add(entry);
  return {};
}

void SampleStore::State::share(Sink& sink, const Job& job, std::vector<std::uint8_t> jpeg) {
  if (!sink.share_limit.take(clock.mono())) return;
  const bool full = settings.share.level == config::ShareSettings::Level::full;
  if (!full) {
    const auto small = vision::make_thumbnail(job.image.view(), settings.share.thumbnail_px);
    auto bytes = small ? vision::encode_jpeg(small->view(), 75)
                       : Result<std::vector<std::uint8_t>>(std::unexpected(small.error()));
    if (!bytes) return limiter.log(LogLevel::error, "samples", bytes.error().message, {{"station", sink.name()}});
    jpeg = std::move(*bytes);
  }
  sink.shared.add();
  sink.shared_bytes.add(jpeg.size());
  records.put(Lane::bulk,
              PictureRecord{sink.name(), job.entry.item, job.time, full ? "full" : "thumbnail", std::move(jpeg)});
}

SampleStore::SampleStore() = default;

Result<std::unique_ptr<SampleStore>> SampleStore::open(const fs::path& dir, const config::SampleStoreSettings& settings,
                                                       const std::vector<std::string>& stations, RecordSink& records,
                                                       Clock& clock, MetricsRegistry& metrics) {
  std::unique_ptr<SampleStore> store(new SampleStore);
  store->state_ = std::make_unique<State>(settings, records, clock);
  State& state = *store->state_;
  state.dir = dir;
  state.bytes_gauge = &metrics.gauge("lineside_samples_bytes", "Size of the sample store on disk.");
  for (const std::string& name : stations) {
    std::error_code error;
    fs::create_directories(dir / name, error);
    if (error)
      return fail(ErrorCode::file_io, std::format("Can't make {}: {}.", (dir / name).string(), error.message()));
    state.sinks.push_back(std::make_unique<Sink>(name, static_cast<std::uint16_t>(state.sinks.size()), settings,
                                                 state.queue, state.queued_bytes, metrics));
  }
  state.scan();
  state.bytes_gauge->set(static_cast<double>(state.index.bytes()));
  state.writer = std::thread([&state] { state.run(); });
  return store;
}

SampleStore::~SampleStore() { close(); }

void SampleStore::close() {
  if (!state_ || !state_->writer.joinable()) return;
  state_->queue.close();
  state_->writer.join();
}

SampleSink& SampleStore::station(const std::string& name) {
  const auto sink = std::ranges::find_if(state_->sinks, [&](const auto& one) { return one->name() == name; });
  return **(sink == state_->sinks.end() ? state_->sinks.begin() : sink);
}

std::string SampleStore::id_of(const std::string& station, std::uint64_t item) const {
  std::lock_guard lock(state_->mutex);
  for (std::size_t i = 0; i < state_->sinks.size(); ++i)
    if (state_->sinks[i]->name() == station && state_->index.find(static_cast<std::uint16_t>(i), item, 0))
      return std::format("{}.{}", station, item);
  return {};
}

Result<std::vector<std::uint8_t>> SampleStore::jpeg(const std::string& id) const {
  const auto missing = [&] { return fail(ErrorCode::not_found, std::format("There is no sample {}.", id)); };
  const auto dot = id.rfind('.');
  std::uint64_t item = 0;
  if (dot == std::string::npos) return missing();
  const auto [end, error] = std::from_chars(id.data() + dot + 1, id.data() + id.size(), item);
  if (error != std::errc{} || end != id.data() + id.size()) return missing();
  fs::path path;
  {
    std::lock_guard lock(state_->mutex);
    for (std::size_t i = 0; i < state_->sinks.size(); ++i) {
      if (state_->sinks[i]->name() != std::string_view(id).substr(0, dot)) continue;
      if (const auto entry = state_->index.find(static_cast<std::uint16_t>(i), item, 0)) path = state_->path_of(*entry);
    }
  }
  if (path.empty()) return missing();
  return read_bytes(path);
}

std::uint64_t SampleStore::bytes() const {
  std::lock_guard lock(state_->mutex);
  return state_->index.bytes();
}

std::string SampleStore::trouble() const {
  std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

}  // namespace lineside::gateway
