#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/nn/python_numbers.h"
#include "core/nn/python_reader.h"
#include "core/nn/python_values.h"

namespace nw::nn {
namespace {

using Kind = Syntax::Kind;

constexpr int64_t kMostTokens = 1'000'000;

}  // namespace

const Token& PythonReader::take() {
  if (++taken_ > kMostTokens) fail("expected a text that comes to an end soon");
  const Token& token = peek();
  if (token.kind != Token::Kind::End) ++at_;
  return token;
}

bool PythonReader::take(std::string_view symbol) {
  if (!peek().is(symbol)) return false;
  take();
  return true;
}

void PythonReader::fail_expecting(std::string_view what) const {
  fail(concat("expected ", what, ", found ", peek().shown()));
}

PythonText PythonReader::run() {
  while (!at_end()) statement();
  if (out_.values.empty()) fail_expecting("a layer or a value");
  return std::move(out_);
}

void PythonReader::statement() {
  const Token& first = peek();
  if (first.kind == Token::Kind::Name) {
    if (first.text == "import" || first.text == "from") return skip_imports();
    if (first.text == "for") return for_loop();
    if (first.text == "if") return branches();
    if (first.text == "def") return define();
    if (first.text == "return" && calls_deep_ > 0) return give_back();
    refuse_statement();
    if (is_passed_over()) return skip_statement();
  }
  simple_statement();
}

/// Statements that only bring names into scope.
void PythonReader::skip_imports() {
  const std::string from = peek().text == "from" ? dotted(1) + "." : "";
  do {
    const Token& token = take();
    if (token.is_word("as")) name_import(from);
  } while (!at_end() && !peek().first && !peek().is(";"));
  take(";");
}

/// import torch.nn as N: the name behind the `as` that was just taken is another for what stands
/// in front of it.
void PythonReader::name_import(const std::string& from) {
  const std::vector<Token>& tokens = *tokens_;
  if (at_ < 2) return;
  size_t begin = at_ - 2;
  while (begin > 1 && tokens[begin - 1].is(".")) begin -= 2;
  Syntax original;
  original.kind = Kind::Name;
  for (size_t i = begin; i + 1 < at_; ++i) original.text += tokens[i].text;
  original.text = from + original.text;
  if (peek().kind == Token::Kind::Name) names_.set(std::string(peek().text), std::move(original));
}

/// The dotted name that begins `ahead` tokens from here; empty: none.
std::string PythonReader::dotted(size_t ahead) const {
  std::string name;
  while (peek(ahead).kind == Token::Kind::Name) {
    name += peek(ahead).text;
    if (!peek(ahead + 1).is(".")) break;
    name += ".";
    ahead += 2;
  }
  return name;
}

void PythonReader::refuse_statement() const {
  constexpr std::array<std::string_view, 13> kWords = {
      "class", "while", "with",   "return",   "try",   "raise", "global",
      "del",   "async", "assert", "continue", "break", "yield"};
  if (std::find(kWords.begin(), kWords.end(), peek().text) == kWords.end()) return;
  const bool is_class = peek().text == "class";
  fail(concat("expected a model, found '", peek().text, "'; ",
              is_class ? "its forward could do anything: write its layers as an nn.Sequential"
                       : "assignments, for, if and def may stand above it"));
}

/// Whether the statement says nothing of a model: the seed and what is shown are chosen elsewhere.
bool PythonReader::is_passed_over() const {
  constexpr std::array<std::string_view, 7> kCalls = {
      "print",       "torch.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all",
      "random.seed", "np.random.seed",    "torch.set_num_threads"};
  if (peek().text == "pass") return true;
  const std::string name = dotted(0);
  if (std::find(kCalls.begin(), kCalls.end(), name) == kCalls.end()) return false;
  const size_t length = 2 * static_cast<size_t>(std::count(name.begin(), name.end(), '.')) + 1;
  return peek(length).is("(");
}

void PythonReader::skip_statement() {
  do take();
  while (!at_end() && !peek().first && !peek().is(";"));
  take(";");
}

void PythonReader::end_statement() {
  if (take(";") || at_end() || peek().first) return;
  fail_expecting("the end of the text");
}

void PythonReader::simple_statement() {
  if (assign_items() || augment()) return end_statement();
  Targets names = assigned_names();
  if (names.empty()) {
    effect_ = false;
    Syntax value = expression();
    const bool passed = effect_ || value.kind == Kind::Text || value.kind == Kind::None;
    end_statement();
    if (calls_deep_ > 0 || passed) return;
    if (!at_end()) {
      // What an expression above the model is for cannot be told, unless only shown things follow.
      const size_t begin = at_;
      while (!at_end() && peek().kind == Token::Kind::Name && is_passed_over()) skip_statement();
      if (!at_end()) {
        at_ = begin;
        fail_expecting("the end of the text");
      }
    }
    return note(value);
  }
  std::vector<Targets> all;
  for (; !names.empty(); names = assigned_names()) all.push_back(std::move(names));
  Syntax value = values();
  const bool object = is_sequence(value) || value.kind == Kind::Dict;
  if (object && value.made == 0) value.made = ++made_;
  end_statement();
  for (const Targets& targets : all) assign(targets, value);
  if (calls_deep_ == 0) note(value);
}

void PythonReader::note(const Syntax& value) {
  out_.values.push_back(value);
}

/// The names in front of a '=' that stands here: `model =`, `self.net =`, `a, b =`, `n: int =`;
/// empty: none.
PythonReader::Targets PythonReader::assigned_names() {
  Targets names;
  size_t end = 0;
  for (;; ++end) {
    const std::string name = dotted(end);
    if (name.empty() || name.back() == '.') return {};
    end += 1 + 2 * static_cast<size_t>(std::count(name.begin(), name.end(), '.'));
    names.push_back(name);
    if (!peek(end).is(",")) break;
  }
  if (names.size() == 1 && peek(end).is(":")) {
    const size_t begin = at_;
    at_ += end + 1;
    const size_t type_end = end_of_expression();
    at_ = begin;
    end = type_end - begin;
  }
  if (!peek(end).is("=")) return {};
  at_ += end + 1;
  return names;
}

/// layers["conv1"] = nn.Conv2d(…), of a dictionary.
bool PythonReader::assign_items() {
  const std::string name = dotted(0);
  const size_t length = 1 + 2 * static_cast<size_t>(std::count(name.begin(), name.end(), '.'));
  if (name.empty() || !peek(length).is("[")) return false;
  const auto known = names_.find(name, peek().place);
  if (!known) return false;
  const size_t begin = at_;
  at_ += length + 1;
  const Syntax key = expression();
  if (!take("]") || !take("=")) {
    at_ = begin;
    return false;
  }
  Syntax pair;
  pair.kind = Kind::Tuple;
  pair.place = key.place;
  pair.items = {key, expression()};
  const bool ordered = known->kind == Kind::Call && known->text.ends_with("OrderedDict") &&
                       (known->items.empty() || known->items[0].kind == Kind::Dict);
  if (known->kind != Kind::Dict && !ordered) {
    fail_at(key.place, concat("expected a dictionary in front of '[', found ", known->shown()));
  }
  change(*known, [&](Syntax& value) {
    if (ordered && value.items.empty()) value.items.emplace_back().kind = Kind::Dict;
    std::vector<Syntax>& pairs = ordered ? value.items[0].items : value.items;
    const auto same = std::find_if(pairs.begin(), pairs.end(), [&](const Syntax& item) {
      return equal(item.items[0], pair.items[0]);
    });
    same == pairs.end() ? pairs.push_back(pair) : void(same->items[1] = pair.items[1]);
  });
  return true;
}

/// width *= 2, layers += [nn.ReLU()].
bool PythonReader::augment() {
  constexpr std::array<std::string_view, 5> kSigns = {"+=", "-=", "*=", "/=", "%="};
  const std::string name = dotted(0);
  const size_t length = 1 + 2 * static_cast<size_t>(std::count(name.begin(), name.end(), '.'));
  const auto sign = std::find_if(kSigns.begin(), kSigns.end(),
                                 [&](std::string_view one) { return peek(length).is(one); });
  if (name.empty() || sign == kSigns.end()) return false;
  const Place place = peek().place;
  const std::optional<Syntax> old = names_.find(name, place);
  if (!old) fail(concat("expected a name that was given a value, found '", name, "'"));
  at_ += length;
  const Token token{.kind = Token::Kind::Symbol, .text = sign->substr(0, 1), .place = take().place};
  const Syntax value = values();
  if (old->kind == Kind::List && token.is("+")) {
    append(*old, items_of(value));
  } else if (token.is("+") && joined(*old, value)) {
    names_.set(name, *joined(*old, value));
  } else {
    names_.set(name, combined(token, *old, value));
  }
  return true;
}

/// Values parted by commas, without brackets around them; one alone is itself.
Syntax PythonReader::values() {
  Syntax first = expression();
  if (!goes_on(",")) return first;
  Syntax out;
  out.kind = Kind::Tuple;
  out.place = first.place;
  out.items.push_back(std::move(first));
  while (goes_on(",")) {
    take();
    if (at_end() || peek().first || peek().is(";") || peek().is(":")) break;
    out.items.push_back(expression());
  }
  return out;
}

void PythonReader::assign(const Targets& names, Syntax value) {
  if (names.size() == 1) return names_.set(names[0], std::move(value));
  const bool fits = is_sequence(value) && value.items.size() == names.size();
  if (!fits) {
    fail_at(value.place, concat("expected ", names.size(), " values, found ", value.shown()));
  }
  for (size_t i = 0; i < names.size(); ++i) names_.set(names[i], std::move(value.items[i]));
}

void PythonReader::expect_colon(std::string_view behind) {
  if (take(":")) return;
  if (!peek().first || at_ == 0) fail_expecting(concat("':' behind ", behind));
  const Token& last = (*tokens_)[at_ - 1];
  const Place end{last.place.line, last.place.column + static_cast<int>(last.text.size())};
  fail_at(end, concat("expected ':' behind ", behind, ", found the end of the line"));
}

void PythonReader::for_loop() {
  const int column = take().place.column;
  const Targets names = loop_targets();
  const std::vector<Syntax> all = items_of(values());
  expect_colon("for … in …");
  const size_t body = at_;
  for (const Syntax& item : all) {
    at_ = body;
    assign(names, item);
    block(column);
    if (returned_) return;
  }
  at_ = body;
  skip_block(column);
}

/// i, (a, b) in
PythonReader::Targets PythonReader::loop_targets() {
  Targets names;
  const bool brackets = take("(");
  do {
    if (peek().kind != Token::Kind::Name || peek().is_word("in")) fail_expecting("a name");
    names.emplace_back(take().text);
  } while (take(","));
  if (brackets && !take(")")) fail_expecting("')'");
  if (!peek().is_word("in")) fail_expecting("'in'");
  take();
  return names;
}

void PythonReader::branches() {
  const int column = peek().place.column;
  const auto follows = [&](std::string_view word) {
    return peek().first && peek().place.column == column && peek().is_word(word);
  };
  bool done = false;
  do {
    take();
    bool runs = false;
    if (done) {
      at_ = end_of_expression();
    } else {
      runs = truth(expression());
    }
    expect_colon("a condition");
    runs ? block(column) : skip_block(column);
    if (returned_) return;
    done = done || runs;
  } while (follows("elif"));
  if (!follows("else")) return;
  take();
  expect_colon("else");
  done ? skip_block(column) : block(column);
}

void PythonReader::define() {
  Function function;
  function.column = take().place.column;
  if (peek().kind != Token::Kind::Name) fail_expecting("the name of a function");
  const std::string name(take().text);
  if (!take("(")) fail_expecting("'('");
  function.parameters = parameters(")");
  if (take("->")) at_ = end_of_expression();
  expect_colon("def");
  function.body = at_;
  skip_block(function.column);
  Syntax value;
  value.kind = Kind::Function;
  value.text = name;
  value.integer = static_cast<int64_t>(functions_.size());
  functions_.push_back(std::move(function));
  names_.set(name, std::move(value));
}

void PythonReader::give_back() {
  take();
  const bool nothing = at_end() || peek().first || peek().is(";");
  returned_ = nothing ? Syntax() : values();
}

/// What stands behind a ':', on the same line or in deeper lines below it.
void PythonReader::block(int column) {
  if (!peek().first) {
    while (!at_end() && !peek().first && !returned_) statement();
    return;
  }
  const int inner = peek().place.column;
  if (at_end() || inner <= column) fail_expecting("an indented line");
  while (!at_end() && peek().place.column == inner && !returned_) statement();
  if (!returned_ && !at_end() && peek().place.column > column) {
    fail(concat("expected a line that begins in column ", inner));
  }
}

void PythonReader::skip_block(int column) {
  while (!at_end() && !peek().first) take();
  while (!at_end() && !(peek().first && peek().place.column <= column)) take();
}

}  // namespace nw::nn
