#pragma once

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
  /// Throws Error for a value that is nested too deeply.
  void set(const std::string& name, Syntax value);
  /// What the name stands for, at the place of its use unless it holds a call. Throws Error when
  /// names that stand for names that … would make a text of endless size.
  std::optional<Syntax> find(const std::string& name, Place use);
  /// The dotted name as it would be without renaming: after `import torch.nn as N` or `act =
  /// nn.ReLU` what N.Linear or act mean.
  std::string original(const std::string& dotted);
  /// Values that nobody asked for.
  std::vector<Syntax> unused() const;

 private:
  struct Variable {
    Syntax value;
    int64_t count = 1;  // of values in it
    bool used = false;
  };
  std::map<std::string, Variable> variables_;
  std::vector<Syntax> replaced_;  // unused, by another value of the same name
  int64_t copied_ = 0;            // values handed out
};

}  // namespace nw::nn
