#include "tests/support/gradcheck_ops.h"

#include <QtTest>
#include <algorithm>
#include <cmath>
#include <complex>

#include "core/autograd/gradcheck.h"
#include "core/backend/creation.h"
#include "core/ops/shape.h"

namespace nw::test {
namespace {

enum class Layout { Contiguous, Transposed, Sliced, Repeated, ChannelsLast };

struct Case {
  const char* name;
  Layout layout;
  std::optional<int64_t> batch = {};  // in place of the row's own
};

constexpr Case kCases[] = {
    {"contiguous", Layout::Contiguous},
    {"transposed", Layout::Transposed},
    {"sliced", Layout::Sliced},
    {"stride 0", Layout::Repeated},
    {"channels_last", Layout::ChannelsLast},
    {"batch of 1", Layout::Contiguous, 1},
    {"batch of 0", Layout::Contiguous, 0},
};

/// Distinct numbers at least 0.01 apart and from 0, and at odd distances from one another, so that
/// no two of those are equal: no difference quotient crosses a kink. `taken` are those of the
/// inputs before, which they keep off, too.
void fill_apart(Draw& draw, const Tensor& x, std::vector<double>& taken) {
  const int64_t parts = is_complex(x.dtype()) ? 2 : 1;
  const int64_t count = x.numel() * parts;
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) {
    double value = 0;
    do {
      const double place = static_cast<double>(i) + 0.5 + draw.real(-0.2, 0.2);
      value = (0.1 + 1.5 * place / static_cast<double>(count)) * (i % 2 == 0 ? 1 : -1);
    } while (std::any_of(taken.begin(), taken.end(),
                         [&](double other) { return std::abs(value - other) < 1e-5; }));
    values.push_back(value);
  }
  taken.insert(taken.end(), values.begin(), values.end());
  for (int64_t i = count - 1; i > 0; --i) {
    std::swap(values[static_cast<size_t>(i)], values[static_cast<size_t>(draw.integer(0, i))]);
  }
  if (parts == 1) {
    raw::copy_(x, tensor_of<double>(values, x.sizes()));
    return;
  }
  std::vector<std::complex<double>> pairs;
  for (size_t i = 0; i < values.size(); i += 2) pairs.emplace_back(values[i], values[i + 1]);
  raw::copy_(x, tensor_of<std::complex<double>>(pairs, x.sizes()));
}

Tensor laid_out(const Dims& sizes, Layout layout, DType dtype) {
  Dims strides = contiguous_strides(sizes);
  if (layout == Layout::Transposed) {
    int64_t step = 1;
    for (size_t i = 0; i < sizes.size(); ++i) {
      strides[i] = step;
      step *= sizes[i];
    }
  } else if (layout == Layout::Sliced) {
    for (int64_t& stride : strides) stride *= 3;
    return zeros(Dims{3 * numel(sizes) + 2}, dtype).as_strided(sizes, strides, 2);
  } else if (layout == Layout::ChannelsLast && sizes.size() >= 3) {
    strides = channels_last_strides(sizes);
  }
  return empty(Dims{numel(sizes)}, dtype).as_strided(sizes, strides, 0);
}

bool is_batched(const GradRow& row, size_t input) {
  const std::vector<size_t>& named = row.traits.batched;
  if (!named.empty()) return std::find(named.begin(), named.end(), input) != named.end();
  const Dims& own = row.sizes[input];
  return !own.empty() && !row.sizes[0].empty() && own[0] == row.sizes[0][0];
}

bool applies(const GradRow& row, const Case& one) {
  const Dims& first = row.sizes[0];
  if (one.batch == 1) return row.traits.takes_batch_of_one && !first.empty();
  if (one.batch == 0) return row.traits.takes_empty_batch && !first.empty();
  if (one.layout == Layout::ChannelsLast) return first.size() >= 3;
  return one.layout != Layout::Repeated || !first.empty();
}

/// Repeated: the first input has one element in its first dimension and is expanded to the full
/// size inside the function.
std::string problem_of(Draw& draw, const GradRow& row, const Case& one, DType dtype) {
  std::vector<Dims> sizes = row.sizes;
  for (size_t i = 0; one.batch && i < sizes.size(); ++i) {
    if (is_batched(row, i)) sizes[i][0] = *one.batch;
  }
  const Dims full = sizes[0];
  const bool repeated = one.layout == Layout::Repeated;
  if (repeated) sizes[0][0] = 1;
  Tensors inputs;
  std::vector<double> taken;
  for (const Dims& own : sizes) {
    inputs.push_back(laid_out(own, one.layout, dtype));
    fill_apart(draw, inputs.back(), taken);
    inputs.back().set_requires_grad();
  }
  try {
    return autograd::gradcheck(
        [&](const Tensors& given) {
          Tensors used = given;
          if (repeated) used[0] = ops::expand(given[0], full);
          return row.function(used);
        },
        inputs);
  } catch (const Error& error) {
    return error.text();
  }
}

}  // namespace

void add_rows(const std::vector<GradRow>& rows) {
  QTest::addColumn<int>("index");
  for (size_t i = 0; i < rows.size(); ++i) {
    QTest::newRow(rows[i].name.c_str()) << static_cast<int>(i);
  }
}

int check_row(const std::vector<GradRow>& rows) {
  const auto index = *static_cast<int*>(QTest::qData("index", qMetaTypeId<int>()));
  const GradRow& row = rows[static_cast<size_t>(index)];
  Draw draw(test_seed());
  int checks = 0;
  for (const DType dtype : {DType::Float64, DType::Complex128}) {
    if (is_complex(dtype) && !row.traits.takes_complex) continue;
    for (const Case& one : kCases) {
      if (!applies(row, one)) continue;
      const std::string problem = problem_of(draw, row, one, dtype);
      if (!problem.empty()) {
        const std::string text = concat(row.name, ", ", name(dtype), ", ", one.name, ": ", problem);
        QTest::qFail(text.c_str(), __FILE__, __LINE__);
        return checks;
      }
      ++checks;
    }
  }
  return checks;
}

}  // namespace nw::test
