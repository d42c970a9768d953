#include "core/nn/python_numbers.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace nw::nn {
namespace {

using Kind = Syntax::Kind;

constexpr std::string_view kTooLarge = "expected a number that a computer can hold";

Syntax whole_number(int64_t value) {
  Syntax out;
  out.kind = Kind::Int;
  out.integer = value;
  return out;
}

Syntax real_number(double value) {
  Syntax out;
  out.kind = Kind::Real;
  out.real = value;
  return out;
}

double as_real(const Syntax& number) {
  return number.kind == Kind::Int ? static_cast<double>(number.integer) : number.real;
}

void check_number(const Token& sign, const Syntax& operand) {
  if (operand.is_number()) return;
  fail_at(operand.place,
          concat("expected a number beside '", sign.text, "', found ", operand.shown()));
}

Syntax of_integers(const Token& sign, int64_t a, int64_t b) {
  int64_t out = 0;
  bool overflow = false;
  if (sign.is("+")) overflow = __builtin_add_overflow(a, b, &out);
  if (sign.is("-")) overflow = __builtin_sub_overflow(a, b, &out);
  if (sign.is("*")) overflow = __builtin_mul_overflow(a, b, &out);
  if (sign.is("//") || sign.is("%")) {
    overflow = a == std::numeric_limits<int64_t>::min() && b == -1;
    if (!overflow) {
      // Python rounds down, and the remainder has the divisor's sign.
      const int64_t remainder = (a % b != 0 && (a % b < 0) != (b < 0)) ? a % b + b : a % b;
      out = sign.is("%") ? remainder : (a - remainder) / b;
    }
  }
  if (sign.is("**")) {
    out = 1;
    const bool trivial = a == 0 || a == 1 || a == -1;
    const int64_t steps = trivial && b > 2 ? 2 + b % 2 : b;
    for (int64_t i = 0; i < steps && !overflow; ++i) {
      overflow = __builtin_mul_overflow(out, a, &out);
    }
  }
  if (overflow) fail_at(sign.place, kTooLarge);
  return whole_number(out);
}

Syntax of_reals(const Token& sign, double a, double b) {
  if (sign.is("+")) return real_number(a + b);
  if (sign.is("-")) return real_number(a - b);
  if (sign.is("*")) return real_number(a * b);
  if (sign.is("/")) return real_number(a / b);
  if (sign.is("//")) return real_number(std::floor(a / b));
  if (sign.is("**")) return real_number(std::pow(a, b));
  return real_number(a - std::floor(a / b) * b);
}

/// What a text says as a number; false when it says none.
bool read_real(const std::string& text, double& value) {
  const char* const begin = text.data() + (text.starts_with("+") ? 1 : 0);
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc() && stop == end;
}

}  // namespace

Syntax number_of(const Token& token) {
  std::string digits;
  for (char c : token.text) {
    if (c != '_') digits += c;
  }
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  Syntax out = whole_number(0);
  const bool prefixed = digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == 'x';
  const auto as_integer = prefixed ? std::from_chars(begin + 2, end, out.integer, 16)
                                   : std::from_chars(begin, end, out.integer);
  if (as_integer.ptr == end && as_integer.ec == std::errc::result_out_of_range) {
    fail_at(token.place, kTooLarge);
  }
  if (as_integer.ptr != end || as_integer.ec != std::errc()) {
    out = real_number(0);
    const auto as_double = std::from_chars(begin, end, out.real);
    if (as_double.ptr != end || as_double.ec == std::errc::invalid_argument) {
      fail_at(token.place, concat("expected a number, found ", token.shown()));
    }
    if (as_double.ec != std::errc()) fail_at(token.place, kTooLarge);
  }
  out.place = token.place;
  return out;
}

Syntax signed_number(const Token& sign, Syntax operand) {
  check_number(sign, operand);
  if (sign.is("-")) {
    if (operand.integer == std::numeric_limits<int64_t>::min()) fail_at(sign.place, kTooLarge);
    operand.integer = -operand.integer;
    operand.real = -operand.real;
  }
  operand.place = sign.place;
  return operand;
}

Syntax combined(const Token& sign, const Syntax& left, const Syntax& right) {
  check_number(sign, left);
  check_number(sign, right);
  const bool divides = sign.is("/") || sign.is("//") || sign.is("%");
  if (divides && as_real(right) == 0) fail_at(right.place, "expected a divisor that is not 0");
  const bool integers = left.kind == Kind::Int && right.kind == Kind::Int && !sign.is("/") &&
                        !(sign.is("**") && right.integer < 0);
  Syntax out = integers ? of_integers(sign, left.integer, right.integer)
                        : of_reals(sign, as_real(left), as_real(right));
  out.place = left.place;
  return out;
}

Syntax real_of_text(const Syntax& call) {
  const bool one = call.items.size() == 1 && call.items[0].label == Syntax::Label::None;
  double value = 0;
  bool fits = one;
  if (one) {
    const Syntax& item = call.items[0];
    if (item.is_number()) {
      value = as_real(item);
    } else {
      fits = item.kind == Kind::Text && read_real(item.text, value);
    }
  }
  if (!fits) fail_at(call.place, "expected a number in float(…), as float('inf')");
  Syntax out = real_number(value);
  out.place = call.place;
  return out;
}

}  // namespace nw::nn
