#include "bundle/counter_record.h"

#include <format>
#include <sstream>

#include "base/file.h"

namespace lineside::bundle {
namespace {

constexpr std::size_t kFileBytesMax = 1u << 20;

Result<void> allow(const std::map<std::string, std::uint64_t>& known, const std::string& name, std::uint64_t counter) {
  const auto found = known.find(name);
  if (found == known.end() || counter >= found->second) return {};
  return fail(ErrorCode::bundle_rollback, std::format("{} has counter {}, but it has run here with counter {} before",
                                                      name, counter, found->second));
}

}  // namespace

Result<std::map<std::string, std::uint64_t>> CounterRecord::read() const {
  std::map<std::string, std::uint64_t> known;
  auto text = read_text(file_, kFileBytesMax);
  if (!text && text.error().code == ErrorCode::file_not_found) return known;
  if (!text) return std::unexpected(std::move(text).error());
  std::istringstream lines(*text);
  std::string name;
  while (lines >> name)
    if (!(lines >> known[name]))
      return fail(ErrorCode::file_format,
                  std::format("{} is damaged: each line should hold a model's name and its counter", file_.string()));
  return known;
}

Result<void> CounterRecord::check(const std::string& name, std::uint64_t counter) const {
  const std::lock_guard lock(mutex_);
  LINESIDE_ASSIGN(const auto known, read());
  return allow(known, name, counter);
}

Result<void> CounterRecord::note(const std::string& name, std::uint64_t counter) {
  const std::lock_guard lock(mutex_);
  LINESIDE_ASSIGN(auto known, read());
  LINESIDE_TRY(allow(known, name, counter));
  if (known[name] == counter) return {};
  known[name] = counter;
  std::string text;
  for (const auto& [model, highest] : known) text += std::format("{} {}\n", model, highest);
  return write_atomically(file_, text);
}

Result<std::uint64_t> CounterRecord::highest(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  LINESIDE_ASSIGN(const auto known, read());
  const auto found = known.find(name);
  return found == known.end() ? 0 : found->second;
}

}  // namespace lineside::bundle
