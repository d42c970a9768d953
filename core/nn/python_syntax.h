#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nw::nn {

/// Where something stands in a text, as an editor counts; columns are characters.
struct Place {
  int line = 1;
  int column = 1;
};

/// "line 2, column 14".
std::string to_string(Place place);
/// Throws Error: "line 2, column 14: " and what is wrong there.
[[noreturn]] void fail_at(Place place, std::string_view what);

/// A Python expression out of which models are written: literals, names, tuples, lists and calls.
/// Sums and products of literals are worked out while reading.
struct Syntax {
  enum class Kind : uint8_t { None, Bool, Int, Real, Text, Name, Tuple, List, Call };
  /// What stands in front of an item of a call.
  enum class Label : uint8_t {
    None,
    Keyword,  // bias=False
    Child,    // (conv1): Conv2d(…), as print(model) shows it
  };

  Kind kind = Kind::None;
  Place place;
  bool boolean = false;
  int64_t integer = 0;
  double real = 0;
  std::string text;           // of a Text; the dotted name of a Name or a Call
  std::vector<Syntax> items;  // of a Tuple, a List or a Call
  Label label = Label::None;
  std::string key;  // what the label says: "bias", "conv1"
  Place key_place;

  bool is_number() const { return kind == Kind::Int || kind == Kind::Real; }
  /// As an error names it: "'same'", "5", "a tuple", "Linear(…)".
  std::string shown() const;
};

/// Reads one expression. Lines that import something, and `model =` in front of it, are passed
/// over; so are comments. Throws Error with line, column and what was expected there.
Syntax parse_python(std::string_view text);

}  // namespace nw::nn
