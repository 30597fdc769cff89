#include "gateway/sparkplug/bd_seq.h"

#include <cstdlib>
#include <format>

#include "base/file.h"
#include "wire/sparkplug.h"

namespace lineside::gateway {

BdSeq::BdSeq(std::filesystem::path file) : file_(std::move(file)) {
  const auto text = read_text(file_, 64);
  if (!text || text->empty() || text->find_first_not_of("0123456789\n") != std::string::npos) return;
  next_ = (std::strtoull(text->c_str(), nullptr, 10) + 1) % wire::sparkplug::kSequences;
}

Result<void> BdSeq::begin_session() {
  current_ = next_;
  next_ = (next_ + 1) % wire::sparkplug::kSequences;
  if (file_.empty()) return {};
  return write_atomically(file_, std::format("{}\n", current_));
}

}  // namespace lineside::gateway
