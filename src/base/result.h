#pragma once
// Errors as values across module boundaries. Exceptions stay inside the adapter of the library that threw them.
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace lineside {

enum class ErrorCode : std::uint16_t {
#define LINESIDE_ERROR(name, code, exit_code, meaning, action) name,
#include "base/errors.def"
#undef LINESIDE_ERROR
};

// What went wrong, where, and what to do, in one or two plain sentences that a user can act on.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// The stable dotted name ("config.invalid"), the process exit code, the meaning and the advice of a code.
std::string_view code_name(ErrorCode code);
int exit_code(ErrorCode code);
std::string_view code_meaning(ErrorCode code);
std::string_view code_action(ErrorCode code);

// "config.invalid: MESSAGE"
std::string to_string(const Error& error);

}  // namespace lineside

// Returns the error of a Result<...> expression from the enclosing function.
#define LINESIDE_TRY(expression)                                                    \
  do {                                                                              \
    if (auto lineside_try_result = (expression); !lineside_try_result) [[unlikely]] \
      return std::unexpected(std::move(lineside_try_result).error());               \
  } while (false)

#define LINESIDE_CONCAT_INNER(a, b) a##b
#define LINESIDE_CONCAT(a, b) LINESIDE_CONCAT_INNER(a, b)
// LINESIDE_ASSIGN(auto value, make_value()): unwraps a Result or returns its error.
#define LINESIDE_ASSIGN(declaration, expression) \
  LINESIDE_ASSIGN_INNER(LINESIDE_CONCAT(lineside_assign_, __LINE__), declaration, expression)
#define LINESIDE_ASSIGN_INNER(name, declaration, expression) \
  auto name = (expression);                                  \
  if (!name) [[unlikely]]                                    \
    return std::unexpected(std::move(name).error());         \
  declaration = std::move(*name)
