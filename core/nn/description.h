#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/nn/value.h"

namespace nw::nn {

enum class ParamType : uint8_t {
  Bool,
  Int,
  Real,
  Choice,  // one of `choices`
  Text,
  Path,       // a file or folder
  IntTuple,   // `arity` integers; one integer stands for all; one of `choices` if there are any
  RealTuple,  // `arity` numbers; one number stands for all
  Module,     // a block with its arguments; its id is one of `choices` if there are any
};

/// One parameter of a block, an optimiser or a data set: all that an editor, a file, a check, a
/// command line and a code writer need to know of it.
struct Param {
  std::string name;  // torch's
  ParamType type = ParamType::Int;
  Value fallback = {};    // the default; None in a parameter with `inferred`
  std::string help = {};  // one sentence
  std::optional<double> min = {};
  std::optional<double> max = {};
  bool min_exclusive = false;
  bool max_exclusive = false;
  /// Where useful values lie, if that is narrower than what is taken: editors step and tests draw
  /// mostly in there. Refuses nothing.
  std::optional<double> usual_min = {};
  std::optional<double> usual_max = {};
  size_t arity = 1;                  // of a tuple; 0: any number of items, at least one
  std::vector<size_t> arities = {};  // other numbers of items; one item stands for all
  bool strict = false;               // of a Bool: torch takes neither 0 nor 1 for it
  bool none_items = false;           // items of an IntTuple may be None (kNoneItem)
  std::vector<std::string> choices = {};
  std::string unit = {};       // "px", "%", "samples"; empty: none
  bool optional = false;       // None is a meaning of its own (stride=None)
  bool empty_is_none = false;  // of an IntTuple: torch takes () as None
  bool inferred = false;       // None: taken from what the wire brings (in_features)
  bool required = false;       // has no default in torch
  bool keyword_only = false;   // not among the positional arguments of torch's constructor
  bool call = false;           // torch takes it as an argument of forward, not of the constructor
  bool real_list = false;      // Text that holds real numbers: "1, 0.5, 2" (torch: a tensor)
  std::string tuple = {};      // torch takes it as an item of the tuple of this name (Adam's betas)
  /// Whether torch never looks at it beside these complete arguments and so takes anything for it;
  /// null: it always looks.
  bool (*unread)(const Args& args) = nullptr;

  /// The ends of the useful values; empty where they go on for ever.
  std::optional<double> low() const { return usual_min ? usual_min : min; }
  std::optional<double> high() const { return usual_max ? usual_max : max; }
};

struct Constraint {
  /// "in_channels must be divisible by groups"; a problem adds the values of the parameters that it
  /// names.
  std::string text;
  /// Called with complete, well-typed arguments.
  bool (*holds)(const Args& args) = nullptr;
};

/// What every described thing has. From it derive the palette, the inspector, validation, undo
/// texts, the project file, code, the docs and the tests. Value type; lives in a registry.
struct Description {
  std::string id;  // stable, as in project files: "Conv2d"
  int version = 1;
  std::string torch_name;     // "nn.Conv2d"; empty: no counterpart
  std::string category;       // a Category's id (core/nn/category.h)
  std::string icon;           // file stem in resources/icons
  std::string summary;        // what it does, one sentence
  std::string formula;        // plain text with Unicode mathematics
  std::string when_to_use;    // one or two sentences
  std::string reference;      // paper or documentation address
  std::vector<Param> params;  // in torch's argument order
  std::vector<Constraint> constraints;
  bool ignores_arguments = false;  // torch takes any arguments and looks at none (Identity)
  bool factory = false;            // torch's constructor takes device and dtype, too

  const Param* find(std::string_view name) const;
  /// The defaults with `args` over them; inferred and optional ones may stay None.
  Args complete(const Args& args) const;
  /// What is wrong with `args`, one sentence each, as `[Conv2d] stride must be at least 1, is 0`;
  /// unknown names and wrong types too. Empty: nothing.
  std::vector<std::string> problems(const Args& args) const;
};

/// What a parameter takes, in words: "an integer or 2 integers or 'same' or 'valid'".
std::string expectation(const Param& param);
/// Checks one value against its parameter; empty text when it fits.
std::string problem_of(const Param& param, const Value& value);
/// `value` in the parameter's own type where that loses nothing (2 -> 2.0; (3, 3) -> 3); else
/// unchanged.
Value normalized(const Param& param, const Value& value);
/// The numbers of a `real_list` text; throws Error for anything else.
std::vector<double> real_list(std::string_view text);
/// Reads what a person typed ("3", "0.5", "3, 5", "(3,5)", "None", "same"); throws Error with the
/// expectation.
Value parse_value(const Param& param, std::string_view text);

}  // namespace nw::nn
