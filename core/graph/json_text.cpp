#include "core/graph/json_text.h"

#include <algorithm>

#include "core/base/error.h"

namespace nw::graph {
namespace {

/// Walks over valid JSON text. Nothing here recurses: depth costs no stack.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  /// The next character that is not white space; 0 at the end.
  char peek() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void skip() { ++at_; }

  std::string_view value() {
    peek();
    const size_t begin = at_;
    int depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        string();
      } else if (c == '{' || c == '[') {
        ++depth;
        skip();
      } else if (c == '}' || c == ']') {
        --depth;
        skip();
      } else if (c == ',' || c == ':') {
        skip();
      } else {
        at_ = std::min(text_.find_first_of(" \t\r\n,:]}", at_), text_.size());
      }
    } while (depth > 0 && at_ < text_.size());
    return text_.substr(begin, at_ - begin);
  }

 private:
  void string() {
    for (skip(); at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    skip();
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

RawMembers raw_members(std::string_view object) {
  RawMembers members;
  Cursor cursor(object);
  NW_ASSERT(cursor.peek() == '{');
  cursor.skip();
  while (cursor.peek() == '"') {
    const std::string_view key = cursor.value();
    NW_ASSERT(cursor.peek() == ':');
    cursor.skip();
    members.emplace_back(key.substr(1, key.size() - 2), cursor.value());
    if (cursor.peek() == ',') cursor.skip();
  }
  return members;
}

std::vector<std::string_view> raw_items(std::string_view array) {
  std::vector<std::string_view> items;
  Cursor cursor(array);
  NW_ASSERT(cursor.peek() == '[');
  cursor.skip();
  while (cursor.peek() != ']') {
    items.push_back(cursor.value());
    if (cursor.peek() == ',') cursor.skip();
  }
  return items;
}

int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && in_string) {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[')) {
      deepest = std::max(deepest, ++depth);
    } else if (!in_string && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return deepest;
}

std::string line_and_column(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return concat("line ", line, ", column ", before.size() - line_start + 1);
}

}  // namespace nw::graph
