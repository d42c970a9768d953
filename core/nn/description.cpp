#include "core/nn/description.h"

#include <cctype>

#include "core/base/edit_distance.h"
#include "core/base/error.h"

namespace nw::nn {
namespace {

/// The parameter whose name is nearest to `name`; null when none is near.
const Param* nearest(const std::vector<Param>& params, std::string_view name) {
  const Param* best = nullptr;
  size_t best_distance = name.size() / 2 + 1;
  for (const Param& param : params) {
    const bool contains = name.size() > 2 && param.name.find(name) != std::string::npos;
    const size_t d = contains ? 1 : edit_distance(param.name, name);
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

/// Whether `name` stands in `text` as a word of its own.
bool names(std::string_view text, std::string_view name) {
  const auto goes_on = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  for (size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    const bool begins = at == 0 || !goes_on(text[at - 1]);
    if (begins && (end == text.size() || !goes_on(text[end]))) return true;
  }
  return false;
}

/// "stride must be 1, gets stride=2": the values of the parameters that the constraint names.
std::string broken(const Constraint& constraint, const std::vector<Param>& params,
                   const Args& args) {
  std::string values;
  for (const Param& param : params) {
    if (!names(constraint.text, param.name)) continue;
    values += concat(values.empty() ? ", gets " : ", ", param.name, "=",
                     to_python(*args.find(param.name)));
  }
  return constraint.text + values;
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
    if (!constraint.holds(all)) found.push_back(op + broken(constraint, params, all));
  }
  return found;
}

}  // namespace nw::nn
