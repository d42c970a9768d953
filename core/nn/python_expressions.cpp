#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/nn/python_numbers.h"
#include "core/nn/python_reader.h"
#include "core/nn/python_values.h"

namespace nw::nn {
namespace {

using Kind = Syntax::Kind;

constexpr int kDeepest = 100;

bool opens(const Token& token) {
  return token.is("(") || token.is("[") || token.is("{");
}

bool closes(const Token& token) {
  return token.is(")") || token.is("]") || token.is("}");
}

bool ends_expression(const Token& token) {
  constexpr std::array<std::string_view, 4> kSymbols = {",", ":", ";", "="};
  return token.kind == Token::Kind::End || token.is_word("for") ||
         (token.kind == Token::Kind::Symbol &&
          std::find(kSymbols.begin(), kSymbols.end(), token.text) != kSymbols.end());
}

}  // namespace

size_t PythonReader::end_of_expression(std::initializer_list<std::string_view> words) const {
  const std::vector<Token>& tokens = *tokens_;
  int depth = 0;
  for (size_t i = at_; i + 1 < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (i > at_ && token.first) return i;
    if (closes(token) && depth-- == 0) return i;
    if (opens(token)) ++depth;
    if (depth > 0) continue;
    const bool found = token.kind == Token::Kind::Name &&
                       std::find(words.begin(), words.end(), token.text) != words.end();
    if (ends_expression(token) || found) return i;
  }
  return tokens.size() - 1;
}

std::optional<size_t> PythonReader::find_in_expression(std::string_view word) const {
  const size_t end = end_of_expression({word});
  if ((*tokens_)[end].first || !(*tokens_)[end].is_word(word)) return std::nullopt;
  return end;
}

Syntax PythonReader::expression() {
  if (++depth_ > kDeepest) fail(concat("expected brackets nested at most ", kDeepest, " deep"));
  const auto condition = peek().is_word("lambda") ? std::nullopt : find_in_expression("if");
  Syntax out = peek().is_word("lambda") ? lambda()
               : condition              ? conditional(*condition)
                                        : disjunction();
  --depth_;
  return out;
}

/// a if condition else b: only one of the two is read.
Syntax PythonReader::conditional(size_t condition) {
  const size_t begin = at_;
  at_ = condition + 1;
  const bool holds = truth(disjunction());
  if (!peek().is_word("else")) fail_expecting("'else' behind a condition");
  take();
  if (!holds) return expression();
  const size_t other = at_;
  at_ = begin;
  Syntax out = disjunction();
  if (at_ != condition) fail_expecting("'if'");
  at_ = other;
  at_ = end_of_expression();
  return out;
}

Syntax PythonReader::disjunction() {
  Syntax left = conjunction();
  while (goes_on_with("or")) {
    take();
    if (truth(left)) {
      at_ = end_of_expression({"or", "if", "else"});
    } else {
      left = conjunction();
    }
  }
  return left;
}

Syntax PythonReader::conjunction() {
  Syntax left = inversion();
  while (goes_on_with("and")) {
    take();
    if (truth(left)) {
      left = inversion();
    } else {
      at_ = end_of_expression({"and", "or", "if", "else"});
    }
  }
  return left;
}

Syntax PythonReader::inversion() {
  if (!peek().is_word("not")) return comparison();
  const Place place = take().place;
  if (++depth_ > kDeepest) fail(concat("expected at most ", kDeepest, " signs in a row"));
  const bool value = truth(inversion());
  --depth_;
  return truth_value(!value, place);
}

/// "==", "in", "not in", …; empty: none stands here. Takes it.
std::string PythonReader::comparison_sign() {
  if (peek().first) return {};
  for (const std::string_view sign : {"==", "!=", "<=", ">=", "<", ">"}) {
    if (take(sign)) return std::string(sign);
  }
  const bool negated = peek().is_word("not") && peek(1).is_word("in");
  if (!negated && !peek().is_word("in") && !peek().is_word("is")) return {};
  const std::string word(take().text);
  const bool is_not = word == "is" && peek().is_word("not");
  if (negated || is_not) take();
  if (word == "is") return is_not ? "!=" : "==";
  return negated ? "not in" : "in";
}

Syntax PythonReader::comparison() {
  Syntax left = sum();
  bool compares = false;
  bool holds = true;
  const Place place = left.place;
  for (std::string sign = comparison_sign(); !sign.empty(); sign = comparison_sign()) {
    Syntax right = sum();
    const bool negated = sign == "not in";
    holds = (compared(negated ? "in" : sign, left, right) != negated) && holds;
    compares = true;
    left = std::move(right);
  }
  return compares ? truth_value(holds, place) : left;
}

Syntax PythonReader::sum() {
  Syntax left = term();
  while (goes_on("+") || goes_on("-")) {
    const Token& sign = take();
    const Syntax right = term();
    std::optional<Syntax> both;
    if (sign.is("+")) both = joined(left, right);
    left = both ? std::move(*both) : combined(sign, left, right);
  }
  return left;
}

Syntax PythonReader::term() {
  Syntax left = factor();
  while (goes_on("*") || goes_on("/") || goes_on("//") || goes_on("%")) {
    const Token& sign = take();
    const Syntax right = factor();
    std::optional<Syntax> both;
    if (sign.is("*")) both = repeated(left, right);
    left = both ? std::move(*both) : combined(sign, left, right);
  }
  return left;
}

Syntax PythonReader::factor() {
  if (!peek().is("-") && !peek().is("+")) return power();
  const Token& sign = take();
  if (++depth_ > kDeepest) fail(concat("expected at most ", kDeepest, " signs in a row"));
  Syntax operand = factor();
  --depth_;
  return signed_number(sign, std::move(operand));
}

Syntax PythonReader::power() {
  Syntax base = postfix();
  if (!goes_on("**")) return base;
  const Token& sign = take();
  if (++depth_ > kDeepest) fail(concat("expected at most ", kDeepest, " powers in a row"));
  Syntax out = combined(sign, base, factor());
  --depth_;
  return out;
}

/// A value with what is taken or called of it: sizes[0], nn.Linear(2, 1).to(device).
Syntax PythonReader::postfix() {
  Syntax value = atom();
  for (;;) {
    const bool has_items = is_sequence(value) || value.kind == Kind::Dict;
    if (has_items && goes_on("[")) {
      value = indexed(std::move(value));
      continue;
    }
    if ((value.kind == Kind::Name || value.kind == Kind::Function) && goes_on("(")) {
      value = call(std::move(value));  // activations["relu"]()
      continue;
    }
    const bool called = goes_on(".") && peek(1).kind == Token::Kind::Name && peek(2).is("(");
    if (!called || (value.kind != Kind::Call && value.kind != Kind::Dict)) break;
    const Place dot = peek().place;
    take();
    Syntax method;
    method.place = peek().place;
    method.text = std::string(take().text);
    const std::string name = method.text;
    take();
    arguments(method);
    std::optional<Syntax> out = method_of(value, name, method);
    if (!out) {
      fail_at(dot, concat("expected the end of the model, found '.", name,
                          "'; leave out what is called on the finished model"));
    }
    value = std::move(*out);
  }
  if (value.kind == Kind::Call && goes_on(".")) {
    fail(concat("expected the end of the model, found '.", peek(1).text,
                "'; leave out what is called on the finished model"));
  }
  return value;
}

Syntax PythonReader::atom() {
  const Token& token = peek();
  switch (token.kind) {
    case Token::Kind::Number:
      return number_of(take());
    case Token::Kind::Text:
      return text();
    case Token::Kind::Name:
      return name();
    default:
      if (token.is("(")) return tuple();
      if (token.is("[")) return list();
      if (token.is("{")) return dictionary();
      fail_expecting("a layer or a value");
  }
}

/// Texts that follow one another are one.
Syntax PythonReader::text() {
  Syntax out = text_value({}, peek().place);
  do {
    const Token& token = take();
    out.text += token.formatted ? formatted(token) : token.content;
  } while (peek().kind == Token::Kind::Text && !peek().first);
  return out;
}

/// f"fc{i}"
std::string PythonReader::formatted(const Token& token) {
  const std::string& content = token.content;
  std::string out;
  for (size_t i = 0; i < content.size(); ++i) {
    const bool twice = i + 1 < content.size() && content[i + 1] == content[i];
    if ((content[i] == '{' || content[i] == '}') && twice) {
      out += content[i++];
      continue;
    }
    if (content[i] != '{') {
      out += content[i];
      continue;
    }
    const size_t end = content.find('}', i);
    if (end == content.npos) fail_at(token.place, "expected '}' in a text with values");
    const std::string inside = content.substr(i + 1, end - i - 1);
    const std::vector<Token> tokens = tokens_of(inside, token.place);
    const std::vector<Token>* const outer = std::exchange(tokens_, &tokens);
    const size_t at = std::exchange(at_, 0);
    const Syntax value = expression();
    if (!at_end()) fail_expecting("'}' behind a value in a text");
    tokens_ = outer;
    at_ = at;
    out += text_of(value);
    i = end;
  }
  return out;
}

/// The parameters of a function up to the token that ends them, which is taken.
std::vector<PythonReader::Parameter> PythonReader::parameters(std::string_view close) {
  std::vector<Parameter> out;
  while (!take(close)) {
    if ((peek().is("*") || peek().is("/")) && peek(1).is(",")) {  // by name, by place only
      at_ += 2;
      continue;
    }
    if (peek().kind != Token::Kind::Name) fail_expecting("the name of an argument");
    Parameter& parameter = out.emplace_back();
    parameter.name = std::string(take().text);
    if (close == ")" && take(":")) at_ = end_of_expression();
    if (take("=")) parameter.fallback = expression();
    if (!take(",") && !peek().is(close)) fail_expecting(concat("',' or '", close, "'"));
  }
  return out;
}

/// lambda i, o: nn.Linear(i, o)
Syntax PythonReader::lambda() {
  Syntax value;
  value.kind = Kind::Function;
  value.place = take().place;
  value.text = "lambda";
  Function function;
  function.parameters = parameters(":");
  function.body = at_;
  at_ = end_of_expression();
  value.integer = static_cast<int64_t>(functions_.size());
  functions_.push_back(std::move(function));
  return value;
}

Syntax PythonReader::constant(Syntax name) {
  const std::string_view last =
      std::string_view(name.text).substr(name.text.rfind('.') + 1);  // npos + 1 is 0
  if (name.text == "None") {
    name.kind = Kind::None;
  } else if (name.text == "True" || name.text == "False") {
    name.kind = Kind::Bool;
    name.boolean = name.text == "True";
  } else if (last == "inf" || last == "nan" || name.text == "math.pi") {
    name.kind = Kind::Real;
    name.real = last == "inf"   ? std::numeric_limits<double>::infinity()
                : last == "nan" ? std::numeric_limits<double>::quiet_NaN()
                                : 3.141592653589793;
  } else {
    name.kind = Kind::Name;
  }
  return name;
}

/// sizes[0], sizes[-1], sizes[:-1], options["width"]
Syntax PythonReader::indexed(Syntax value) {
  const Place place = value.place;
  take();
  std::optional<Syntax> index;
  if (!peek().is(":")) index = expression();
  if (is_sequence(value) && take(":")) return slice(value, std::move(index), place);
  if (!take("]")) fail_expecting("']' after an index");
  if (!index) fail_expecting("an index");
  if (value.kind == Kind::Dict) {
    for (const Syntax& pair : value.items) {
      if (equal(pair.items[0], *index)) return pair.items[1];
    }
    fail_at(index->place, concat("expected a key of the dictionary, found ", index->shown()));
  }
  if (index->kind != Kind::Int) {
    fail_at(index->place, concat("expected a whole number in '[]', found ", index->shown()));
  }
  const auto size = static_cast<int64_t>(value.items.size());
  if (index->integer < -size || index->integer >= size) {
    fail_at(index->place,
            concat("expected the number of one of ", size, " items, found ", index->integer));
  }
  Syntax item = value.items[static_cast<size_t>((index->integer + size) % size)];
  if (!holds_calls(item)) item.place = place;
  return item;
}

/// sizes[1:], sizes[:-1], sizes[::2]
Syntax PythonReader::slice(const Syntax& value, std::optional<Syntax> first, Place place) {
  std::optional<Syntax> end;
  std::optional<Syntax> step;
  if (!peek().is("]") && !peek().is(":")) end = expression();
  if (take(":") && !peek().is("]")) step = expression();
  if (!take("]")) fail_expecting("']' after an index");
  for (const auto* index : {&first, &end, &step}) {
    if (*index && (*index)->kind != Kind::Int) {
      fail_at((*index)->place,
              concat("expected a whole number in '[]', found ", (*index)->shown()));
    }
  }
  const int64_t by = step ? step->integer : 1;
  if (by <= 0) fail_at(step->place, "expected a step above 0");
  const auto size = static_cast<int64_t>(value.items.size());
  const auto bound = [&](const std::optional<Syntax>& index, int64_t otherwise) {
    if (!index) return otherwise;
    const int64_t at = index->integer < 0 ? index->integer + size : index->integer;
    return std::clamp<int64_t>(at, 0, size);
  };
  Syntax out;
  out.kind = value.kind;
  out.place = place;
  const int64_t last = bound(end, size);
  for (int64_t i = bound(first, 0); i < last; i += std::min(by, size)) {
    out.items.push_back(value.items[static_cast<size_t>(i)]);
  }
  return out;
}

/// element for x in xs if condition: what it gives; nothing when no such loop stands here.
std::optional<std::vector<Syntax>> PythonReader::comprehension(
    const std::function<Syntax()>& element) {
  const size_t begin = at_;
  size_t loop = end_of_expression();
  if ((*tokens_)[loop].is(":") && peek().kind != Token::Kind::End) {  // of a dictionary's pair
    at_ = loop + 1;
    loop = end_of_expression();
  }
  if (!(*tokens_)[loop].is_word("for")) {
    at_ = begin;
    return std::nullopt;
  }
  at_ = loop;
  std::vector<Syntax> out;
  names_.enter(PythonNames::Sees::All);
  clause(begin, element, out);
  names_.leave();
  return out;
}

/// What stands behind the element; the place behind it all is left.
void PythonReader::clause(size_t start, const std::function<Syntax()>& element,
                          std::vector<Syntax>& out) {
  if (++depth_ > kDeepest) fail(concat("expected brackets nested at most ", kDeepest, " deep"));
  if (peek().is_word("for")) {
    take();
    const Targets names = loop_targets();
    const std::vector<Syntax> all = items_of(disjunction());
    const size_t body = at_;
    for (const Syntax& item : all) {
      at_ = body;
      assign(names, item);
      clause(start, element, out);
    }
    at_ = body;
    while (peek().is_word("for") || peek().is_word("if")) {
      take();
      at_ = end_of_expression();
    }
  } else if (peek().is_word("if")) {
    take();
    if (truth(disjunction())) clause(start, element, out);
  } else {
    const size_t end = std::exchange(at_, start);
    out.push_back(element());
    at_ = end;
  }
  --depth_;
}

}  // namespace nw::nn
