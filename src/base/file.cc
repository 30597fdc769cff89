#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

namespace lineside {
namespace {

// What the FaultPlan of a test says; process-wide because the failing call is deep inside the code under test.
struct Plan {
  std::atomic<bool> active{false};
  std::atomic<std::uint64_t> operations{0}, nth{0};
  std::atomic<int> system_errno{0};
  std::atomic<bool> forever{false};
};

Plan& plan() {
  static Plan instance;
  return instance;
}

std::unexpected<Error> fail_errno(int error, std::string_view doing, const fs::path& path) {
  ErrorCode code = ErrorCode::file_io;
  if (error == ENOSPC || error == EDQUOT) code = ErrorCode::disk_full;
  if (error == ENOENT || error == ENOTDIR) code = ErrorCode::file_not_found;
  return fail(code, std::format("{} {}: {}", doing, path.string(), std::strerror(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

// 0 or the errno.
int write_all(int fd, const char* data, std::size_t size) {
  if (const int fault = planned_fault()) return fault;
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return 0;
}

int sync_data(int fd) {
  if (const int fault = planned_fault()) return fault;
  return ::fdatasync(fd) == 0 ? 0 : errno;
}

template <class Container>
Result<Container> read_all(const fs::path& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail_errno(errno, "can't open", path);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "can't read", path);
  if (S_ISDIR(status.st_mode)) return fail(ErrorCode::file_io, path.string() + " is a folder, not a file");
  Container content;
  std::size_t done = 0;
  std::size_t room = static_cast<std::size_t>(status.st_size) + 1;  // one more, to see the end without a second pass
  for (;;) {
    if (done > bytes_max)
      return fail(ErrorCode::limit_reached, std::format("{} is larger than {} bytes", path.string(), bytes_max));
    content.resize(std::min(done + room, bytes_max + 1));
    const ssize_t n = ::read(file.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "can't read", path);
    done += static_cast<std::size_t>(n);
    if (n == 0) break;
    room = std::max<std::size_t>(4096, content.size() - done);
  }
  content.resize(done);
  return content;
}

Result<void> sync_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return fail_errno(errno, "can't open folder", folder);
  if (const int error = planned_fault()) return fail_errno(error, "can't sync folder", folder);
  if (::fsync(fd.get()) != 0) return fail_errno(errno, "can't sync folder", folder);
  return {};
}

using Fill = std::function<Result<void>(const PutBytes&)>;

Result<void> put_all(const Descriptor& file, const fs::path& path, const Fill& fill) {
  return fill([&](std::string_view bytes) -> Result<void> {
    if (const int error = write_all(file.get(), bytes.data(), bytes.size()))
      return fail_errno(error, "can't write", path);
    return {};
  });
}

Result<void> write_and_sync(const fs::path& path, const Fill& fill, unsigned mode) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (file.get() < 0) return fail_errno(errno, "can't create", path);
  if (::fchmod(file.get(), mode) != 0) return fail_errno(errno, "can't set the mode of", path);
  LINESIDE_TRY(put_all(file, path, fill));
  if (const int error = sync_data(file.get())) return fail_errno(error, "can't sync", path);
  if (!file.close()) return fail_errno(errno, "can't write", path);
  return {};
}

// A device or a pipe: root could rename a file over it, and everybody who writes to /dev/null would fill a disk.
Result<void> write_into(const fs::path& path, const Fill& fill) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return fail_errno(errno, "can't open", path);
  LINESIDE_TRY(put_all(file, path, fill));
  if (!file.close()) return fail_errno(errno, "can't write", path);
  return {};
}

}  // namespace

Result<std::string> read_text(const fs::path& path, std::size_t bytes_max) {
  return read_all<std::string>(path, bytes_max);
}

Result<std::vector<std::uint8_t>> read_bytes(const fs::path& path, std::size_t bytes_max) {
  return read_all<std::vector<std::uint8_t>>(path, bytes_max);
}

Result<void> write_atomically(const fs::path& path, const Fill& fill, unsigned mode) {
  std::error_code none;
  const fs::file_status status = fs::status(path, none);
  if (fs::is_other(status)) return write_into(path, fill);
  const fs::path target = fs::is_symlink(path, none) && fs::exists(status) ? fs::canonical(path, none) : path;
  fs::path neighbour = target;
  neighbour += std::format(".{}.new", ::getpid());
  auto written = write_and_sync(neighbour, fill, mode);
  if (written) {
    int error = planned_fault();
    if (error == 0 && ::rename(neighbour.c_str(), target.c_str()) != 0) error = errno;
    if (error != 0) written = fail_errno(error, "can't rename to", target);
  }
  if (!written) {
    ::unlink(neighbour.c_str());
    return written;
  }
  return sync_folder(target.has_parent_path() ? target.parent_path() : fs::path("."));
}

Result<void> write_atomically(const fs::path& path, std::string_view content, unsigned mode) {
  return write_atomically(path, [&](const PutBytes& put) { return put(content); }, mode);
}

Result<void> write_atomically(const fs::path& path, std::span<const std::uint8_t> content, unsigned mode) {
  return write_atomically(path, std::string_view(reinterpret_cast<const char*>(content.data()), content.size()), mode);
}

Result<AppendFile> AppendFile::open(const fs::path& path) {
  AppendFile file;
  file.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file.fd_ < 0) return fail_errno(errno, "can't open", path);
  struct stat status{};
  if (::fstat(file.fd_, &status) != 0) return fail_errno(errno, "can't open", path);
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  file.path_ = path;
  file.identity_ = {status.st_dev, status.st_ino};
  return file;
}

FileIdentity identity_of(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

Result<void> AppendFile::copy_to(const fs::path& path) const {
  const std::string open_file = "/proc/self/fd/" + std::to_string(fd_);  // reaches it without its name
  const int from = ::open(open_file.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0) return fail_errno(errno, "can't read", path_);
  auto to = AppendFile::open(path);
  std::vector<char> block(1 << 16);
  Result<void> done;
  while (to && done) {
    const ssize_t got = ::read(from, block.data(), block.size());
    if (got < 0) done = fail_errno(errno, "can't read", path_);
    if (got <= 0) break;
    done = to->append({block.data(), static_cast<std::size_t>(got)});
  }
  ::close(from);
  if (!to) return std::unexpected(to.error());
  return done ? to->sync() : done;
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      path_(std::move(other.path_)),
      identity_(other.identity_) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  std::swap(identity_, other.identity_);
  return *this;
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> AppendFile::append(std::string_view bytes) {
  if (const int error = write_all(fd_, bytes.data(), bytes.size())) {
    if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0)
      return fail_errno(error, "can't append (and can't take back a part that was written) to", path_);
    return fail_errno(error, "can't append to", path_);
  }
  size_ += bytes.size();
  return {};
}

Result<void> AppendFile::sync() {
  if (const int error = sync_data(fd_)) return fail_errno(error, "can't sync", path_);
  return {};
}

FaultPlan::FaultPlan(std::uint64_t nth, int system_errno, bool forever) {
  Plan& p = plan();
  p.operations = 0;
  p.nth = nth;
  p.system_errno = system_errno;
  p.forever = forever;
  p.active = true;
}

FaultPlan::~FaultPlan() { plan().active = false; }

std::uint64_t FaultPlan::operations() const { return plan().operations; }

int planned_fault() {
  Plan& p = plan();
  if (!p.active.load(std::memory_order_relaxed)) return 0;
  const std::uint64_t operation = p.operations.fetch_add(1);
  const bool fails = p.forever ? operation >= p.nth : operation == p.nth;
  return fails ? p.system_errno.load() : 0;
}

}  // namespace lineside
