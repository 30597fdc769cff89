#include "base/result.h"

namespace lineside {
namespace {

struct CodeInfo {
  std::string_view name;
  int exit_code;
  std::string_view meaning, action;
};

constexpr CodeInfo kCodes[] = {
#define LINESIDE_ERROR(name, code, exit_code, meaning, action) {code, exit_code, meaning, action},
#include "base/errors.def"
#undef LINESIDE_ERROR
};

const CodeInfo& info(ErrorCode code) { return kCodes[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view code_name(ErrorCode code) { return info(code).name; }
int exit_code(ErrorCode code) { return info(code).exit_code; }
std::string_view code_meaning(ErrorCode code) { return info(code).meaning; }
std::string_view code_action(ErrorCode code) { return info(code).action; }

std::string to_string(const Error& error) { return std::string(code_name(error.code)) + ": " + error.message; }

}  // namespace lineside
