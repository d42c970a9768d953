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
  bool first = false;        // begins a statement's line: outside of brackets, after a line's end
  bool formatted = false;    // of a Text: f"fc{i}"
  std::string content = {};  // of a Text, without quotes and escapes

  bool is(std::string_view symbol) const { return kind == Kind::Symbol && text == symbol; }
  bool is_word(std::string_view word) const { return kind == Kind::Name && text == word; }
  /// As an error names it.
  std::string shown() const;
};

/// Cuts a text that begins at `place` into tokens; the last one is the End. They refer to the text.
/// Throws Error with line and column at a character that Python does not know, or at a string that
/// does not end.
std::vector<Token> tokens_of(std::string_view text, Place place = {});

/// A text that was copied from a Python shell, with blanks in the place of its prompts, so that
/// lines and columns stay: ">>> model = nn.Linear(2, 1)". Other texts as they are.
std::string without_prompts(std::string_view text);

}  // namespace nw::nn
