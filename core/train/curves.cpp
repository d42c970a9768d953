#include "core/train/curves.h"

#include <charconv>
#include <cmath>

#include "core/backend/creation.h"
#include "core/base/error.h"

namespace nw::train {
namespace {

constexpr int64_t kColumns = 7;

/// The shortest text that reads back as the same number.
void append(std::string& out, double value) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append(std::string& out, const std::optional<double>& value) {
  if (value) append(out, *value);
}

std::optional<double> unless_nan(double value) {
  if (std::isnan(value)) return {};
  return value;
}

}  // namespace

Curves::Curves(const Tensor& numbers) {
  NW_CHECK(numbers.dtype() == DType::Float64 && numbers.dim() == 2 && numbers.size(1) == kColumns,
           "[run] expects curves as float64 numbers in ", kColumns, " columns, gets ",
           describe(numbers));
  const Tensor dense = raw::contiguous(numbers);
  for (int64_t i = 0; i < dense.size(0); ++i) {
    const double* const at = dense.data<double>() + i * kColumns;
    rows_.push_back({static_cast<int64_t>(at[0]), static_cast<int64_t>(at[1]), at[2], at[3],
                     unless_nan(at[4]), unless_nan(at[5]), at[6]});
  }
}

void Curves::add(const StepDone& step) {
  rows_.push_back({step.step, step.epoch, step.loss, step.accuracy, {}, {}, step.learning_rate});
}

void Curves::add(const EpochDone& epoch) {
  if (rows_.empty()) return;
  rows_.back().validation_loss = epoch.validation_loss;
  rows_.back().validation_accuracy = epoch.validation_accuracy;
}

std::string Curves::csv(bool classifies) const {
  std::string out =
      "step,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,"
      "learning_rate\n";
  for (const Row& row : rows_) {
    out += std::to_string(row.step) + "," + std::to_string(row.epoch) + ",";
    append(out, row.loss);
    out += ',';
    if (classifies) append(out, row.accuracy);
    out += ',';
    append(out, row.validation_loss);
    out += ',';
    if (classifies) append(out, row.validation_accuracy);
    out += ',';
    append(out, row.learning_rate);
    out += '\n';
  }
  return out;
}

Tensor Curves::numbers() const {
  std::vector<double> out;
  for (const Row& row : rows_) {
    out.insert(out.end(), {static_cast<double>(row.step), static_cast<double>(row.epoch), row.loss,
                           row.accuracy, row.validation_loss.value_or(NAN),
                           row.validation_accuracy.value_or(NAN), row.learning_rate});
  }
  return tensor_of<double>(out, {static_cast<int64_t>(rows_.size()), kColumns});
}

}  // namespace nw::train
