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

Extent checked_extent(const Syntax& value) {
  const Extent extent = extent_of(value);
  if (extent.depth > kDeepest) {
    fail_at(value.place, concat("expected values nested at most ", kDeepest, " deep"));
  }
  if (extent.count > kMostValues) {
    fail_at(value.place, concat("expected a model of at most ", kMostValues, " values"));
  }
  return extent;
}

}  // namespace

bool holds_calls(const Syntax& value) {
  return value.kind == Syntax::Kind::Call ||
         std::any_of(value.items.begin(), value.items.end(), holds_calls);
}

void PythonNames::enter(Sees sees) {
  scopes_.push_back({.sees = sees});
}

void PythonNames::leave() {
  scopes_.pop_back();
}

PythonNames::Variable* PythonNames::variable(const std::string& name) {
  for (size_t i = scopes_.size(); i-- > 0;) {
    const auto found = scopes_[i].variables.find(name);
    if (found != scopes_[i].variables.end()) return &found->second;
    if (scopes_[i].sees == Sees::Globals) i = 1;
  }
  return nullptr;
}

void PythonNames::set(const std::string& name, Syntax value) {
  const Extent extent = checked_extent(value);
  scopes_.back().variables[name] = {std::move(value), extent.count};
}

std::optional<Syntax> PythonNames::find(const std::string& name, Place use) {
  const Variable* found = variable(name);
  if (found == nullptr) return std::nullopt;
  copied_ += found->count;
  if (copied_ > kMostValues) {
    fail_at(use, concat("expected a model of at most ", kMostValues, " values"));
  }
  Syntax value = found->value;
  if (!holds_calls(value)) value.place = use;
  return value;
}

std::string PythonNames::original(const std::string& dotted) {
  const std::string first = dotted.substr(0, dotted.find('.'));
  const Variable* found = variable(first);
  if (found == nullptr || found->value.kind != Syntax::Kind::Name) return dotted;
  return found->value.text + dotted.substr(first.size());
}

void PythonNames::change(int64_t made, const std::function<void(Syntax&)>& change) {
  for (Scope& scope : scopes_) {
    for (auto& [name, variable] : scope.variables) {
      if (variable.value.made != made) continue;
      change(variable.value);
      variable.count = checked_extent(variable.value).count;
    }
  }
}

}  // namespace nw::nn
