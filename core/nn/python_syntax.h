#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace nw::nn {

/// Where something stands in a text, as an editor counts; columns are characters.
struct Place {
  int line = 1;
  int column = 1;

  friend auto operator<=>(const Place&, const Place&) = default;
};

/// "line 2, column 14".
std::string to_string(Place place);
/// Throws Error: "line 2, column 14: " and what is wrong there.
[[noreturn]] void fail_at(Place place, std::string_view what);

/// A Python expression out of which models are written: literals, names, tuples, lists,
/// dictionaries and calls. Sums and products of literals are worked out while reading.
struct Syntax {
  enum class Kind : uint8_t { None, Bool, Int, Real, Text, Name, Tuple, List, Dict, Call };
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
  std::vector<Syntax> items;  // of a Tuple, a List or a Call; of a Dict tuples (key, value)
  Label label = Label::None;
  std::string key;  // what the label says: "bias", "conv1"
  Place key_place;

  bool is_number() const { return kind == Kind::Int || kind == Kind::Real; }
  /// As an error names it: "'same'", "5", "3.0", "(1, 2)", "Linear(…)".
  std::string shown() const;

 private:
  std::string shown_items(std::string_view open, std::string_view close) const;
};

/// Reads one expression. Above it may stand imports and assignments, whose names then mean what
/// they were given: `hidden = 16`, `act = nn.ReLU`, `sizes = [8, 4]`; the last assignment may be
/// the expression itself. A call keeps the place where it is written; all else has that of its use.
/// `unused` receives what was assigned and then not read. Throws Error with line, column and what
/// was expected there.
Syntax parse_python(std::string_view text, std::vector<Syntax>* unused = nullptr);

}  // namespace nw::nn
