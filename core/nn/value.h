#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nw::nn {

/// Absent: torch's None; for a size that can be inferred it means "take it from the wire".
struct None {
  friend bool operator==(None, None) = default;
};

/// An item of a tuple of integers that is None: AdaptiveAvgPool2d((None, 7)).
inline constexpr int64_t kNoneItem = std::numeric_limits<int64_t>::min();

struct Call;

/// A block with its arguments as an argument itself: the layer that a TransformerEncoder stacks.
/// Cannot be changed, so copies share it; equal when block and arguments are.
class Nested {
 public:
  explicit Nested(Call call);
  const Call& operator*() const { return *call_; }
  const Call* operator->() const { return call_.get(); }
  friend bool operator==(const Nested& a, const Nested& b);

 private:
  std::shared_ptr<const Call> call_;
};

/// The value of one parameter of a block, an optimiser or a data set.
using Value = std::variant<None, bool, int64_t, double, std::string, std::vector<int64_t>,
                           std::vector<double>, Nested>;

/// "None", "True", "5", "0.1", "'same'", "(5, 3)", "nn.LayerNorm(128)": as Python writes it.
std::string to_python(const Value& value);

/// Arguments by parameter name. What is not set has the parameter's default; see
/// Description::complete.
class Args {
 public:
  Args() = default;
  Args(std::initializer_list<std::pair<const std::string, Value>> values) : values_(values) {}

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  /// Null when absent.
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value) {
    values_.insert_or_assign(std::string(name), std::move(value));
  }
  void erase(std::string_view name);

  // Typed reading of complete arguments; a wrong type here is our bug, since descriptions check
  // first.
  bool is_none(std::string_view name) const;
  bool boolean(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  /// An integer is taken as a real number too.
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  /// One integer stands for `count` equal ones, as in torch.
  std::vector<int64_t> integers(std::string_view name, size_t count) const;
  /// As many as were given, of a parameter whose arity is 0; one integer is a list of one.
  std::vector<int64_t> integers(std::string_view name) const;
  /// One number stands for `count` equal ones.
  std::vector<double> reals(std::string_view name, size_t count) const;
  const Call& call(std::string_view name) const;

  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  friend bool operator==(const Args&, const Args&) = default;

 private:
  const Value& at(std::string_view name) const;

  std::map<std::string, Value, std::less<>> values_;
};

/// A block by its id, and what it is called with.
struct Call {
  std::string id;
  Args args;
  friend bool operator==(const Call&, const Call&) = default;
};

}  // namespace nw::nn
