#include "core/nn/python_syntax.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/nn/python_tokens.h"

namespace nw::nn {
namespace {

constexpr int kDeepest = 100;
constexpr size_t kLargestBytes = size_t{1} << 20;

using Kind = Syntax::Kind;

Syntax whole_number(int64_t value) {
  Syntax out;
  out.kind = Kind::Int;
  out.integer = value;
  return out;
}

Syntax real_number(double value) {
  Syntax out;
  out.kind = Kind::Real;
  out.real = value;
  return out;
}

double as_real(const Syntax& number) {
  return number.kind == Kind::Int ? static_cast<double>(number.integer) : number.real;
}

class Parser {
 public:
  explicit Parser(const std::vector<Token>& tokens) : tokens_(tokens) {}

  Syntax run() {
    skip_imports();
    skip_assignment();
    Syntax result = expression();
    while (peek().is(";")) ++at_;
    if (peek().kind == Token::Kind::End) return result;
    if (peek().is(".")) {
      fail(concat("expected the end of the model, found '.", peek(1).text,
                  "'; leave out what is called on the finished model"));
    }
    fail_expecting("the end of the text");
  }

 private:
  const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& take() {
    const Token& token = peek();
    if (token.kind != Token::Kind::End) ++at_;
    return token;
  }
  bool take(std::string_view symbol) {
    if (!peek().is(symbol)) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void fail(std::string_view what) const { fail_at(peek().place, what); }
  [[noreturn]] void fail_expecting(std::string_view what) const {
    fail(concat("expected ", what, ", found ", peek().shown()));
  }

  /// Statements that only bring names into scope may stand above a model.
  void skip_imports() {
    while (peek().kind == Token::Kind::Name && (peek().text == "import" || peek().text == "from")) {
      const int line = peek().place.line;
      int depth = 0;
      while (peek().kind != Token::Kind::End && (depth > 0 || peek().place.line == line)) {
        const Token& token = take();
        depth += token.is("(") ? 1 : token.is(")") ? -1 : 0;
        if (depth == 0 && token.is(";")) break;
      }
    }
  }

  void skip_assignment() {
    size_t end = 0;
    while (peek(end).kind == Token::Kind::Name && peek(end + 1).is(".")) end += 2;
    if (peek(end).kind == Token::Kind::Name && peek(end + 1).is("=")) at_ += end + 2;
  }

  Syntax expression() {
    if (++depth_ > kDeepest) fail(concat("expected brackets nested at most ", kDeepest, " deep"));
    Syntax left = term();
    while (peek().is("+") || peek().is("-")) {
      const Token& sign = take();
      left = combined(sign, left, term());
    }
    --depth_;
    return left;
  }

  Syntax term() {
    Syntax left = factor();
    while (peek().is("*") || peek().is("/") || peek().is("//") || peek().is("%")) {
      const Token& sign = take();
      left = combined(sign, left, factor());
    }
    return left;
  }

  Syntax factor() {
    if (!peek().is("-") && !peek().is("+")) return power();
    const Token& sign = take();
    if (++depth_ > kDeepest) fail(concat("expected at most ", kDeepest, " signs in a row"));
    Syntax operand = factor();
    --depth_;
    check_number(sign, operand);
    if (sign.is("-")) {
      if (operand.integer == std::numeric_limits<int64_t>::min()) fail_at(sign.place, kTooLarge);
      operand.integer = -operand.integer;
      operand.real = -operand.real;
    }
    operand.place = sign.place;
    return operand;
  }

  Syntax power() {
    Syntax base = atom();
    if (!peek().is("**")) return base;
    const Token& sign = take();
    if (++depth_ > kDeepest) fail(concat("expected at most ", kDeepest, " powers in a row"));
    Syntax out = combined(sign, base, factor());
    --depth_;
    return out;
  }

  void check_number(const Token& sign, const Syntax& operand) const {
    if (operand.is_number()) return;
    fail_at(operand.place,
            concat("expected a number beside '", sign.text, "', found ", operand.shown()));
  }

  Syntax combined(const Token& sign, const Syntax& left, const Syntax& right) const {
    check_number(sign, left);
    check_number(sign, right);
    const bool divides = sign.is("/") || sign.is("//") || sign.is("%");
    if (divides && as_real(right) == 0) fail_at(right.place, "expected a divisor that is not 0");
    const bool integers = left.kind == Kind::Int && right.kind == Kind::Int && !sign.is("/") &&
                          !(sign.is("**") && right.integer < 0);
    Syntax out = integers ? of_integers(sign, left.integer, right.integer)
                          : of_reals(sign, as_real(left), as_real(right));
    out.place = left.place;
    return out;
  }

  static Syntax of_integers(const Token& sign, int64_t a, int64_t b) {
    int64_t out = 0;
    bool overflow = false;
    if (sign.is("+")) overflow = __builtin_add_overflow(a, b, &out);
    if (sign.is("-")) overflow = __builtin_sub_overflow(a, b, &out);
    if (sign.is("*")) overflow = __builtin_mul_overflow(a, b, &out);
    if (sign.is("//") || sign.is("%")) {
      overflow = a == std::numeric_limits<int64_t>::min() && b == -1;
      if (!overflow) {
        // Python rounds down, and the remainder has the divisor's sign.
        const int64_t remainder = (a % b != 0 && (a % b < 0) != (b < 0)) ? a % b + b : a % b;
        out = sign.is("%") ? remainder : (a - remainder) / b;
      }
    }
    if (sign.is("**")) {
      out = 1;
      const bool trivial = a == 0 || a == 1 || a == -1;
      const int64_t steps = trivial && b > 2 ? 2 + b % 2 : b;
      for (int64_t i = 0; i < steps && !overflow; ++i) {
        overflow = __builtin_mul_overflow(out, a, &out);
      }
    }
    if (overflow) fail_at(sign.place, kTooLarge);
    return whole_number(out);
  }

  static Syntax of_reals(const Token& sign, double a, double b) {
    if (sign.is("+")) return real_number(a + b);
    if (sign.is("-")) return real_number(a - b);
    if (sign.is("*")) return real_number(a * b);
    if (sign.is("/")) return real_number(a / b);
    if (sign.is("//")) return real_number(std::floor(a / b));
    if (sign.is("**")) return real_number(std::pow(a, b));
    return real_number(a - std::floor(a / b) * b);
  }

  Syntax atom() {
    const Token& token = peek();
    Syntax out;
    out.place = token.place;
    switch (token.kind) {
      case Token::Kind::Number:
        out = number(token);
        ++at_;
        break;
      case Token::Kind::Text:
        out.kind = Kind::Text;
        out.text = token.content;
        ++at_;
        break;
      case Token::Kind::Name:
        return name();
      default:
        if (token.is("(")) return tuple();
        if (token.is("[")) return list();
        fail_expecting("a layer or a value");
    }
    return out;
  }

  Syntax number(const Token& token) const {
    std::string digits;
    for (char c : token.text) {
      if (c != '_') digits += c;
    }
    const char* const begin = digits.data();
    const char* const end = begin + digits.size();
    Syntax out = whole_number(0);
    const bool prefixed = digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == 'x';
    const auto as_integer = prefixed ? std::from_chars(begin + 2, end, out.integer, 16)
                                     : std::from_chars(begin, end, out.integer);
    if (as_integer.ptr == end && as_integer.ec == std::errc::result_out_of_range) {
      fail_at(token.place, kTooLarge);
    }
    if (as_integer.ptr != end || as_integer.ec != std::errc()) {
      out = real_number(0);
      const auto as_double = std::from_chars(begin, end, out.real);
      if (as_double.ptr != end || as_double.ec == std::errc::invalid_argument) {
        fail_at(token.place, concat("expected a number, found ", token.shown()));
      }
      if (as_double.ec != std::errc()) fail_at(token.place, kTooLarge);
    }
    out.place = token.place;
    return out;
  }

  Syntax name() {
    Syntax out;
    out.place = peek().place;
    out.text = std::string(take().text);
    while (peek().is(".")) {
      ++at_;
      if (peek().kind != Token::Kind::Name) fail_expecting("a name after '.'");
      out.text += concat(".", take().text);
    }
    if (peek().is("(")) return call(std::move(out));
    return constant(std::move(out));
  }

  static Syntax constant(Syntax name) {
    const std::string_view last =
        std::string_view(name.text).substr(name.text.rfind('.') + 1);  // npos + 1 is 0
    if (name.text == "None") {
      name.kind = Kind::None;
    } else if (name.text == "True" || name.text == "False") {
      name.kind = Kind::Bool;
      name.boolean = name.text == "True";
    } else if (last == "inf" || last == "nan") {
      name.kind = Kind::Real;
      name.real = last == "inf" ? std::numeric_limits<double>::infinity()
                                : std::numeric_limits<double>::quiet_NaN();
    } else {
      name.kind = Kind::Name;
    }
    return name;
  }

  /// Items up to `close`. `open_place` tells where the bracket that must be closed stands.
  std::vector<Syntax> items(std::string_view close, Place open_place, bool& comma) {
    std::vector<Syntax> out;
    comma = false;
    while (!take(close)) {
      if (peek().kind == Token::Kind::End) fail_open(close, open_place);
      out.push_back(expression());
      if (take(",")) {
        comma = true;
      } else if (!peek().is(close)) {
        if (peek().kind == Token::Kind::End) fail_open(close, open_place);
        fail_expecting(concat("',' or '", close, "' after an item"));
      }
    }
    return out;
  }

  [[noreturn]] void fail_open(std::string_view close, Place open_place) const {
    fail(concat("expected '", close, "' for the bracket of ", to_string(open_place),
                ", found the end of the text"));
  }

  Syntax tuple() {
    Syntax out;
    out.kind = Kind::Tuple;
    out.place = take().place;
    bool comma = false;
    out.items = items(")", out.place, comma);
    if (comma || out.items.size() != 1) return out;
    Syntax inner = std::move(out.items[0]);  // only brackets around it
    inner.place = out.place;
    return inner;
  }

  Syntax list() {
    Syntax out;
    out.kind = Kind::List;
    out.place = take().place;
    bool comma = false;
    out.items = items("]", out.place, comma);
    return out;
  }

  /// How many tokens "(conv1):" takes here, the label that print(model) puts before a layer; 0: it
  /// does not stand here.
  size_t label_length() const {
    constexpr size_t kLongest = 9;
    if (!peek().is("(")) return 0;
    for (size_t i = 1; i < kLongest; ++i) {
      if (peek(i).is("(") || peek(i).is(",") || peek(i).kind == Token::Kind::End) return 0;
      if (peek(i).is(")")) return i > 1 && peek(i + 1).is(":") ? i + 2 : 0;
    }
    return 0;
  }

  Syntax child() {
    const size_t length = label_length();
    const Place place = peek().place;
    std::string key;
    for (size_t i = 1; i + 2 < length; ++i) key += peek(i).text;
    at_ += length;
    Syntax out = expression();
    out.label = Syntax::Label::Child;
    out.key = std::move(key);
    out.key_place = place;
    return out;
  }

  /// How many tokens a word with hyphens takes here, which print(model) shows without its quotes:
  /// mode=nearest-exact; 0: none.
  size_t bare_word_length() const {
    size_t length = 0;
    while (peek(length).kind == Token::Kind::Name && peek(length + 1).is("-")) length += 2;
    const bool whole = length > 0 && peek(length).kind == Token::Kind::Name &&
                       (peek(length + 1).is(",") || peek(length + 1).is(")"));
    return whole ? length + 1 : 0;
  }

  Syntax bare_word() {
    Syntax out;
    out.kind = Kind::Name;
    out.place = peek().place;
    for (size_t left = bare_word_length(); left > 0; --left) out.text += take().text;
    return out;
  }

  Syntax argument() {
    const Token& first = peek();
    if (first.kind == Token::Kind::Name && peek(1).is("=")) {
      at_ += 2;
      Syntax out = bare_word_length() > 0 ? bare_word() : expression();
      out.label = Syntax::Label::Keyword;
      out.key = std::string(first.text);
      out.key_place = first.place;
      return out;
    }
    if (first.is("**")) fail("expected an argument by place or by name, found '**'");
    return expression();
  }

  Syntax call(Syntax out) {
    out.kind = Kind::Call;
    const Place open = take().place;
    while (!take(")")) {
      if (peek().kind == Token::Kind::End) fail_open(")", open);
      if (label_length() > 0) {
        out.items.push_back(child());
        take(",");
        continue;
      }
      if (peek().is("*")) {
        unpack(out);
      } else {
        out.items.push_back(argument());
      }
      if (take(",") || label_length() > 0 || peek().is(")")) continue;
      if (peek().kind == Token::Kind::End) fail_open(")", open);
      fail_expecting("',' or ')' after an argument");
    }
    return out.text == "float" ? real_of_text(out) : out;
  }

  /// *[nn.Linear(2, 2), nn.ReLU()]: the items of a list are arguments.
  void unpack(Syntax& call) {
    ++at_;
    Syntax items = expression();
    if (items.kind != Kind::List && items.kind != Kind::Tuple) {
      fail_at(items.place, concat("expected a list behind '*', found ", items.shown()));
    }
    for (Syntax& item : items.items) call.items.push_back(std::move(item));
  }

  /// float('inf'): how Python writes what has no literal.
  static Syntax real_of_text(const Syntax& call) {
    const bool one = call.items.size() == 1 && call.items[0].label == Syntax::Label::None;
    const Syntax* item = one ? &call.items[0] : nullptr;
    double value = 0;
    if (item != nullptr && item->is_number()) {
      value = as_real(*item);
    } else if (item != nullptr && item->kind == Kind::Text) {
      const std::string& text = item->text;
      const char* begin = text.data() + (text.starts_with("+") ? 1 : 0);
      const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) item = nullptr;
    } else {
      item = nullptr;
    }
    if (item == nullptr) fail_at(call.place, "expected a number in float(…), as float('inf')");
    Syntax out = real_number(value);
    out.place = call.place;
    return out;
  }

  static constexpr std::string_view kTooLarge = "expected a number that a computer can hold";

  const std::vector<Token>& tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::string Syntax::shown() const {
  switch (kind) {
    case Kind::None:
      return "None";
    case Kind::Bool:
      return boolean ? "True" : "False";
    case Kind::Int:
      return std::to_string(integer);
    case Kind::Real:
      return concat(real);
    case Kind::Text:
      return concat("'", text, "'");
    case Kind::Name:
      return concat("'", text, "'");
    case Kind::Tuple:
      return "a tuple";
    case Kind::List:
      return "a list";
    case Kind::Call:
      return concat(text, items.empty() ? "()" : "(…)");
  }
  return {};
}

Syntax parse_python(std::string_view text) {
  if (text.size() > kLargestBytes) {
    fail_at({}, concat("expected a model of at most 1 MiB of text, found ", text.size(), " bytes"));
  }
  return Parser(tokens_of(text)).run();
}

}  // namespace nw::nn
