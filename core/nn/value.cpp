#include "core/nn/value.h"

#include <charconv>
#include <cmath>

#include "core/base/error.h"
#include "core/nn/call.h"

namespace nw::nn {
namespace {

/// As Python's repr: the fewest digits that give the number back, with an exponent where that is
/// below −4 or above 15.
std::string real_to_python(double value) {
  if (std::isnan(value)) return "float('nan')";
  if (std::isinf(value)) return value > 0 ? "float('inf')" : "-float('inf')";
  char buffer[32];
  auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string scientific(buffer, end);
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (exponent < -4 || exponent > 15) return scientific;
  end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  std::string text(buffer, end);
  // Without a point Python would read an integer.
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string text_to_python(const std::string& value) {
  std::string text = "'";
  for (char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

std::string item_to_python(int64_t item) {
  return item == kNoneItem ? "None" : std::to_string(item);
}

std::string item_to_python(double item) {
  return real_to_python(item);
}

template <typename Item>
std::string tuple_to_python(const std::vector<Item>& items) {
  std::string text = "(";
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += ", ";
    text += item_to_python(items[i]);
  }
  return text + (items.size() == 1 ? ",)" : ")");
}

}  // namespace

std::string to_python(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "True" : "False";
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value)) return real_to_python(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return text_to_python(*text);
  if (const auto* tuple = std::get_if<std::vector<int64_t>>(&value)) return tuple_to_python(*tuple);
  if (const auto* tuple = std::get_if<std::vector<double>>(&value)) return tuple_to_python(*tuple);
  if (const auto* nested = std::get_if<Nested>(&value)) return to_python(**nested);
  return "None";
}

Nested::Nested(Call call) : call_(std::make_shared<const Call>(std::move(call))) {}

bool operator==(const Nested& a, const Nested& b) {
  return a.call_ == b.call_ || *a == *b;
}

const Value* Args::find(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

void Args::erase(std::string_view name) {
  const auto it = values_.find(name);
  if (it != values_.end()) values_.erase(it);
}

const Value& Args::at(std::string_view name) const {
  const Value* value = find(name);
  NW_ASSERT(value != nullptr && "argument of a complete set");
  return *value;
}

bool Args::is_none(std::string_view name) const {
  return std::holds_alternative<None>(at(name));
}

bool Args::boolean(std::string_view name) const {
  const auto* value = std::get_if<bool>(&at(name));
  NW_ASSERT(value != nullptr && "a bool argument");
  return *value;
}

int64_t Args::integer(std::string_view name) const {
  const auto* value = std::get_if<int64_t>(&at(name));
  NW_ASSERT(value != nullptr && "an integer argument");
  return *value;
}

double Args::real(std::string_view name) const {
  const Value& value = at(name);
  if (const auto* whole = std::get_if<int64_t>(&value)) return static_cast<double>(*whole);
  const auto* number = std::get_if<double>(&value);
  NW_ASSERT(number != nullptr && "a real argument");
  return *number;
}

const std::string& Args::text(std::string_view name) const {
  const auto* value = std::get_if<std::string>(&at(name));
  NW_ASSERT(value != nullptr && "a text argument");
  return *value;
}

std::vector<int64_t> Args::integers(std::string_view name, size_t count) const {
  const Value& value = at(name);
  if (const auto* one = std::get_if<int64_t>(&value)) return std::vector<int64_t>(count, *one);
  const auto* items = std::get_if<std::vector<int64_t>>(&value);
  NW_ASSERT(items != nullptr && items->size() == count && "an argument of that many integers");
  return *items;
}

std::vector<int64_t> Args::integers(std::string_view name) const {
  const auto* one = std::get_if<int64_t>(&at(name));
  if (one != nullptr) return {*one};
  const auto* items = std::get_if<std::vector<int64_t>>(&at(name));
  NW_ASSERT(items != nullptr && "an argument of integers");
  return *items;
}

std::vector<double> Args::reals(std::string_view name, size_t count) const {
  const auto* items = std::get_if<std::vector<double>>(&at(name));
  if (items == nullptr) return std::vector<double>(count, real(name));
  NW_ASSERT(items->size() == count && "an argument of that many numbers");
  return *items;
}

const Call& Args::call(std::string_view name) const {
  const auto* nested = std::get_if<Nested>(&at(name));
  NW_ASSERT(nested != nullptr && "a block as an argument");
  return **nested;
}

}  // namespace nw::nn
