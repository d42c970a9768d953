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
/// dictionaries and calls. Whatever can be worked out is, while reading.
struct Syntax {
  enum class Kind : uint8_t {
    None,
    Bool,
    Int,
    Real,
    Text,
    Name,
    Tuple,
    List,
    Dict,
    Call,
    Function
  };
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
  /// Of a List, a Dict or a Call: which of the objects that the text makes it is, from 1 in the
  /// order in which Python makes them; 0: a plain value.
  int64_t made = 0;

  bool is_number() const { return kind == Kind::Int || kind == Kind::Real; }
  /// As an error names it: "'same'", "5", "3.0", "(1, 2)", "Linear(…)".
  std::string shown() const;

 private:
  std::string shown_items(std::string_view open, std::string_view close) const;
};

/// What a text says.
struct PythonText {
  std::vector<Syntax> values;  // of its statements; at least one
  std::vector<Syntax> calls;   // made while it ran, without those that take others
};

/// Runs a text: imports, assignments, loops, conditions and functions over numbers, texts, lists,
/// tuples, dictionaries and the calls of what it does not know itself, such as nn.Linear(2, 1). At
/// the end stands an expression or an assignment. A call keeps the place where it is written; all
/// else has that of its use. What is no part of a model (print, seeds, .to(device), .eval()) is
/// passed over. Throws Error with line, column and what was expected there.
PythonText run_python(std::string_view text);
/// The last value of a text.
Syntax parse_python(std::string_view text);

}  // namespace nw::nn
