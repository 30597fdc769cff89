#include "gateway/ledger/ring_files.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <fstream>

namespace lineside::gateway {
namespace {

constexpr std::uint64_t kFiles = 8, kBytesMin = 64 << 10, kTailBytesMax = 1 << 20;
constexpr std::string_view kEnding = ".tsv";

// The numbers and sizes of NAME-N.tsv in `dir`, in order.
std::vector<std::pair<std::uint64_t, std::uint64_t>> list_parts(const fs::path& dir, const std::string& name) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> parts;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(dir, ignored)) {
    const std::string file = entry.path().filename().string();
    if (!file.starts_with(name + "-") || !file.ends_with(kEnding)) continue;
    const std::string_view digits =
        std::string_view(file).substr(name.size() + 1, file.size() - name.size() - 1 - kEnding.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) continue;
    std::error_code no_size;
    const auto size = entry.file_size(no_size);
    parts.emplace_back(number, no_size ? 0 : size);
  }
  std::ranges::sort(parts);
  return parts;
}

fs::path part_path(const fs::path& dir, const std::string& name, std::uint64_t number) {
  return dir / std::format("{}-{:08}{}", name, number, kEnding);
}

}  // namespace

Result<RingFiles> RingFiles::open(const fs::path& dir, std::string name, std::uint64_t bytes_max, std::string header) {
  RingFiles ring;
  ring.dir_ = dir;
  ring.name_ = std::move(name);
  ring.header_ = std::move(header);
  ring.bytes_max_ = std::max(bytes_max, kBytesMin);
  ring.file_bytes_max_ = ring.bytes_max_ / kFiles;
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return fail(ErrorCode::file_io, std::format("Can't make {}: {}.", dir.string(), error.message()));
  for (const auto& [number, bytes] : list_parts(dir, ring.name_)) ring.parts_.push_back({number, bytes});
  ring.make_room(0);
  return ring;
}

fs::path RingFiles::path_of(std::uint64_t number) const { return part_path(dir_, name_, number); }

std::uint64_t RingFiles::bytes() const {
  std::uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.bytes;
  return sum;
}

bool RingFiles::drop_oldest() {
  if (parts_.size() < (file_ ? 2U : 1U)) return false;
  std::error_code ignored;
  fs::remove(path_of(parts_.front().number), ignored);
  parts_.pop_front();
  return true;
}

void RingFiles::make_room(std::uint64_t bytes_needed) {
  while (bytes() + bytes_needed > bytes_max_ && drop_oldest()) continue;
}

Result<void> RingFiles::begin_file() {
  file_.reset();
  const std::uint64_t number = parts_.empty() ? 1 : parts_.back().number + 1;
  LINESIDE_ASSIGN(AppendFile file, AppendFile::open(path_of(number)));
  file_.emplace(std::move(file));
  parts_.push_back({number, 0});
  LINESIDE_TRY(file_->append(header_));
  parts_.back().bytes = header_.size();
  return {};
}

Result<void> RingFiles::append(std::string_view lines) {
  make_room(lines.size());
  Result<void> done;
  for (int attempt = 0; attempt < 2; ++attempt) {
    done = {};
    if (!file_ || parts_.back().bytes + lines.size() > file_bytes_max_) done = begin_file();
    if (done) done = file_->append(lines);
    if (done) {
      parts_.back().bytes += lines.size();
      return done;
    }
    if (file_) parts_.back().bytes = std::max(parts_.back().bytes, file_->size());
    file_.reset();
    if (done.error().code != ErrorCode::disk_full || !drop_oldest()) break;
  }
  return done;
}

Result<void> RingFiles::sync() { return file_ ? file_->sync() : Result<void>{}; }

Result<bool> RingFiles::mend() {
  const auto missing = [this](const Part& part) { return identity_of(path_of(part.number)) == FileIdentity{}; };
  if (!file_ || !file_->gone()) {
    return std::erase_if(parts_, [&](const Part& part) { return &part != &parts_.back() && missing(part); }) > 0;
  }
  std::error_code error;
  fs::create_directories(dir_, error);
  if (error) return fail(ErrorCode::file_io, std::format("Can't make {}: {}.", dir_.string(), error.message()));
  const std::uint64_t number = parts_.back().number + 1;
  auto again = file_->copy_to(path_of(number)).and_then([&] { return AppendFile::open(path_of(number)); });
  if (!again) {
    std::error_code ignored;
    fs::remove(path_of(number), ignored);
    return std::unexpected(again.error());
  }
  file_.emplace(std::move(*again));
  parts_.pop_back();
  std::erase_if(parts_, missing);
  parts_.push_back({number, file_->size()});
  return true;
}

std::vector<std::string> RingFiles::tail(const fs::path& dir, const std::string& name, std::size_t lines_max) {
  std::deque<std::string> lines;
  std::uint64_t budget = kTailBytesMax;
  const auto parts = list_parts(dir, name);
  for (auto part = parts.rbegin(); part != parts.rend() && lines.size() < lines_max && budget > 0; ++part) {
    std::ifstream file(part_path(dir, name, part->first), std::ios::binary | std::ios::ate);
    if (!file) continue;
    const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
    const std::uint64_t take = std::min(size, budget);
    budget -= take;
    std::string text(take, '\0');
    file.seekg(static_cast<std::streamoff>(size - take));
    file.read(text.data(), static_cast<std::streamsize>(take));
    text.resize(static_cast<std::size_t>(file.gcount()));
    std::size_t end = text.rfind('\n');  // what follows is still being written
    while (end != std::string::npos && lines.size() < lines_max) {
      const std::size_t before = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
      if (before == std::string::npos && take < size) break;  // begins before what was read
      const std::size_t begin = before == std::string::npos ? 0 : before + 1;
      if (text[begin] != '#') lines.push_front(text.substr(begin, end - begin));
      end = before;
    }
  }
  return {lines.begin(), lines.end()};
}

}  // namespace lineside::gateway
