#include "core/nn/python_names.h"

#include <algorithm>

#include "core/base/error.h"

namespace nw::nn {
namespace {

constexpr int kDeepest = 100;
constexpr int64_t kMostValues = 1'000'000;

/// How many values one holds, itself among them, and how deep they lie in each other.
struct Extent {
  int64_t count = 1;
  int depth = 1;
};

Extent extent_of(const Syntax& value) {
  Extent all;
  for (const Syntax& item : value.items) {
    const Extent inner = extent_of(item);
    all.count += inner.count;
    all.depth = std::max(all.depth, inner.depth + 1);
  }
  return all;
}

}  // namespace

bool holds_calls(const Syntax& value) {
  return value.kind == Syntax::Kind::Call ||
         std::any_of(value.items.begin(), value.items.end(), holds_calls);
}

void PythonNames::set(const std::string& name, Syntax value) {
  const Extent extent = extent_of(value);
  if (extent.depth > kDeepest) {
    fail_at(value.place, concat("expected values nested at most ", kDeepest, " deep"));
  }
  Variable& variable = variables_[name];
  if (!variable.used && holds_calls(variable.value)) replaced_.push_back(std::move(variable.value));
  variable = {std::move(value), extent.count, false};
}

std::optional<Syntax> PythonNames::find(const std::string& name, Place use) {
  const auto found = variables_.find(name);
  if (found == variables_.end()) return std::nullopt;
  Variable& variable = found->second;
  variable.used = true;
  copied_ += variable.count;
  if (copied_ > kMostValues) {
    fail_at(use, concat("expected a model of at most ", kMostValues, " values"));
  }
  Syntax value = variable.value;
  if (!holds_calls(value)) value.place = use;
  return value;
}

std::string PythonNames::original(const std::string& dotted) {
  const std::string first = dotted.substr(0, dotted.find('.'));
  const auto found = variables_.find(first);
  if (found == variables_.end() || found->second.value.kind != Syntax::Kind::Name) return dotted;
  found->second.used = true;
  return found->second.value.text + dotted.substr(first.size());
}

std::vector<Syntax> PythonNames::unused() const {
  std::vector<Syntax> out = replaced_;
  for (const auto& [name, variable] : variables_) {
    if (!variable.used) out.push_back(variable.value);
  }
  return out;
}

}  // namespace nw::nn
