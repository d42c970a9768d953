#include "core/nn/python_tokens.h"

#include <array>

#include "core/base/error.h"

namespace nw::nn {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/// Whether the byte begins a character of UTF-8.
bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // a byte order mark
  }

  std::vector<Token> run() {
    std::vector<Token> tokens;
    for (skip_space(); at_ < text_.size(); skip_space()) tokens.push_back(next());
    tokens.push_back({.kind = Token::Kind::End, .text = {}, .place = place_});
    return tokens;
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void step() {
    if (text_[at_] == '\n') {
      ++place_.line;
      place_.column = 0;
    }
    ++at_;
    if (at_ >= text_.size() || begins_character(text_[at_])) ++place_.column;
  }

  void skip_space() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') step();
      } else if (is_space(text_[at_])) {
        step();
      } else if (text_[at_] == '\\' && (peek(1) == '\n' || peek(1) == '\r')) {
        step();  // the line goes on below
      } else {
        return;
      }
    }
  }

  Token next() {
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (is_word(c)) return word();
    if (c == '\'' || c == '"') return quoted();
    return symbol();
  }

  Token taken(Token::Kind kind, size_t begin, Place place) const {
    return {.kind = kind, .text = text_.substr(begin, at_ - begin), .place = place};
  }

  Token word() {
    const size_t begin = at_;
    const Place place = place_;
    while (is_word(peek())) step();
    return taken(Token::Kind::Name, begin, place);
  }

  /// Digits with what may belong to a number; whether it is one shows when it is read.
  Token number() {
    const size_t begin = at_;
    const Place place = place_;
    while (is_word(peek()) || peek() == '.') {
      const bool hexadecimal = text_.substr(begin, 2) == "0x" || text_.substr(begin, 2) == "0X";
      const bool exponent = (peek() == 'e' || peek() == 'E') && !hexadecimal;
      step();
      if (exponent && (peek() == '+' || peek() == '-')) step();
    }
    return taken(Token::Kind::Number, begin, place);
  }

  Token quoted() {
    const size_t begin = at_;
    const Place place = place_;
    const char quote = peek();
    std::string content;
    for (step(); peek() != quote; step()) {
      if (at_ >= text_.size() || peek() == '\n') {
        fail_at(place, "expected a string that ends on its line, found no closing quote");
      }
      if (peek() == '\\' && at_ + 1 < text_.size()) {
        step();
        content += peek() == 'n' ? '\n' : peek() == 't' ? '\t' : peek();
      } else {
        content += peek();
      }
    }
    step();
    Token token = taken(Token::Kind::Text, begin, place);
    token.content = std::move(content);
    return token;
  }

  Token symbol() {
    constexpr std::array<std::string_view, 4> kDouble = {"**", "//", "==", "->"};
    constexpr std::string_view kSingle = "()[]{},:=.+-*/%@;<>!&|~^";
    const size_t begin = at_;
    const Place place = place_;
    for (std::string_view pair : kDouble) {
      if (text_.substr(at_, 2) != pair) continue;
      step();
      step();
      return taken(Token::Kind::Symbol, begin, place);
    }
    if (peek() == '\0' || kSingle.find(peek()) == kSingle.npos) {
      size_t end = at_ + 1;
      while (end < text_.size() && !begins_character(text_[end])) ++end;
      fail_at(place, concat("expected Python, found '", text_.substr(at_, end - at_), "'"));
    }
    step();
    return taken(Token::Kind::Symbol, begin, place);
  }

  std::string_view text_;
  size_t at_ = 0;
  Place place_;
};

}  // namespace

std::string Token::shown() const {
  constexpr size_t kLongest = 40;
  if (kind == Kind::End) return "the end of the text";
  if (text.size() <= kLongest)
    return kind == Kind::Text ? std::string(text) : concat("'", text, "'");
  size_t end = kLongest;
  while (end > 0 && !begins_character(text[end])) --end;
  return concat("'", text.substr(0, end), "…'");
}

std::vector<Token> tokens_of(std::string_view text) {
  return Tokenizer(text).run();
}

std::string to_string(Place place) {
  return concat("line ", place.line, ", column ", place.column);
}

void fail_at(Place place, std::string_view what) {
  throw Error(concat(to_string(place), ": ", what));
}

}  // namespace nw::nn
