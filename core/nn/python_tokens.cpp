#include "core/nn/python_tokens.h"

#include <algorithm>
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
  Tokenizer(std::string_view text, Place place) : text_(text), place_(place) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // a byte order mark
  }

  std::vector<Token> run() {
    std::vector<Token> tokens;
    for (bool begins = skip_space(); at_ < text_.size(); begins = skip_space()) {
      tokens.push_back(next());
      tokens.back().first = (begins || tokens.size() == 1) && open_ == 0;
      count_brackets(tokens.back());
    }
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

  /// False when what follows goes on with the same line.
  bool skip_space() {
    bool ended = false;
    while (at_ < text_.size()) {
      if (text_[at_] == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') step();
      } else if (is_space(text_[at_])) {
        ended = ended || text_[at_] == '\n';
        step();
      } else if (text_[at_] == '\\' && (peek(1) == '\n' || peek(1) == '\r')) {
        while (peek() != '\n' && at_ < text_.size()) step();  // the line goes on below
        if (at_ < text_.size()) step();
      } else {
        break;
      }
    }
    return ended;
  }

  void count_brackets(const Token& token) {
    if (token.is("(") || token.is("[") || token.is("{")) ++open_;
    const bool closes = token.is(")") || token.is("]") || token.is("}");
    if (closes && open_ > 0) --open_;
  }

  Token next() {
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (const size_t prefix = prefix_length(); prefix < kNoText) return quoted(prefix);
    if (is_word(c)) return word();
    return symbol();
  }

  /// How many letters stand in front of the quote of a string that begins here: r"", f'', rb"".
  size_t prefix_length() const {
    for (size_t i = 0; i < kNoText; ++i) {
      if (peek(i) == '\'' || peek(i) == '"') return i;
      if (std::string_view("rRbBuUfF").find(peek(i)) == std::string_view::npos) break;
    }
    return kNoText;
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

  Token quoted(size_t prefix_letters) {
    const size_t begin = at_;
    const Place place = place_;
    const std::string_view prefix = text_.substr(begin, prefix_letters);
    const bool raw = prefix.find_first_of("rR") != prefix.npos;
    for (size_t i = 0; i < prefix_letters; ++i) step();
    const std::string_view three = text_.substr(at_, 3);
    const bool long_text = three == "\"\"\"" || three == "'''";
    const std::string_view quote = text_.substr(at_, long_text ? 3 : 1);
    for (size_t i = 0; i < quote.size(); ++i) step();
    std::string content;
    for (; text_.substr(at_, quote.size()) != quote; step()) {
      if (at_ >= text_.size() || (peek() == '\n' && !long_text)) {
        fail_at(place, long_text ? "expected a text that ends, found no closing quotes"
                                 : "expected a string that ends on its line, found no closing "
                                   "quote");
      }
      if (peek() == '\\' && at_ + 1 < text_.size() && !raw) {
        step();
        content += peek() == 'n' ? '\n' : peek() == 't' ? '\t' : peek();
      } else {
        content += peek();
      }
    }
    for (size_t i = 0; i < quote.size(); ++i) step();
    Token token = taken(Token::Kind::Text, begin, place);
    token.content = std::move(content);
    token.formatted = prefix.find_first_of("fF") != prefix.npos;
    return token;
  }

  Token symbol() {
    constexpr std::array<std::string_view, 14> kDouble = {
        "**", "//", "==", "->", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/=", "%=", "@="};
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

  static constexpr size_t kNoText = 3;

  std::string_view text_;
  size_t at_ = 0;
  Place place_;
  int open_ = 0;  // brackets
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

std::vector<Token> tokens_of(std::string_view text, Place place) {
  return Tokenizer(text, place).run();
}

std::string without_prompts(std::string_view text) {
  std::string out(text);
  const size_t first = out.find_first_not_of(" \t\r\n");
  if (first == out.npos || out.compare(first, 3, ">>>") != 0) return out;
  for (size_t line = 0; line < out.size();) {
    const size_t end = std::min(out.find('\n', line), out.size());
    const size_t begin = out.find_first_not_of(" \t", line);
    const bool prompt =
        begin < end && (out.compare(begin, 3, ">>>") == 0 || out.compare(begin, 3, "...") == 0);
    // What the shell answered is no part of the text.
    const size_t erased = prompt ? begin + 3 : end;
    std::fill(out.begin() + static_cast<ptrdiff_t>(line),
              out.begin() + static_cast<ptrdiff_t>(erased), ' ');
    line = end + 1;
  }
  return out;
}

std::string to_string(Place place) {
  return concat("line ", place.line, ", column ", place.column);
}

void fail_at(Place place, std::string_view what) {
  throw Error(concat(to_string(place), ": ", what));
}

}  // namespace nw::nn
