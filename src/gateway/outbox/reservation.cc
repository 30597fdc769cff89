#include "gateway/outbox/reservation.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <format>

#include "base/file.h"

namespace lineside::gateway {
namespace {

constexpr std::size_t kSlotBytes = 4096;  // a sector or page each, so that one torn write hits one slot
constexpr std::uint64_t kMagic = 0x31767265736572ULL;
constexpr std::uint64_t kLiveMagic = 0x316576696c6f62ULL;

struct Slot {
  std::uint64_t magic, generation, life;
  PerLane reserved, acknowledged;
  char epoch[40];
  std::uint64_t checksum;
};
static_assert(std::is_trivially_copyable_v<Slot> && sizeof(Slot) <= kSlotBytes);

std::uint64_t checksum_of(const Slot& slot) {
  return crc32(0, reinterpret_cast<const Bytef*>(&slot), offsetof(Slot, checksum));
}

std::unexpected<Error> fail_errno(int error, std::string_view doing, const std::filesystem::path& path) {
  const ErrorCode code = error == ENOSPC || error == EDQUOT ? ErrorCode::disk_full : ErrorCode::file_io;
  return fail(code, std::format("can't {} {}: {}", doing, path.string(), std::strerror(error)));
}

std::optional<Slot> read_slot(int fd, std::size_t index) {
  Slot slot;
  const auto offset = static_cast<off_t>(index * kSlotBytes);
  if (::pread(fd, &slot, sizeof slot, offset) != static_cast<ssize_t>(sizeof slot)) return std::nullopt;
  if (slot.magic != kMagic || slot.checksum != checksum_of(slot)) return std::nullopt;
  return slot;
}

int write_slot(int fd, const Slot& slot) {
  if (const int fault = planned_fault()) return fault;
  const auto offset = static_cast<off_t>(slot.generation % 2 * kSlotBytes);
  const ssize_t written = ::pwrite(fd, &slot, sizeof slot, offset);
  if (written < 0) return errno;
  if (written != static_cast<ssize_t>(sizeof slot)) return ENOSPC;
  if (const int fault = planned_fault()) return fault;
  return ::fdatasync(fd) == 0 ? 0 : errno;
}

}  // namespace

Result<ReserveFile> ReserveFile::open(const std::filesystem::path& path) {
  ReserveFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file.fd_ < 0) return fail_errno(errno, "open", path);
  if (const int error = ::posix_fallocate(file.fd_, 0, 2 * kSlotBytes)) return fail_errno(error, "make room for", path);
  for (std::size_t index = 0; index < 2; ++index) {
    const auto slot = read_slot(file.fd_, index);
    if (!slot || slot->generation < file.generation_) continue;
    file.generation_ = slot->generation;
    file.last_ = Reservation{std::string(slot->epoch, ::strnlen(slot->epoch, sizeof slot->epoch)), slot->life,
                             slot->reserved, slot->acknowledged};
  }
  return file;
}

ReserveFile::ReserveFile(ReserveFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      generation_(other.generation_),
      last_(std::move(other.last_)),
      path_(std::move(other.path_)) {}

ReserveFile& ReserveFile::operator=(ReserveFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(generation_, other.generation_);
  std::swap(last_, other.last_);
  std::swap(path_, other.path_);
  return *this;
}

ReserveFile::~ReserveFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> ReserveFile::write(const Reservation& reservation) {
  Slot slot;
  std::memset(&slot, 0, sizeof slot);  // padding too: it is part of the checksum
  slot.magic = kMagic;
  slot.generation = generation_ + 1;
  slot.life = reservation.life;
  slot.reserved = reservation.reserved;
  slot.acknowledged = reservation.acknowledged;
  reservation.epoch.copy(slot.epoch, sizeof slot.epoch - 1);
  slot.checksum = checksum_of(slot);
  if (const int error = write_slot(fd_, slot)) return fail_errno(error, "write", path_);
  generation_ = slot.generation;
  last_ = reservation;
  return {};
}

struct LiveCounter::Page {
  std::uint64_t magic;
  std::atomic<std::uint64_t> life;
  std::array<std::atomic<std::uint64_t>, kLanes> handed_out;
};

namespace {

// "" if the folder can't be looked at.
std::string live_name(const std::filesystem::path& dir) {
  struct stat status{};
  if (::stat(dir.c_str(), &status) != 0) return {};
  return std::format("/lineside-outbox-{:x}-{:x}", status.st_dev, status.st_ino);
}

// The mapped page, or nullptr. Only a file of our own user is trusted.
void* map_page(const std::string& name, int flags, std::size_t size) {
  if (name.empty()) return nullptr;
  const int fd = ::shm_open(name.c_str(), flags | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return nullptr;
  struct stat status{};
  bool usable = ::fstat(fd, &status) == 0 && status.st_uid == ::geteuid();
  if (usable && (flags & O_CREAT) != 0) usable = ::posix_fallocate(fd, 0, static_cast<off_t>(size)) == 0;
  if (usable && (flags & O_CREAT) == 0) usable = status.st_size >= static_cast<off_t>(size);
  void* page = usable ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0) : MAP_FAILED;
  ::close(fd);
  return page == MAP_FAILED ? nullptr : page;
}

}  // namespace

std::optional<LiveCounter> LiveCounter::open(const std::filesystem::path& dir) {
  void* page = map_page(live_name(dir), O_CREAT, sizeof(Page));
  if (page == nullptr) return std::nullopt;
  LiveCounter counter;
  counter.page_ = static_cast<Page*>(page);
  return counter;
}

std::optional<PerLane> LiveCounter::left_behind(const std::filesystem::path& dir, std::uint64_t life) {
  void* mapped = life == 0 ? nullptr : map_page(live_name(dir), 0, sizeof(Page));
  if (mapped == nullptr) return std::nullopt;
  const auto* page = static_cast<Page*>(mapped);
  std::optional<PerLane> handed_out;
  if (page->magic == kLiveMagic && page->life == life) {
    handed_out.emplace();
    for (std::size_t lane = 0; lane < kLanes; ++lane) (*handed_out)[lane] = page->handed_out[lane];
  }
  ::munmap(mapped, sizeof(Page));
  return handed_out;
}

void LiveCounter::remove(const std::filesystem::path& dir) {
  const std::string name = live_name(dir);
  if (!name.empty()) ::shm_unlink(name.c_str());
}

LiveCounter::LiveCounter(LiveCounter&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}

LiveCounter& LiveCounter::operator=(LiveCounter&& other) noexcept {
  std::swap(page_, other.page_);
  return *this;
}

LiveCounter::~LiveCounter() {
  if (page_ != nullptr) ::munmap(page_, sizeof(Page));
}

void LiveCounter::begin(std::uint64_t life, const PerLane& handed_out) {
  page_->life = 0;  // a crash in between must not pair old numbers with the new life
  page_->magic = kLiveMagic;
  for (std::size_t lane = 0; lane < kLanes; ++lane) page_->handed_out[lane] = handed_out[lane];
  page_->life = life;
}

void LiveCounter::set(Lane lane, std::uint64_t handed_out) {
  page_->handed_out[static_cast<std::size_t>(lane)].store(handed_out, std::memory_order_release);
}

}  // namespace lineside::gateway
