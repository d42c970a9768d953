#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/nn/value.h"

namespace nw::graph {

/// One value in the text of a JSON document that was found valid, with its path, so that each error
/// says where: `[lenet.netwright] graph.nodes[3].id: expects an integer, gets "five" (line 12)`.
/// Refers to the document's text and the name of its file.
class JsonValue {
 public:
  /// Checks the whole text. Throws Error with line and column when it is not valid JSON, is nested
  /// deeper than 100 brackets or is larger than 64 MiB.
  JsonValue(std::string_view document, std::string_view file);
  JsonValue(const JsonValue& parent, std::string_view text, std::string path)
      : document_(parent.document_), file_(parent.file_), text_(text), path_(std::move(path)) {}

  /// As it stands in the document.
  std::string_view text() const { return text_; }
  const std::string& path() const { return path_; }

  int64_t integer(int64_t least, int64_t most) const;
  double number(double most) const;
  std::string string() const;
  std::vector<JsonValue> items() const;
  /// As an argument; nothing when no kind of argument looks like that.
  std::optional<nn::Value> argument() const;

  [[noreturn]] void fail(std::string_view what) const;
  /// "expects an integer, gets "five"".
  [[noreturn]] void fail_expecting(std::string_view expectation) const;

 private:
  std::optional<nn::Value> reals() const;
  /// {"block": id, "args": {…}}.
  std::optional<nn::Value> nested_block() const;

  std::string_view document_;
  std::string_view file_;
  std::string_view text_;
  std::string path_;
};

/// The members of a JSON object, handed out one by one, so that the unknown ones remain.
class JsonObject {
 public:
  /// Throws Error when `value` is not an object or has a key twice.
  explicit JsonObject(const JsonValue& value);

  std::optional<JsonValue> take(std::string_view key);
  /// Throws Error when there is none.
  JsonValue need(std::string_view key, std::string_view expectation);
  /// All that was not taken yet.
  std::vector<std::pair<std::string, JsonValue>> take_all();
  /// The text of an object with what was not taken; empty: nothing is left.
  std::string rest() const;

 private:
  struct Member {
    std::string key;
    std::string_view raw_key;
    std::string_view text;
    bool taken = false;
  };
  JsonValue at(const Member& member) const;

  JsonValue value_;
  std::vector<Member> members_;
};

}  // namespace nw::graph
