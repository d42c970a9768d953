#include "core/train/curves.h"

#include <charconv>
#include <cmath>

#include "core/backend/creation.h"
#include "core/base/error.h"

namespace nw::train {
namespace {

constexpr int64_t kColumns = 7;
/// So many rows are packed together.
constexpr size_t kTogether = 1024;

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
  const Tensor dense = raw::contiguous(numbers);
  if (dense.dtype() == DType::UInt8 && dense.dim() == 1) {
    std::span<const uint8_t> bytes(dense.data<uint8_t>(), static_cast<size_t>(dense.numel()));
    while (!bytes.empty()) {
      for (const CurveRow& row : unpack(bytes)) add(row);
    }
    return;
  }
  NW_CHECK(dense.dtype() == DType::Float64 && dense.dim() == 2 && dense.size(1) == kColumns,
           "[run] expects curves as packed bytes or as float64 numbers in ", kColumns,
           " columns, gets ", describe(numbers));
  for (int64_t i = 0; i < dense.size(0); ++i) {
    const double* const at = dense.data<double>() + i * kColumns;
    add(CurveRow{static_cast<int64_t>(at[0]), static_cast<int64_t>(at[1]), at[2], at[3],
                 unless_nan(at[4]), unless_nan(at[5]), at[6]});
  }
}

/// The last row may still get the figures of its epoch, so that it is packed with the next one.
void Curves::add(const CurveRow& row) {
  if (rows_.size() == kTogether) {
    packed_.push_back(std::make_shared<const std::vector<uint8_t>>(pack(rows_)));
    rows_.clear();
  }
  rows_.push_back(row);
}

void Curves::add(const StepDone& step) {
  add(CurveRow{step.step, step.epoch, step.loss, step.accuracy, {}, {}, step.learning_rate});
}

void Curves::add(const EpochDone& epoch) {
  if (rows_.empty()) return;
  rows_.back().validation_loss = epoch.validation_loss;
  rows_.back().validation_accuracy = epoch.validation_accuracy;
}

void Curves::each(const std::function<void(const CurveRow& row)>& action) const {
  for (const Packed& packed : packed_) {
    std::span<const uint8_t> bytes(*packed);
    for (const CurveRow& row : unpack(bytes)) action(row);
  }
  for (const CurveRow& row : rows_) action(row);
}

std::string Curves::csv(bool classifies) const {
  std::string out =
      "step,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,"
      "learning_rate\n";
  each([&](const CurveRow& row) {
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
  });
  return out;
}

Tensor Curves::numbers() const {
  std::vector<uint8_t> out;
  for (const Packed& packed : packed_) out.insert(out.end(), packed->begin(), packed->end());
  const std::vector<uint8_t> rest = pack(rows_);
  out.insert(out.end(), rest.begin(), rest.end());
  return tensor_of<uint8_t>(out, {static_cast<int64_t>(out.size())});
}

}  // namespace nw::train
