#include "app/cli/curves.h"

#include <charconv>

namespace nw::cli {
namespace {

/// The shortest text that reads back as the same number.
void append(std::string& out, double value) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append(std::string& out, const std::optional<double>& value) {
  if (value) append(out, *value);
}

}  // namespace

void Curves::add(const train::StepDone& step) {
  rows_.push_back({step, {}, {}});
}

void Curves::add(const train::EpochDone& epoch) {
  if (rows_.empty()) return;
  rows_.back().validation_loss = epoch.validation_loss;
  rows_.back().validation_accuracy = epoch.validation_accuracy;
}

std::string Curves::csv(bool classifies) const {
  std::string out =
      "step,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,"
      "learning_rate\n";
  for (const Row& row : rows_) {
    out += std::to_string(row.step.step) + "," + std::to_string(row.step.epoch) + ",";
    append(out, row.step.loss);
    out += ',';
    if (classifies) append(out, row.step.accuracy);
    out += ',';
    append(out, row.validation_loss);
    out += ',';
    if (classifies) append(out, row.validation_accuracy);
    out += ',';
    append(out, row.step.learning_rate);
    out += '\n';
  }
  return out;
}

}  // namespace nw::cli
