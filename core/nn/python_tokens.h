#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/nn/python_syntax.h"

namespace nw::nn {

struct Token {
  enum class Kind : uint8_t { End, Name, Number, Text, Symbol };
  Kind kind = Kind::End;
  std::string_view text;  // as it is written
  Place place;
  std::string content = {};  // of a Text, without quotes and escapes

  bool is(std::string_view symbol) const { return kind == Kind::Symbol && text == symbol; }
  /// As an error names it.
  std::string shown() const;
};

/// Cuts a text into tokens; the last one is the End. They refer to the text. Throws Error with
/// line and column at a character that Python does not know, or at a string that does not end.
std::vector<Token> tokens_of(std::string_view text);

}  // namespace nw::nn
