#include "core/nn/description.h"

#include <algorithm>
#include <numeric>

#include "core/base/error.h"

namespace nw::nn {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Levenshtein's distance, letters without case.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replace = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

/// The parameter whose name is nearest to `name`; null when none is near.
const Param* nearest(const std::vector<Param>& params, std::string_view name) {
  const Param* best = nullptr;
  size_t best_distance = name.size() / 2 + 1;
  for (const Param& param : params) {
    const bool contains = name.size() > 2 && param.name.find(name) != std::string::npos;
    const size_t d = contains ? 1 : distance(param.name, name);
    if (d < best_distance) {
      best = &param;
      best_distance = d;
    }
  }
  return best;
}

std::string unknown_name(const std::vector<Param>& params, std::string_view name) {
  const std::string text = concat("has no parameter '", name, "'");
  if (const Param* near = nearest(params, name)) return concat(text, "; is it '", near->name, "'?");
  if (params.empty()) return text + "; it has none";
  std::string names;
  for (const Param& param : params) names += (names.empty() ? "" : ", ") + param.name;
  return text + "; it has " + names;
}

}  // namespace

const Param* Description::find(std::string_view name) const {
  for (const Param& param : params) {
    if (param.name == name) return &param;
  }
  return nullptr;
}

Args Description::complete(const Args& args) const {
  Args out;
  for (const Param& param : params) {
    const Value* given = args.find(param.name);
    out.set(param.name, given == nullptr ? param.fallback : normalized(param, *given));
  }
  return out;
}

std::vector<std::string> Description::problems(const Args& args) const {
  std::vector<std::string> found;
  const std::string op = "[" + id + "] ";
  for (const auto& [name, value] : args) {
    const Param* param = find(name);
    const std::string problem =
        param == nullptr ? unknown_name(params, name) : problem_of(*param, value);
    if (!problem.empty()) found.push_back(op + problem);
  }
  if (!found.empty()) return found;
  const Args all = complete(args);
  for (const Constraint& constraint : constraints) {
    if (!constraint.holds(all)) found.push_back(op + constraint.text);
  }
  return found;
}

}  // namespace nw::nn
