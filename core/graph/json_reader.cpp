#include "core/graph/json_reader.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/graph/json_text.h"

namespace nw::graph {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLargestBytes = size_t{64} << 20;
constexpr int kDeepest = 100;
constexpr size_t kLongestQuote = 60;

/// The library's words without its own prefix: "syntax error while parsing value - …".
std::string reason(std::string_view what) {
  const size_t found = what.find("syntax error");
  if (found != what.npos) return std::string(what.substr(found));
  const size_t bracket = what.find("] ");
  return std::string(bracket == what.npos ? what : what.substr(bracket + 2));
}

/// The value as a message shows it: on one line and not too long.
std::string shown(std::string_view text) {
  std::string line;
  for (char c : text) {
    const bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!space) line += c;
    if (space && !line.empty() && line.back() != ' ') line += ' ';
  }
  if (line.size() <= kLongestQuote) return line;
  size_t end = kLongestQuote;
  while (end > 0 && (line[end] & 0xC0) == 0x80) --end;  // not inside a character of several bytes
  return line.substr(0, end) + "…";
}

}  // namespace

JsonValue::JsonValue(std::string_view document, std::string_view file)
    : document_(document), file_(file), text_(document) {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // a byte order mark
  const std::string op = concat("[", file, "] ");
  NW_CHECK(document.size() <= kLargestBytes, op, "expects a project of at most 64 MiB, gets ",
           document.size(), " bytes; is it the right file?");
  NW_CHECK(nesting_depth(document) <= kDeepest, op, "expects brackets nested at most ", kDeepest,
           " deep, gets ", nesting_depth(document), "; is it the right file?");
  try {
    [[maybe_unused]] const Json checked = Json::parse(document);
  } catch (const nlohmann::json::parse_error& error) {
    const size_t byte = error.byte == 0 ? 0 : error.byte - 1;
    throw Error(concat(op, line_and_column(document, byte), ": is not valid JSON: ",
                       reason(error.what()), "; the file may be cut short or damaged"));
  } catch (const nlohmann::json::exception& error) {
    throw Error(concat(op, "expects numbers that a computer can hold: ", reason(error.what())));
  }
}

void JsonValue::fail(std::string_view what) const {
  const auto offset = static_cast<size_t>(text_.data() - document_.data());
  const std::string place = line_and_column(document_, offset);
  throw Error(concat("[", file_, "] ", path_, path_.empty() ? "" : ": ", what, " (",
                     place.substr(0, place.find(',')), ")"));
}

void JsonValue::fail_expecting(std::string_view expectation) const {
  fail(concat("expects ", expectation, ", gets ", shown(text_)));
}

int64_t JsonValue::integer(int64_t least, int64_t most) const {
  const Json value = Json::parse(text_);
  const bool fits = value.is_number_integer() &&
                    !(value.is_number_unsigned() &&
                      value.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()));
  if (!fits || value.get<int64_t>() < least || value.get<int64_t>() > most) {
    fail_expecting(concat("an integer from ", least, " to ", most));
  }
  return value.get<int64_t>();
}

double JsonValue::number(double most) const {
  const Json value = Json::parse(text_);
  const bool fits = value.is_number() && std::abs(value.get<double>()) <= most;
  if (!fits) fail_expecting(concat("a number from ", -most, " to ", most));
  return value.get<double>();
}

std::string JsonValue::string() const {
  const Json value = Json::parse(text_);
  if (!value.is_string()) fail_expecting("text in quotes");
  return value.get<std::string>();
}

std::vector<JsonValue> JsonValue::items() const {
  if (text_.find('[') != text_.find_first_not_of(" \t\r\n")) fail_expecting("a list");
  std::vector<JsonValue> items;
  for (std::string_view item : raw_items(text_)) {
    items.emplace_back(*this, item, concat(path_, "[", items.size(), "]"));
  }
  return items;
}

std::optional<nn::Value> JsonValue::argument() const {
  const Json value = Json::parse(text_);
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
  if (value.is_null()) return nn::None{};
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return integer(-kLargest - 1, kLargest);
  if (value.is_number()) return value.get<double>();
  if (value.is_object()) return nested_block();
  if (!value.is_array() || value.empty()) return std::nullopt;
  bool all_integers = true;
  for (const Json& item : value) {
    if (!item.is_number() && !item.is_null()) return std::nullopt;
    all_integers = all_integers && !item.is_number_float();
  }
  if (!all_integers) return reals();
  std::vector<int64_t> numbers;
  for (const JsonValue& item : items()) {
    const bool none = Json::parse(item.text()).is_null();
    numbers.push_back(none ? nn::kNoneItem : item.integer(-kLargest, kLargest));
  }
  return numbers;
}

std::optional<nn::Value> JsonValue::reals() const {
  std::vector<double> numbers;
  for (const JsonValue& item : items()) {
    if (Json::parse(item.text()).is_null()) return std::nullopt;
    numbers.push_back(item.number(std::numeric_limits<double>::max()));
  }
  return numbers;
}

std::optional<nn::Value> JsonValue::nested_block() const {
  JsonObject members(*this);
  const auto block = members.take("block");
  if (!block) return std::nullopt;
  nn::Call call{.id = block->string(), .args = {}};
  if (const auto args = members.take("args")) {
    for (const auto& [name, member] : JsonObject(*args).take_all()) {
      const auto argument = member.argument();
      if (!argument) return std::nullopt;
      call.args.set(name, *argument);
    }
  }
  if (!members.rest().empty()) fail_expecting("only \"block\" and \"args\"");
  return nn::Nested(std::move(call));
}

JsonObject::JsonObject(const JsonValue& value) : value_(value) {
  const std::string_view text = value.text();
  if (text.find('{') != text.find_first_not_of(" \t\r\n")) value.fail_expecting("an object");
  std::set<std::string> seen;
  for (const auto& [raw_key, member] : raw_members(text)) {
    std::string key = Json::parse(concat('"', raw_key, '"')).get<std::string>();
    if (!seen.insert(key).second) value.fail(concat("has the member \"", key, "\" twice"));
    members_.push_back({std::move(key), raw_key, member});
  }
}

JsonValue JsonObject::at(const Member& member) const {
  const std::string& path = value_.path();
  return JsonValue(value_, member.text, path.empty() ? member.key : path + "." + member.key);
}

std::optional<JsonValue> JsonObject::take(std::string_view key) {
  for (Member& member : members_) {
    if (member.key != key) continue;
    member.taken = true;
    return at(member);
  }
  return std::nullopt;
}

JsonValue JsonObject::need(std::string_view key, std::string_view expectation) {
  const auto found = take(key);
  if (!found)
    value_.fail(concat("expects the member \"", key, "\", ", expectation, "; it has none"));
  return *found;
}

std::vector<std::pair<std::string, JsonValue>> JsonObject::take_all() {
  std::vector<std::pair<std::string, JsonValue>> all;
  for (Member& member : members_) {
    if (!std::exchange(member.taken, true)) all.emplace_back(member.key, at(member));
  }
  return all;
}

std::string JsonObject::rest() const {
  std::string text;
  for (const Member& member : members_) {
    if (member.taken) continue;
    text += concat(text.empty() ? "{\"" : ", \"", member.raw_key, "\": ", member.text);
  }
  return text.empty() ? text : text + "}";
}

}  // namespace nw::graph
