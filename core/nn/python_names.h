#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/python_syntax.h"

namespace nw::nn {

/// Whether a value is a call, or has one in it.
bool holds_calls(const Syntax& value);

/// The names that the assignments and imports of a text give, and what they stand for.
class PythonNames {
 public:
  /// What a loop in brackets sees besides its own names.
  enum class Sees : uint8_t {
    All,      // what stands around it: a loop in brackets
    Globals,  // a function
  };

  PythonNames() { scopes_.emplace_back(); }

  /// Names that are given from here on are forgotten at leave().
  void enter(Sees sees);
  void leave();

  /// Throws Error for a value that is nested too deeply.
  void set(const std::string& name, Syntax value);
  /// What the name stands for, at the place of its use unless it holds a call. Throws Error when
  /// names that stand for names that … would make a text of endless size.
  std::optional<Syntax> find(const std::string& name, Place use);
  bool has(const std::string& name) { return variable(name) != nullptr; }
  /// The dotted name as it would be without renaming: after `import torch.nn as N` or `act =
  /// nn.ReLU` what N.Linear or act mean.
  std::string original(const std::string& dotted);
  /// Changes the object that `Syntax::made` says, whatever names it has.
  void change(int64_t made, const std::function<void(Syntax&)>& change);

 private:
  struct Variable {
    Syntax value;
    int64_t count = 1;  // of values in it
  };
  struct Scope {
    std::map<std::string, Variable> variables = {};
    Sees sees = Sees::All;
  };
  Variable* variable(const std::string& name);

  std::vector<Scope> scopes_;
  int64_t copied_ = 0;  // values handed out
};

}  // namespace nw::nn
