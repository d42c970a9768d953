#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/error.h"
#include "core/nn/call.h"

namespace nw::nn {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2⁵³: doubles beyond skip integers

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Without the pair of characters around it, if it is there.
std::string_view without(std::string_view text, char open, char close) {
  if (text.size() >= 2 && text.front() == open && text.back() == close) {
    return trimmed(text.substr(1, text.size() - 2));
  }
  return text;
}

std::string_view unquoted(std::string_view text) {
  return without(without(text, '\'', '\''), '"', '"');
}

template <typename Number>
std::optional<Number> read_number(std::string_view text) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Value> read_bool(std::string_view text) {
  for (std::string_view word : {"True", "true", "yes", "on", "1"}) {
    if (text == word) return Value(true);
  }
  for (std::string_view word : {"False", "false", "no", "off", "0"}) {
    if (text == word) return Value(false);
  }
  return std::nullopt;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> items;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    items.push_back(trimmed(text.substr(0, comma)));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return items;
}

std::optional<Value> read_choice(const Param& param, std::string_view text) {
  const auto it = std::find(param.choices.begin(), param.choices.end(), unquoted(text));
  if (it == param.choices.end()) return std::nullopt;
  return Value(*it);
}

std::optional<Value> read_tuple(const Param& param, std::string_view text) {
  if (const auto word = read_choice(param, text)) return word;
  std::vector<int64_t> items;
  for (std::string_view part : split(without(without(text, '(', ')'), '[', ']'))) {
    const auto number = part == "None" ? kNoneItem : read_number<int64_t>(part);
    if (!number) return std::nullopt;
    items.push_back(*number);
  }
  if (items.size() == 1) return Value(items[0]);
  if (items.empty()) return std::nullopt;
  return Value(items);
}

std::optional<Value> read_reals(std::string_view text) {
  std::vector<double> items;
  for (std::string_view part : split(without(without(text, '(', ')'), '[', ']'))) {
    const auto number = read_number<double>(part);
    if (!number) return std::nullopt;
    items.push_back(*number);
  }
  if (items.size() == 1) return Value(items[0]);
  if (items.empty()) return std::nullopt;
  return Value(items);
}

std::optional<Value> read(const Param& param, std::string_view text) {
  if (text == "None" || text.empty()) {
    if (param.optional || param.inferred) return Value(None{});
    if (param.type != ParamType::Text && param.type != ParamType::Path) return std::nullopt;
  }
  switch (param.type) {
    case ParamType::Bool:
      return read_bool(text);
    case ParamType::Int:
      if (const auto number = read_number<int64_t>(text)) return Value(*number);
      return std::nullopt;
    case ParamType::Real:
      if (const auto number = read_number<double>(text)) return Value(*number);
      return std::nullopt;
    case ParamType::Choice:
      return read_choice(param, text);
    case ParamType::IntTuple:
      return read_tuple(param, text);
    case ParamType::RealTuple:
      return read_reals(text);
    case ParamType::Module:
      return Value(Nested(parse_call(text)));
    case ParamType::Text:
    case ParamType::Path:
      return Value(std::string(text));
  }
  return std::nullopt;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += "'" + words[i] + "'";
  }
  return text;
}

/// " or 2 integers" of a parameter that takes so many.
std::string several(const Param& param, std::string_view what) {
  if (param.arity == 1) return {};
  std::string count = param.arity == 0 ? "several" : std::to_string(param.arity);
  for (size_t other : param.arities) {
    if (other > 1) count += " or " + std::to_string(other);
  }
  return concat(" or ", count, " ", what, param.none_items ? " or None" : "");
}

std::string expected(const Param& param, std::string_view received) {
  return concat(param.name, " expects ", expectation(param), ", gets ", received);
}

/// "0.1" but "3" for 3.0.
std::string plain(double number) {
  const bool whole = std::floor(number) == number && std::abs(number) < kExactIntegers;
  return whole ? std::to_string(static_cast<int64_t>(number)) : to_python(number);
}

std::string range_problem(const Param& param, double number) {
  if ((param.min || param.max) && std::isnan(number)) return param.name + " cannot be nan";
  const std::string is = ", is " + plain(number);
  if (param.min && param.min_exclusive && number <= *param.min) {
    return concat(param.name, " must be greater than ", plain(*param.min), is);
  }
  if (param.min && number < *param.min) {
    return concat(param.name, " must be at least ", plain(*param.min), is);
  }
  if (param.max && param.max_exclusive && number >= *param.max) {
    return concat(param.name, " must be less than ", plain(*param.max), is);
  }
  if (param.max && number > *param.max) {
    return concat(param.name, " must be at most ", plain(*param.max), is);
  }
  return {};
}

std::string text_problem(const Param& param, const std::string& text) {
  const bool has_choices = param.type == ParamType::Choice || param.type == ParamType::IntTuple;
  if (has_choices) {
    const bool known =
        std::find(param.choices.begin(), param.choices.end(), text) != param.choices.end();
    return known ? std::string() : expected(param, to_python(text));
  }
  if (param.type != ParamType::Text && param.type != ParamType::Path) {
    return expected(param, to_python(text));
  }
  if (!param.real_list) return {};
  try {
    for (double number : real_list(text)) {
      if (std::string problem = range_problem(param, number); !problem.empty()) return problem;
    }
  } catch (const Error&) {
    return expected(param, to_python(text));
  }
  return {};
}

/// Whether a tuple of `count` items fits.
bool has_arity(const Param& param, size_t count) {
  if (param.arity == 0) return count > 0;
  const auto& others = param.arities;
  return count == param.arity || std::find(others.begin(), others.end(), count) != others.end();
}

std::string tuple_problem(const Param& param, const std::vector<int64_t>& items) {
  if (param.type != ParamType::IntTuple || !has_arity(param, items.size())) {
    return expected(param, to_python(items));
  }
  for (int64_t item : items) {
    if (item == kNoneItem && param.none_items) continue;
    if (item == kNoneItem) return expected(param, to_python(items));
    if (std::string problem = range_problem(param, static_cast<double>(item)); !problem.empty()) {
      return problem + " in " + to_python(items);
    }
  }
  return {};
}

std::string tuple_problem(const Param& param, const std::vector<double>& items) {
  if (param.type != ParamType::RealTuple || !has_arity(param, items.size())) {
    return expected(param, to_python(items));
  }
  for (double item : items) {
    if (std::string problem = range_problem(param, item); !problem.empty()) {
      return problem + " in " + to_python(items);
    }
  }
  return {};
}

/// The same problem that the block would have where it stands alone.
std::string nested_problem(const Param& param, const Call& call) {
  if (param.type != ParamType::Module) return expected(param, to_python(call));
  const Block* block = blocks().find(call.id);
  const bool allowed = param.choices.empty() ? block != nullptr && block->role == Role::Layer
                                             : std::find(param.choices.begin(), param.choices.end(),
                                                         call.id) != param.choices.end();
  if (block == nullptr || !allowed) return expected(param, call.id);
  const auto problems = block->problems(call.args);
  if (!problems.empty()) return param.name + ": " + problems[0];
  for (const Param& inner : block->params) {
    // No wire leads to a block inside a block.
    const Value* value = call.args.find(inner.name);
    const bool missing = value == nullptr || std::holds_alternative<None>(*value);
    if (inner.inferred && missing)
      return concat(param.name, ": [", call.id, "] needs ", inner.name);
  }
  return {};
}

/// All items alike: one stands for them, unless their number says something.
template <typename Item>
Value shortened(const Param& param, const std::vector<Item>& items) {
  if (items.empty() && param.empty_is_none) return None{};
  const bool alike =
      std::all_of(items.begin(), items.end(), [&](Item item) { return item == items.front(); });
  // A tuple of any length stays one: its length may have to fit an input.
  const bool one_stands_for_all =
      param.arity != 0 && alike && (items.size() == param.arity || items.size() == 1);
  if (!has_arity(param, items.size()) || !one_stands_for_all) return items;
  return items.front() == static_cast<Item>(kNoneItem) ? Value(items) : Value(items.front());
}

/// With every argument in its parameter's own type, and without those that say the default.
Value normalized_call(const Call& call) {
  const Block* block = blocks().find(call.id);
  if (block == nullptr) return Nested(call);
  Call out{.id = call.id, .args = {}};
  for (const auto& [name, value] : call.args) {
    const Param* param = block->find(name);
    const Value plain = param == nullptr ? value : normalized(*param, value);
    const bool says_default =
        param != nullptr && !param->required && plain == normalized(*param, param->fallback);
    if (!says_default) out.args.set(name, plain);
  }
  return Nested(std::move(out));
}

/// The integer that `number` is, if it is one.
std::optional<int64_t> whole(double number) {
  if (std::floor(number) != number || std::abs(number) > kExactIntegers) return std::nullopt;
  return static_cast<int64_t>(number);
}

/// "inf", "-inf" and "nan", as a project file has them, as the number; other text as it is.
Value non_finite(const Param& param, const std::string& text) {
  const bool known = text == "inf" || text == "-inf" || text == "nan";
  if (!known || param.type != ParamType::Real) return text;
  return *read_number<double>(text);
}

}  // namespace

std::string expectation(const Param& param) {
  std::string text;
  switch (param.type) {
    case ParamType::Bool:
      text = "True or False";
      break;
    case ParamType::Int:
      text = "an integer";
      break;
    case ParamType::Real:
      text = "a number";
      break;
    case ParamType::Choice:
      text = "one of " + joined(param.choices);
      break;
    case ParamType::Text:
      text = param.real_list ? "numbers separated by commas" : "text";
      break;
    case ParamType::Path:
      text = "a path";
      break;
    case ParamType::IntTuple:
      text = "an integer" + several(param, "integers");
      if (!param.choices.empty()) text += " or " + joined(param.choices);
      break;
    case ParamType::RealTuple:
      text = "a number" + several(param, "numbers");
      break;
    case ParamType::Module:
      text = param.choices.empty() ? "a layer" : joined(param.choices) + " with its arguments";
      break;
  }
  if (param.optional || param.inferred) text += " or None";
  return text;
}

std::vector<double> real_list(std::string_view text) {
  std::vector<double> numbers;
  const std::string_view bare = without(without(trimmed(text), '(', ')'), '[', ']');
  for (std::string_view part : split(bare)) {
    const auto number = read_number<double>(part);
    NW_CHECK(number.has_value(), "expects numbers separated by commas, gets '", text, "'");
    numbers.push_back(*number);
  }
  NW_CHECK(!numbers.empty(), "expects numbers separated by commas, gets nothing");
  return numbers;
}

std::string problem_of(const Param& param, const Value& given) {
  const Value value = normalized(param, given);
  if (std::holds_alternative<None>(value)) {
    return param.optional || param.inferred ? std::string() : expected(param, "None");
  }
  if (const auto* text = std::get_if<std::string>(&value)) return text_problem(param, *text);
  if (const auto* tuple = std::get_if<std::vector<int64_t>>(&value)) {
    return tuple_problem(param, *tuple);
  }
  if (const auto* tuple = std::get_if<std::vector<double>>(&value)) {
    return tuple_problem(param, *tuple);
  }
  if (const auto* nested = std::get_if<Nested>(&value)) return nested_problem(param, **nested);
  if (std::holds_alternative<bool>(value)) {
    return param.type == ParamType::Bool ? std::string() : expected(param, to_python(value));
  }
  if (const auto* number = std::get_if<int64_t>(&value)) {
    const bool fits = param.type == ParamType::Int || param.type == ParamType::IntTuple;
    return fits ? range_problem(param, static_cast<double>(*number))
                : expected(param, to_python(value));
  }
  const bool fits = param.type == ParamType::Real || param.type == ParamType::RealTuple;
  return fits ? range_problem(param, std::get<double>(value)) : expected(param, to_python(value));
}

Value normalized(const Param& param, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return non_finite(param, *text);
  const bool wants_integer = param.type == ParamType::Int || param.type == ParamType::IntTuple;
  const bool wants_real = param.type == ParamType::Real || param.type == ParamType::RealTuple;
  if (const auto* number = std::get_if<int64_t>(&value); number && wants_real) {
    return static_cast<double>(*number);
  }
  if (const auto* number = std::get_if<double>(&value)) {
    const auto integer = whole(*number);
    if (integer && wants_integer) return *integer;
  }
  if (const auto* tuple = std::get_if<std::vector<int64_t>>(&value)) {
    if (param.type == ParamType::IntTuple) return shortened(param, *tuple);
    if (param.type == ParamType::RealTuple) {
      return shortened(param, std::vector<double>(tuple->begin(), tuple->end()));
    }
  }
  const auto* reals = std::get_if<std::vector<double>>(&value);
  if (reals != nullptr && param.type == ParamType::RealTuple) return shortened(param, *reals);
  if (const auto* nested = std::get_if<Nested>(&value)) return normalized_call(**nested);
  return value;
}

Value parse_value(const Param& param, std::string_view text) {
  const std::string_view bare = trimmed(text);
  const auto value = read(param, bare);
  NW_CHECK(value.has_value(), expected(param, concat("'", bare, "'")));
  const std::string problem = problem_of(param, *value);
  NW_CHECK(problem.empty(), problem);
  return normalized(param, *value);
}

}  // namespace nw::nn
