#pragma once
// bdSeq: the number of an edge node's session, from 0 to 255 and from 0 again (Sparkplug 3.0,
// tck-id-topics-nbirth-bdseq-increment). It goes on over restarts by a small file.
#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace lineside::gateway {

// Not thread-safe.
class BdSeq {
 public:
  // An empty `file`, or one that can't be read: from 0.
  explicit BdSeq(std::filesystem::path file);

  std::uint64_t next() const { return next_; }        // of the will of the next CONNECT
  std::uint64_t current() const { return current_; }  // of this session
  // The broker may know the will. Errors: file_io, disk_full; the number has gone on all the same.
  Result<void> begin_session();

 private:
  const std::filesystem::path file_;
  std::uint64_t next_ = 0, current_ = 0;
};

}  // namespace lineside::gateway
