#include "core/nn/python_syntax.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "core/base/error.h"
#include "core/nn/python_names.h"
#include "core/nn/python_numbers.h"
#include "core/nn/python_tokens.h"
#include "core/nn/value.h"

namespace nw::nn {
namespace {

constexpr int kDeepest = 100;
constexpr size_t kLargestBytes = size_t{1} << 20;

using Kind = Syntax::Kind;

bool is_sequence(const Syntax& syntax) {
  return syntax.kind == Kind::Tuple || syntax.kind == Kind::List;
}

class Parser {
 public:
  explicit Parser(const std::vector<Token>& tokens) : tokens_(tokens) {}

  Syntax run() {
    for (;;) {
      skip_imports();
      refuse_statement();
      const std::vector<std::string> targets = assigned_names();
      Syntax value = targets.size() > 1 ? values() : expression();
      const int line = tokens_[at_ > 0 ? at_ - 1 : 0].place.line;
      bool ended = peek().place.line > line;
      while (take(";")) ended = true;
      if (peek().kind == Token::Kind::End) return value;
      if (peek().is(".")) {
        fail(concat("expected the end of the model, found '.", peek(1).text,
                    "'; leave out what is called on the finished model"));
      }
      if (targets.empty() || !ended) fail_expecting("the end of the text");
      assign(targets, std::move(value));
    }
  }

  std::vector<Syntax> unused() const { return names_.unused(); }

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
      const std::string from = peek().text == "from" ? dotted(1) + "." : "";
      int depth = 0;
      while (peek().kind != Token::Kind::End && (depth > 0 || peek().place.line == line)) {
        const Token& token = take();
        depth += token.is("(") ? 1 : token.is(")") ? -1 : 0;
        if (depth == 0 && token.is(";")) break;
        if (token.kind == Token::Kind::Name && token.text == "as") name_import(from);
      }
    }
  }

  /// import torch.nn as N: the name behind the `as` that was just taken is another for what stands
  /// in front of it.
  void name_import(const std::string& from) {
    size_t begin = at_ - 2;
    while (begin > 1 && tokens_[begin - 1].is(".")) begin -= 2;
    Syntax original;
    original.kind = Kind::Name;
    for (size_t i = begin; i + 1 < at_; ++i) original.text += tokens_[i].text;
    original.text = from + original.text;
    if (peek().kind == Token::Kind::Name) {
      names_.set(std::string(peek().text), std::move(original));
    }
  }

  /// The dotted name that begins `ahead` tokens from here; empty: none.
  std::string dotted(size_t ahead) const {
    std::string name;
    while (peek(ahead).kind == Token::Kind::Name) {
      name += peek(ahead).text;
      if (!peek(ahead + 1).is(".")) break;
      name += ".";
      ahead += 2;
    }
    return name;
  }

  void refuse_statement() const {
    constexpr std::array<std::string_view, 8> kWords = {"class", "def",  "for",    "if",
                                                        "while", "with", "return", "lambda"};
    if (peek().kind != Token::Kind::Name) return;
    if (std::find(kWords.begin(), kWords.end(), peek().text) == kWords.end()) return;
    fail(concat("expected a model, found '", peek().text,
                "'; only imports and assignments may stand above it"));
  }

  /// The names in front of a '=' that stands here: `model =`, `self.net =`, `a, b =`; empty: none.
  std::vector<std::string> assigned_names() {
    std::vector<std::string> names;
    size_t end = 0;
    for (;; ++end) {
      const std::string name = dotted(end);
      if (name.empty() || name.back() == '.') return {};
      end += 1 + 2 * static_cast<size_t>(std::count(name.begin(), name.end(), '.'));
      names.push_back(name);
      if (!peek(end).is(",")) break;
    }
    if (!peek(end).is("=")) return {};
    at_ += end + 1;
    return names;
  }

  /// Values parted by commas, without brackets around them.
  Syntax values() {
    Syntax out;
    out.kind = Kind::Tuple;
    out.place = peek().place;
    do {
      out.items.push_back(expression());
    } while (take(","));
    return out.items.size() == 1 ? out.items[0] : out;
  }

  void assign(const std::vector<std::string>& names, Syntax value) {
    if (names.size() == 1) return names_.set(names[0], std::move(value));
    const bool fits = is_sequence(value) && value.items.size() == names.size();
    if (!fits) {
      fail_at(value.place, concat("expected ", names.size(), " values, found ", value.shown()));
    }
    for (size_t i = 0; i < names.size(); ++i) names_.set(names[i], std::move(value.items[i]));
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
    return signed_number(sign, std::move(operand));
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

  Syntax atom() {
    const Token& token = peek();
    Syntax out;
    out.place = token.place;
    switch (token.kind) {
      case Token::Kind::Number:
        out = number_of(token);
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
        if (token.is("{")) return dictionary();
        fail_expecting("a layer or a value");
    }
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
    out.text = names_.original(out.text);
    if (peek().is("(")) return call(std::move(out));
    std::optional<Syntax> value = names_.find(out.text, out.place);
    return value ? item_of(std::move(*value)) : constant(std::move(out));
  }

  /// sizes[0], sizes[-1]
  Syntax item_of(Syntax sequence) {
    while (is_sequence(sequence) && peek().is("[")) {
      ++at_;
      const Syntax index = expression();
      if (index.kind != Kind::Int) {
        fail_at(index.place, concat("expected a whole number in '[]', found ", index.shown()));
      }
      if (!take("]")) fail_expecting("']' after an index");
      const auto size = static_cast<int64_t>(sequence.items.size());
      if (index.integer < -size || index.integer >= size) {
        fail_at(index.place,
                concat("expected the number of one of ", size, " items, found ", index.integer));
      }
      Syntax item = sequence.items[static_cast<size_t>((index.integer + size) % size)];
      if (!holds_calls(item)) item.place = sequence.place;
      sequence = std::move(item);
    }
    return sequence;
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

  /// {"conv1": nn.Conv2d(…), …}
  Syntax dictionary() {
    Syntax out;
    out.kind = Kind::Dict;
    out.place = take().place;
    while (!take("}")) {
      if (peek().kind == Token::Kind::End) fail_open("}", out.place);
      Syntax pair;
      pair.kind = Kind::Tuple;
      pair.place = peek().place;
      pair.items.push_back(expression());
      if (!take(":")) fail_expecting("':' after a key");
      pair.items.push_back(expression());
      out.items.push_back(std::move(pair));
      if (take(",") || peek().is("}")) continue;
      if (peek().kind == Token::Kind::End) fail_open("}", out.place);
      fail_expecting("',' or '}' after an item");
    }
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

  const std::vector<Token>& tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  PythonNames names_;
};

}  // namespace

std::string Syntax::shown_items(std::string_view open, std::string_view close) const {
  constexpr size_t kMost = 6;
  std::string out(open);
  for (size_t i = 0; i < items.size() && i <= kMost; ++i) {
    out += concat(i > 0 ? ", " : "", i < kMost ? items[i].shown() : "…");
  }
  return concat(out, close);
}

std::string Syntax::shown() const {
  switch (kind) {
    case Kind::None:
      return "None";
    case Kind::Bool:
      return boolean ? "True" : "False";
    case Kind::Int:
      return std::to_string(integer);
    case Kind::Real:
      return to_python(Value(real));
    case Kind::Text:
      return concat("'", text, "'");
    case Kind::Name:
      return concat("'", text, "'");
    case Kind::Tuple:
      return shown_items("(", items.size() == 1 ? ",)" : ")");
    case Kind::List:
      return shown_items("[", "]");
    case Kind::Dict:
      return "a dictionary";
    case Kind::Call:
      return concat(text, items.empty() ? "()" : "(…)");
  }
  return {};
}

Syntax parse_python(std::string_view text, std::vector<Syntax>* unused) {
  if (text.size() > kLargestBytes) {
    fail_at({}, concat("expected a model of at most 1 MiB of text, found ", text.size(), " bytes"));
  }
  const std::vector<Token> tokens = tokens_of(text);
  Parser parser(tokens);
  Syntax value = parser.run();
  if (unused != nullptr) *unused = parser.unused();
  return value;
}

}  // namespace nw::nn
