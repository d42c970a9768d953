#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/nn/python_numbers.h"
#include "core/nn/python_reader.h"
#include "core/nn/python_values.h"

namespace nw::nn {
namespace {

using Kind = Syntax::Kind;
using Label = Syntax::Label;

constexpr int kDeepest = 100;
constexpr int64_t kMostValues = 1'000'000;

bool is_kind(const Syntax& value, std::string_view name) {
  return value.kind == Kind::Call &&
         std::string_view(value.text).substr(value.text.rfind('.') + 1) == name;
}

}  // namespace

Syntax PythonReader::name() {
  Syntax out;
  out.place = peek().place;
  out.text = std::string(take().text);
  while (goes_on(".")) {
    take();
    if (peek().kind != Token::Kind::Name) fail_expecting("a name after '.'");
    out.text += concat(".", take().text);
  }
  out.text = names_.original(out.text);
  if (goes_on("(")) return call(std::move(out));
  std::optional<Syntax> value = names_.find(out.text, out.place);
  return value ? *std::move(value) : constant(std::move(out));
}

/// Items up to `close`. `open_place` tells where the bracket that must be closed stands.
std::vector<Syntax> PythonReader::items(std::string_view close, Place open_place, bool& comma) {
  std::vector<Syntax> out;
  comma = false;
  if (auto looped = comprehension([this] { return expression(); })) {
    comma = true;
    if (!take(close)) fail_expecting(concat("'", close, "' behind a loop"));
    return *std::move(looped);
  }
  while (!take(close)) {
    if (at_end()) fail_open(close, open_place);
    if (take("*")) {
      for (Syntax& item : items_of(expression())) out.push_back(std::move(item));
      comma = true;
    } else {
      out.push_back(expression());
    }
    if (take(",")) {
      comma = true;
    } else if (!peek().is(close)) {
      if (at_end()) fail_open(close, open_place);
      fail_expecting(concat("',' or '", close, "' after an item"));
    }
  }
  return out;
}

void PythonReader::fail_open(std::string_view close, Place open_place) const {
  fail(concat("expected '", close, "' for the bracket of ", to_string(open_place),
              ", found the end of the text"));
}

Syntax PythonReader::tuple() {
  Syntax out;
  out.kind = Kind::Tuple;
  out.place = take().place;
  bool comma = false;
  out.items = items(")", out.place, comma);
  if (comma || out.items.size() != 1) return out;
  Syntax inner = std::move(out.items[0]);  // only brackets around it
  if (!holds_calls(inner)) inner.place = out.place;
  return inner;
}

Syntax PythonReader::list() {
  Syntax out;
  out.kind = Kind::List;
  out.place = take().place;
  bool comma = false;
  out.items = items("]", out.place, comma);
  return out;
}

Syntax PythonReader::pair() {
  Syntax out;
  out.kind = Kind::Tuple;
  out.place = peek().place;
  out.items.push_back(expression());
  if (!take(":")) fail_expecting("':' after a key");
  out.items.push_back(expression());
  return out;
}

/// {"conv1": nn.Conv2d(…), …}
Syntax PythonReader::dictionary() {
  Syntax out;
  out.kind = Kind::Dict;
  out.place = take().place;
  if (auto looped = comprehension([this] { return pair(); })) {
    out.items = *std::move(looped);
    if (!take("}")) fail_expecting("'}' behind a loop");
    return out;
  }
  while (!take("}")) {
    if (at_end()) fail_open("}", out.place);
    out.items.push_back(pair());
    if (take(",") || peek().is("}")) continue;
    if (at_end()) fail_open("}", out.place);
    fail_expecting("',' or '}' after an item");
  }
  return out;
}

/// How many tokens "(conv1):" takes here, the label that print(model) puts before a layer; 0: it
/// does not stand here.
size_t PythonReader::label_length() const {
  constexpr size_t kLongest = 9;
  if (!peek().is("(")) return 0;
  for (size_t i = 1; i < kLongest; ++i) {
    if (peek(i).is("(") || peek(i).is(",") || peek(i).kind == Token::Kind::End) return 0;
    if (peek(i).is(")")) return i > 1 && peek(i + 1).is(":") ? i + 2 : 0;
  }
  return 0;
}

Syntax PythonReader::child() {
  const size_t length = label_length();
  const Place place = peek().place;
  std::string key;
  for (size_t i = 1; i + 2 < length; ++i) key += peek(i).text;
  at_ += length;
  Syntax out = expression();
  out.label = Label::Child;
  out.key = std::move(key);
  out.key_place = place;
  return out;
}

/// How many tokens a word with hyphens takes here, which print(model) shows without its quotes:
/// mode=nearest-exact; 0: none.
size_t PythonReader::bare_word_length() const {
  size_t length = 0;
  while (peek(length).kind == Token::Kind::Name && peek(length + 1).is("-")) length += 2;
  const bool whole = length > 0 && peek(length).kind == Token::Kind::Name &&
                     (peek(length + 1).is(",") || peek(length + 1).is(")"));
  return whole ? length + 1 : 0;
}

Syntax PythonReader::bare_word() {
  Syntax out;
  out.kind = Kind::Name;
  out.place = peek().place;
  for (size_t left = bare_word_length(); left > 0; --left) out.text += take().text;
  return out;
}

Syntax PythonReader::argument() {
  const Token& first = peek();
  if (first.kind == Token::Kind::Name && peek(1).is("=")) {
    at_ += 2;
    Syntax out = bare_word_length() > 0 ? bare_word() : expression();
    out.label = Label::Keyword;
    out.key = std::string(first.text);
    out.key_place = first.place;
    return out;
  }
  Syntax out;
  out.place = first.place;
  if (auto looped = comprehension([this] { return expression(); })) {
    out.kind = Kind::List;
    out.items = *std::move(looped);
    return out;
  }
  out = expression();
  out.label = Label::None;
  return out;
}

/// What stands in the brackets of a call, of which the first was taken.
void PythonReader::arguments(Syntax& out) {
  const Place open = (*tokens_)[at_ - 1].place;
  while (!take(")")) {
    if (at_end()) fail_open(")", open);
    if (label_length() > 0) {
      out.items.push_back(child());
      take(",");
      continue;
    }
    if (take("**")) {
      unpack_names(out);
    } else if (take("*")) {
      unpack(out);
    } else {
      out.items.push_back(argument());
    }
    if (take(",") || label_length() > 0 || peek().is(")")) continue;
    if (at_end()) fail_open(")", open);
    fail_expecting("',' or ')' after an argument");
  }
}

Syntax PythonReader::call(Syntax out) {
  std::optional<Syntax> function;
  if (out.kind == Kind::Function) function = out;
  out.kind = Kind::Call;
  take();
  arguments(out);
  if (!function) function = names_.find(out.text, out.place);
  if (function && function->kind == Kind::Function) return invoke(*function, out);
  if (auto done = method(out.text, out)) return *std::move(done);
  if (out.text == "float") return real_of_text(out);
  if (auto value = builtin(out)) {
    created_ += static_cast<int64_t>(value->items.size());
    if (created_ > kMostValues) {
      fail_at(out.place, concat("expected a text with at most ", kMostValues, " values"));
    }
    return *std::move(value);
  }
  out.made = ++made_;
  effect_ = false;
  if (std::none_of(out.items.begin(), out.items.end(), holds_calls)) out_.calls.push_back(out);
  return out;
}

/// *[nn.Linear(2, 2), nn.ReLU()]: the items of a list are arguments.
void PythonReader::unpack(Syntax& call) {
  const Syntax all = expression();
  const bool listed = is_sequence(all) || all.kind == Kind::Dict || all.kind == Kind::Call;
  if (!listed) fail_at(all.place, concat("expected a list behind '*', found ", all.shown()));
  for (Syntax& item : items_of(all)) call.items.push_back(std::move(item));
}

/// **{"padding": 1}: the items of a dictionary are arguments by name.
void PythonReader::unpack_names(Syntax& call) {
  const Place place = (*tokens_)[at_ - 1].place;
  const Syntax all = expression();
  if (all.kind != Kind::Dict) {
    fail_at(place, concat("expected an argument by place or by name, found '**' and ", all.shown(),
                          ", which is no dictionary"));
  }
  for (const Syntax& pair : all.items) {
    if (pair.items[0].kind != Kind::Text) {
      fail_at(pair.place,
              concat("expected the name of an argument, found ", pair.items[0].shown()));
    }
    call.items.push_back(pair.items[1]);
    call.items.back().label = Label::Keyword;
    call.items.back().key = pair.items[0].text;
    call.items.back().key_place = pair.items[0].place;
  }
}

/// Gives the parameters of a function their values.
void PythonReader::bind(const Function& function, const Syntax& call) {
  std::vector<std::optional<Syntax>> values(function.parameters.size());
  size_t place = 0;
  for (const Syntax& item : call.items) {
    size_t at = item.label == Label::Keyword ? 0 : place++;
    while (item.label == Label::Keyword && at < values.size() &&
           function.parameters[at].name != item.key) {
      ++at;
    }
    if (at >= values.size() || values[at]) {
      fail_at(item.label == Label::Keyword ? item.key_place : item.place,
              concat("expected an argument that ", call.text, " takes, found ", item.shown()));
    }
    values[at] = item;
    values[at]->label = Label::None;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) values[i] = function.parameters[i].fallback;
    if (!values[i]) {
      fail_at(call.place, concat("expected the argument ", function.parameters[i].name, " of ",
                                 call.text, "; it is missing"));
    }
    names_.set(function.parameters[i].name, *std::move(values[i]));
  }
}

/// Runs a function of the text's own.
Syntax PythonReader::invoke(const Syntax& function, const Syntax& call) {
  if (++calls_deep_ > kDeepest) {
    fail_at(call.place,
            concat("expected functions that call one another at most ", kDeepest, " deep"));
  }
  const Function known = functions_[static_cast<size_t>(function.integer)];
  names_.enter(PythonNames::Sees::Globals);
  bind(known, call);
  const size_t back = std::exchange(at_, known.body);
  const int depth = std::exchange(depth_, 0);
  Syntax out;
  out.place = call.place;
  if (known.column == 0) {
    out = expression();
  } else {
    block(known.column);
    if (returned_) out = *std::exchange(returned_, std::nullopt);
  }
  depth_ = depth;
  at_ = back;
  names_.leave();
  --calls_deep_;
  return out;
}

/// layers.append(nn.ReLU()): what is done to an object that has a name. Nothing when it is none.
std::optional<Syntax> PythonReader::method(const std::string& name, Syntax& call) {
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return std::nullopt;
  const std::optional<Syntax> object = names_.find(name.substr(0, dot), call.place);
  if (!object) return std::nullopt;
  std::optional<Syntax> out = method_of(*object, std::string_view(name).substr(dot + 1), call);
  effect_ = out.has_value();
  return out;
}

std::optional<Syntax> PythonReader::method_of(const Syntax& object, std::string_view method,
                                              const Syntax& call) {
  std::vector<Syntax> given = call.items;
  if (object.kind == Kind::Dict && given.empty()) {
    Syntax out;
    out.kind = Kind::List;
    out.place = object.place;
    for (const Syntax& pair : object.items) {
      out.items.push_back(method == "items" ? pair : pair.items[method == "values" ? 1 : 0]);
    }
    if (method == "items" || method == "values" || method == "keys") return out;
  }
  const bool layers = is_kind(object, "Sequential");
  const bool grows = object.made > 0 && (object.kind == Kind::List || layers);
  if (grows && method == "append" && given.size() == 1) {
    append(object, std::move(given));
    return Syntax();
  }
  if (grows && method == "extend" && given.size() == 1) {
    append(object, items_of(given[0]));
    return Syntax();
  }
  if (layers && method == "add_module" && given.size() == 2 && given[0].kind == Kind::Text) {
    given[1].label = Label::Child;
    given[1].key = given[0].text;
    given[1].key_place = given[0].place;
    append(object, {given[1]});
    return Syntax();
  }
  // The device and the mode are chosen for a run, not by the text.
  const bool of_device =
      given.empty() ||
      (given.size() == 1 &&
       (given[0].kind == Kind::Text ||
        (given[0].kind == Kind::Name && given[0].text.find('.') == std::string::npos)));
  const bool neutral = method == "to" || method == "cuda" || method == "cpu" || method == "eval" ||
                       (method == "train" && given.empty());
  if (object.kind != Kind::Call || !neutral || !of_device) return std::nullopt;
  return object;
}

void PythonReader::append(const Syntax& object, std::vector<Syntax> items) {
  change(object,
         [&](Syntax& value) { value.items.insert(value.items.end(), items.begin(), items.end()); });
}

/// Changes an object wherever it is known.
void PythonReader::change(const Syntax& object, const std::function<void(Syntax&)>& change) {
  names_.change(object.made, change);
  for (Syntax& value : out_.values) {
    if (value.made == object.made) change(value);
  }
}

}  // namespace nw::nn
