#include "rules/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <format>
#include <optional>

namespace lineside::rules {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool joins_word(char c) { return c == '.' || c == '/' || c == '-'; }

struct Hint {
  std::string_view written, meant;
};
constexpr std::array<Hint, 4> kHints{{{"&&", "and"}, {"||", "or"}, {"!", "not"}, {"=", "=="}}};
constexpr std::array<std::string_view, 12> kSymbols{"<=", ">=", "==", "!=", "<", ">", "(", ")", "+", "-", "*", "/"};

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  // Nothing where the text is no token; why() then says what is wrong.
  std::optional<Token> next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
    start_ = at_;
    if (at_ == text_.size()) return token(Token::Kind::end, 0);
    const char c = text_[at_];
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number();
    if (begins_word(c)) return word();
    if (c == '\'' || c == '"') return quoted(c);
    return symbol();
  }
  const std::string& why() const { return why_; }
  std::size_t column() const { return start_ + 1; }

 private:
  Token token(Token::Kind kind, std::size_t length) {
    at_ += length;
    return {.kind = kind, .text = text_.substr(start_, length), .column = start_ + 1};
  }

  std::optional<Token> number() {
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{} || !std::isfinite(value)) {
      why_ = "this number is too large or too small";
      return std::nullopt;
    }
    Token found = token(Token::Kind::number, static_cast<std::size_t>(end - text_.data()) - at_);
    found.number = value;
    return found;
  }

  Token word() {
    std::size_t length = 1;
    while (at_ + length < text_.size()) {
      const char c = text_[at_ + length];
      if (!begins_word(c) && !is_digit(c) && !joins_word(c)) break;
      ++length;
    }
    while (joins_word(text_[at_ + length - 1])) --length;
    return token(Token::Kind::word, length);
  }

  std::optional<Token> quoted(char quote) {
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
      why_ = "this quote never ends";
      return std::nullopt;
    }
    Token found = token(Token::Kind::quoted, end + 1 - at_);
    found.text = found.text.substr(1, found.text.size() - 2);
    return found;
  }

  std::optional<Token> symbol() {
    const std::string_view rest = text_.substr(at_);
    for (const std::string_view known : kSymbols)
      if (rest.starts_with(known)) return token(Token::Kind::symbol, known.size());
    if (rest[0] == ',' || rest[0] == '%') return token(Token::Kind::symbol, 1);
    for (const auto& [written, meant] : kHints)
      if (rest.starts_with(written)) {
        why_ = std::format("there is no '{}' here; write `{}`", written, meant);
        return std::nullopt;
      }
    const char c = rest[0];
    why_ = c > ' ' && c < 0x7F ? std::format("'{}' means nothing here", c)
                               : std::format("a character with the code {} means nothing here", int{c});
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0, start_ = 0;
  std::string why_;
};

}  // namespace

std::vector<Token> split(std::string_view text, std::vector<Mistake>& mistakes) {
  std::vector<Token> tokens;
  const auto give_up = [&](std::size_t column, std::string message) {
    mistakes.push_back({column, std::move(message)});
    tokens.assign(1, Token{.column = column});
    return tokens;
  };
  if (text.size() > kExpressionBytesMax)
    return give_up(1, std::format("is {} bytes long; {} are the most", text.size(), kExpressionBytesMax));
  Splitter splitter(text);
  while (tokens.empty() || tokens.back().kind != Token::Kind::end) {
    const auto token = splitter.next();
    if (!token) return give_up(splitter.column(), splitter.why());
    if (tokens.size() == kTokensMax)
      return give_up(token->column, std::format("has too many parts; {} are the most", kTokensMax));
    tokens.push_back(*token);
  }
  return tokens;
}

}  // namespace lineside::rules
