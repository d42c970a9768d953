#pragma once

#include "core/nn/python_syntax.h"
#include "core/nn/python_tokens.h"

/// Python's numbers and what is worked out with them while a text is read.
namespace nw::nn {

/// The number that a token is. Throws Error at its place for one that cannot be held.
Syntax number_of(const Token& token);
/// +x and −x. Throws Error at its place for anything but a number.
Syntax signed_number(const Token& sign, Syntax operand);
/// left `sign` right, of + - * / // % **: whole as Python's are. Throws Error for anything but
/// numbers, a divisor of 0, and a result that cannot be held.
Syntax combined(const Token& sign, const Syntax& left, const Syntax& right);
/// float('inf'): how Python writes what has no literal.
Syntax real_of_text(const Syntax& call);

}  // namespace nw::nn
