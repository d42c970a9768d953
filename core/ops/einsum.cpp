#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/ops/contraction.h"
#include "core/ops/matmul.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"

namespace nw::ops {
namespace {

constexpr std::string_view kEllipsis = "...";
// Stands for the ellipsis among letters.
constexpr char kRest = '.';

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// "i ... j" -> "i.j".
std::string subscripts(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (is_letter(text[i])) {
      out += text[i];
      continue;
    }
    NW_CHECK(text.substr(i).starts_with(kEllipsis) && out.find(kRest) == out.npos,
             "[einsum] expects letters and at most one '...' in \"", text, "\"");
    out += kRest;
    i += kEllipsis.size() - 1;
  }
  return out;
}

/// An equation taken apart.
struct Equation {
  std::vector<std::string> inputs;
  std::string output;
};

/// The letters that stand once, behind the ellipsis.
std::string implied_output(const std::vector<std::string>& inputs) {
  std::map<char, int> counts;
  for (const std::string& input : inputs) {
    for (char c : input) ++counts[c];
  }
  std::string out = counts.contains(kRest) ? std::string(1, kRest) : std::string();
  for (const auto& [letter, count] : counts) {
    if (letter != kRest && count == 1) out += letter;
  }
  return out;
}

Equation parse(std::string_view text) {
  Equation out;
  const size_t arrow = text.find("->");
  std::string_view left = text.substr(0, arrow);
  for (size_t comma = left.find(','); comma != left.npos; comma = left.find(',')) {
    out.inputs.push_back(subscripts(left.substr(0, comma)));
    left.remove_prefix(comma + 1);
  }
  out.inputs.push_back(subscripts(left));
  out.output = arrow == text.npos ? implied_output(out.inputs) : subscripts(text.substr(arrow + 2));
  for (size_t i = 0; i < out.output.size(); ++i) {
    const char c = out.output[i];
    NW_CHECK(out.output.find(c, i + 1) == out.output.npos, "[einsum] '", c,
             "' stands twice behind the arrow");
    const bool known = c == kRest || std::any_of(out.inputs.begin(), out.inputs.end(),
                                                 [c](const std::string& input) {
                                                   return input.find(c) != input.npos;
                                                 });
    NW_CHECK(known, "[einsum] '", c, "' stands behind the arrow, but in no operand");
  }
  return out;
}

/// Where each letter lies in what all operands are permuted to: first the output's dimensions, the
/// ellipsis among them, then those that are summed.
struct Places {
  std::map<char, int64_t> letters;
  int64_t rest_begin = 0;  // of the ellipsis
  int64_t rest_count = 0;
  int64_t out_count = 0;  // dimensions of the result
  int64_t count = 0;
};

Places places_of(const Equation& equation, int64_t rest_count) {
  Places out;
  out.rest_count = rest_count;
  for (char c : equation.output) {
    if (c == kRest) {
      out.rest_begin = out.count;
      out.count += rest_count;
    } else {
      out.letters[c] = out.count++;
    }
  }
  out.out_count = out.count;
  if (equation.output.find(kRest) == std::string::npos) {  // the ellipsis is summed
    out.rest_begin = out.count;
    out.count += rest_count;
  }
  for (const std::string& input : equation.inputs) {
    for (char c : input) {
      if (c != kRest && !out.letters.contains(c)) out.letters[c] = out.count++;
    }
  }
  return out;
}

int64_t rest_of(const std::string& input, const Tensor& operand) {
  const auto letters = static_cast<int64_t>(input.size());
  if (input.find(kRest) == std::string::npos) {
    NW_CHECK(letters == operand.dim(), "[einsum] \"", input, "\" names ", letters,
             " dimensions, the operand has ", operand.dim());
    return 0;
  }
  NW_CHECK(letters - 1 <= operand.dim(), "[einsum] \"", input, "\" names ", letters - 1,
           " dimensions, the operand has ", operand.dim());
  return operand.dim() - (letters - 1);
}

/// The operand with each dimension in its place and size 1 where it has none; a letter that stands
/// twice becomes the diagonal.
Tensor placed(const Tensor& operand, const std::string& input, const Places& places) {
  Tensor x = operand;
  const int64_t rest = rest_of(input, operand);
  std::vector<int64_t> place_of;  // of each dimension of x
  for (char c : input) {
    if (c == kRest) {
      // Ellipses are aligned at their ends.
      for (int64_t i = 0; i < rest; ++i) {
        place_of.push_back(places.rest_begin + places.rest_count - rest + i);
      }
      continue;
    }
    const int64_t place = places.letters.at(c);
    const auto before = std::find(place_of.begin(), place_of.end(), place);
    if (before == place_of.end()) {
      place_of.push_back(place);
      continue;
    }
    const int64_t first = before - place_of.begin();
    const auto second = static_cast<int64_t>(place_of.size());
    NW_CHECK(x.size(first) == x.size(second), "[einsum] '", c, "' names sizes ", x.size(first),
             " and ", x.size(second), " of one operand");
    x = movedim(diagonal(x, 0, first, second), Dims{-1}, Dims{first});
  }
  Dims order;
  std::vector<int64_t> missing;
  for (int64_t place = 0; place < places.count; ++place) {
    const auto at = std::find(place_of.begin(), place_of.end(), place);
    if (at == place_of.end()) {
      missing.push_back(place);
    } else {
      order.push_back(at - place_of.begin());
    }
  }
  x = permute(x, order);
  for (int64_t place : missing) x = unsqueeze(x, place);
  return x;
}

/// How the dimensions of two operands take part in their product.
struct Roles {
  Dims batch, rows, columns, inner;
};

Dims sizes_of(const Tensor& x, const Dims& dims) {
  Dims out;
  for (int64_t dim : dims) out.push_back(x.size(dim));
  return out;
}

Dims joined(std::initializer_list<Dims> parts) {
  Dims out;
  for (const Dims& part : parts) {
    for (int64_t value : part) out.push_back(value);
  }
  return out;
}

void check_fits(int64_t a, int64_t b) {
  NW_CHECK(a == b || a == 1 || b == 1, "[einsum] one letter names the sizes ", a, " and ", b);
}

/// The product of two operands, summed over `summed`, which stay with size 1.
Tensor pair_product(Tensor a, Tensor b, const Dims& summed) {
  Roles roles;
  for (int64_t dim = 0; dim < a.dim(); ++dim) {
    check_fits(a.size(dim), b.size(dim));
    const bool in_a = a.size(dim) != 1;
    const bool in_b = b.size(dim) != 1;
    const bool sums = std::find(summed.begin(), summed.end(), dim) != summed.end();
    if (sums && in_a != in_b) {  // the other's only number stands in front of the sum
      Tensor& alone = in_a ? a : b;
      alone = sum(alone, Dims{dim}, Keep::Yes);
      roles.batch.push_back(dim);
    } else if (sums) {
      roles.inner.push_back(dim);
    } else {
      (in_a == in_b ? roles.batch : in_a ? roles.rows : roles.columns).push_back(dim);
    }
  }
  const Tensor left =
      reshape(permute(a, joined({roles.batch, roles.rows, roles.inner, roles.columns})),
              Dims{numel(sizes_of(a, roles.batch)), numel(sizes_of(a, roles.rows)),
                   numel(sizes_of(a, roles.inner))});
  const Tensor right =
      reshape(permute(b, joined({roles.batch, roles.inner, roles.columns, roles.rows})),
              Dims{numel(sizes_of(b, roles.batch)), numel(sizes_of(b, roles.inner)),
                   numel(sizes_of(b, roles.columns))});
  Dims sizes =
      joined({sizes_of(a, roles.batch), sizes_of(a, roles.rows), sizes_of(b, roles.columns)});
  for (size_t i = 0; i < roles.inner.size(); ++i) sizes.push_back(1);
  const Dims order = joined({roles.batch, roles.rows, roles.columns, roles.inner});
  Dims back(order.size(), 0);
  for (size_t i = 0; i < order.size(); ++i) {
    back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  return permute(reshape(bmm(left, right), sizes), back);
}

}  // namespace

Tensor einsum(std::string_view text, std::span<const Tensor> operands) {
  const Equation equation = parse(text);
  NW_CHECK(!operands.empty() && equation.inputs.size() == operands.size(), "[einsum] \"", text,
           "\" is of ", equation.inputs.size(), " operands, gets ", operands.size());
  int64_t rest = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    rest = std::max(rest, rest_of(equation.inputs[i], operands[i]));
  }
  const Places places = places_of(equation, rest);
  std::vector<Tensor> parts;
  for (size_t i = 0; i < operands.size(); ++i) {
    parts.push_back(placed(operands[i], equation.inputs[i], places));
  }
  // A dimension is summed by the last product in which it takes part.
  const auto last_part = [&](int64_t dim) {
    size_t last = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].size(dim) != 1) last = i;
    }
    return last;
  };
  const auto summed_by = [&](size_t part) {
    Dims dims;
    for (int64_t dim = places.out_count; dim < places.count; ++dim) {
      if (last_part(dim) == part) dims.push_back(dim);
    }
    return dims;
  };
  Tensor result = parts[0];
  if (const Dims dims = summed_by(0); !dims.empty()) result = sum(result, dims, Keep::Yes);
  for (size_t i = 1; i < parts.size(); ++i) result = pair_product(result, parts[i], summed_by(i));
  for (int64_t dim = places.count; dim-- > places.out_count;) result = squeeze(result, dim);
  return result;
}

}  // namespace nw::ops
