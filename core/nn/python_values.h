#pragma once

#include <optional>

#include "core/nn/python_syntax.h"

/// What Python's own functions and operators make of values while a text is read.
namespace nw::nn {

bool is_sequence(const Syntax& value);
Syntax whole(int64_t value, Place place);
Syntax truth_value(bool value, Place place);
Syntax text_value(std::string text, Place place);

/// Whether `if` would take the value for true. Throws Error at its place for one that the text does
/// not tell.
bool truth(const Syntax& value);
/// a == b. Throws Error for what the text does not tell.
bool equal(const Syntax& a, const Syntax& b);
/// a `sign` b, of == != < <= > >= in. Throws Error as equal().
bool compared(std::string_view sign, const Syntax& a, const Syntax& b);

/// What a loop over the value meets: items of a list, keys of a dictionary, layers of a
/// ModuleList. Throws Error at its place for what it does not know.
std::vector<Syntax> items_of(const Syntax& value);
/// a + b of two lists, tuples or texts; a * 3 of one. Nothing for other values.
std::optional<Syntax> joined(const Syntax& a, const Syntax& b);
std::optional<Syntax> repeated(const Syntax& a, const Syntax& b);
/// As a text in a text: f"{value}", str(value). Throws Error at its place for what has none.
std::string text_of(const Syntax& value);

/// What one of Python's functions (range, len, zip, int, …) gives; nothing for a call of any other
/// or with arguments that it does not know.
std::optional<Syntax> builtin(const Syntax& call);

}  // namespace nw::nn
