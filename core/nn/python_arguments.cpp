#include "core/nn/python_arguments.h"

#include <algorithm>
#include <array>
#include <exception>

#include "core/base/edit_distance.h"
#include "core/nn/call.h"

namespace nw::nn {
namespace {

using Kind = Syntax::Kind;

bool is_sequence(const Syntax& syntax) {
  return syntax.kind == Kind::Tuple || syntax.kind == Kind::List;
}

/// Whether what stands before the last name is one of torch's own modules.
bool has_known_prefix(std::string_view name) {
  if (name.starts_with("torch.nn.modules.")) return true;  // a file of torch's follows
  constexpr std::array<std::string_view, 7> kModules = {
      "torch", "nn", "optim", "lr_scheduler", "modules", "functional", "F"};
  for (size_t dot = name.find('.'); dot != name.npos; dot = name.find('.')) {
    const auto part = name.substr(0, dot);
    if (std::find(kModules.begin(), kModules.end(), part) == kModules.end()) return false;
    name.remove_prefix(dot + 1);
  }
  return true;
}

/// "; is it Conv2d?" for the nearest name; empty when none is near.
std::string suggestion(const std::vector<const Description*>& all, std::string_view name) {
  const Description* best = nullptr;
  size_t best_distance = name.size() / 2 + 1;
  for (const Description* item : all) {
    const size_t d = edit_distance(item->id, name);
    if (d >= best_distance) continue;
    best = item;
    best_distance = d;
  }
  return best == nullptr ? std::string() : concat("; is it ", best->id, "?");
}

/// What Python takes it for in a condition; none for what has no plain answer.
std::optional<bool> truth(const Syntax& syntax) {
  switch (syntax.kind) {
    case Kind::None:
      return false;
    case Kind::Bool:
      return syntax.boolean;
    case Kind::Int:
      return syntax.integer != 0;
    case Kind::Real:
      return syntax.real != 0;
    case Kind::Text:
      return !syntax.text.empty();
    case Kind::Tuple:
    case Kind::List:
    case Kind::Dict:
      return !syntax.items.empty();
    case Kind::Name:
    case Kind::Call:
    case Kind::Function:
      return std::nullopt;
  }
  return std::nullopt;
}

[[noreturn]] void fail_expecting(const Param& param, const Syntax& syntax, std::string_view op) {
  fail_at(syntax.place, concat("[", op, "] ", param.name, " expects ", expectation(param),
                               ", gets ", syntax.shown()));
}

/// What was written once more as text for real_list: torch.tensor([1.0, 2.0]) -> "1, 2".
std::string tensor_text(const Param& param, const Syntax& syntax, std::string_view op) {
  const auto name = last_name(syntax.text);
  const bool is_tensor = syntax.kind == Kind::Call && !syntax.items.empty() &&
                         (name == "tensor" || name == "Tensor" || name == "FloatTensor");
  if (!is_tensor || !is_sequence(syntax.items[0])) {
    fail_at(syntax.place,
            concat("[", op, "] ", param.name, " expects torch.tensor([…]), gets ", syntax.shown()));
  }
  std::string text;
  for (const Syntax& item : syntax.items[0].items) {
    if (!item.is_number()) fail_expecting(param, item, op);
    text += text.empty() ? "" : ", ";
    text += to_python(item.kind == Kind::Int ? static_cast<double>(item.integer) : item.real);
  }
  return text;
}

Value tuple_value(const Param& param, const Syntax& syntax, std::string_view op) {
  std::vector<int64_t> integers;
  std::vector<double> reals;
  const bool wants_reals = param.type == ParamType::RealTuple;
  for (const Syntax& item : syntax.items) {
    const bool none = item.kind == Kind::None && param.none_items;
    if (item.kind != Kind::Int && !none && !(wants_reals && item.is_number())) {
      fail_expecting(param, item, op);
    }
    integers.push_back(none ? kNoneItem : item.integer);
    reals.push_back(item.kind == Kind::Int ? static_cast<double>(item.integer) : item.real);
  }
  return wants_reals ? Value(reals) : Value(integers);
}

Nested nested_value(const Syntax& syntax) {
  const Block& block = described(blocks(), syntax, "a layer");
  return Nested({.id = block.id, .args = arguments_of(block, syntax)});
}

Value raw_value(const Param& param, const Syntax& syntax, std::string_view op) {
  if (param.real_list && syntax.kind != Kind::None) return tensor_text(param, syntax, op);
  const bool is_type = param.type == ParamType::Bool || param.type == ParamType::Int;
  // torch only asks whether it is true, so that bias=None is bias=False.
  const bool is_none = param.optional && syntax.kind == Kind::None;
  const bool by_truth = param.type == ParamType::Bool && !param.strict && !is_none;
  if (const auto value = truth(syntax); by_truth && value) return *value;
  switch (syntax.kind) {
    case Kind::None:
      return nn::None{};
    case Kind::Bool:
      if (param.type == ParamType::Real && !param.strict) return syntax.boolean ? 1.0 : 0.0;
      return syntax.boolean;
    case Kind::Int:
      return syntax.integer;
    case Kind::Real:
      // torch takes no 3.0 for an integer.
      if (is_type || param.type == ParamType::IntTuple) fail_expecting(param, syntax, op);
      return syntax.real;
    case Kind::Text:
      if (param.type == ParamType::Real) fail_expecting(param, syntax, op);
      return syntax.text;
    case Kind::Name:
      // print(model) leaves out quotes, and an activation may be given as the function itself.
      if (param.choices.empty() || param.type == ParamType::Module) {
        fail_expecting(param, syntax, op);
      }
      return std::string(last_name(syntax.text));
    case Kind::Tuple:
    case Kind::List:
      // torch takes a list for integers only.
      if (param.type != ParamType::IntTuple &&
          (param.type != ParamType::RealTuple || syntax.kind == Kind::List)) {
        fail_expecting(param, syntax, op);
      }
      return tuple_value(param, syntax, op);
    case Kind::Dict:
      fail_expecting(param, syntax, op);
    case Kind::Call:
      if (param.type == ParamType::Module) return nested_value(syntax);
      if (last_name(syntax.text) == "Size" && syntax.items.size() == 1) {
        return raw_value(param, syntax.items[0], op);
      }
      fail_expecting(param, syntax, op);
    case Kind::Function:
      fail_expecting(param, syntax, op);
  }
  return nn::None{};
}

DType dtype_of(const Syntax& syntax) {
  const bool named = syntax.kind == Kind::Name && syntax.text.starts_with("torch.");
  if (named) {
    if (const auto dtype = torch_dtype(syntax.text)) return *dtype;
  }
  fail_at(syntax.place, concat("expected a dtype as torch.float64, found ", syntax.shown()));
}

/// Takes the arguments of one call one after the other.
class Binder {
 public:
  Binder(const Description& description, const Syntax& call, FactoryArguments* factory)
      : description_(description), call_(call), factory_(factory) {
    std::string tuple;
    for (const Param& param : description.params) {
      const bool goes_on = !param.tuple.empty() && param.tuple == tuple;
      tuple = param.tuple;
      if (!param.call && !param.keyword_only && !goes_on) places_.push_back(&param);
    }
  }

  Args run(size_t first) {
    for (size_t i = first; i < call_.items.size(); ++i) take(call_.items[i]);
    check_complete();
    forgive_unread();
    const auto problems = description_.problems(args_);
    if (!problems.empty()) fail_at(call_.place, problems[0]);
    return std::move(args_);
  }

 private:
  std::string op() const { return "[" + description_.id + "] "; }

  void take(const Syntax& item) {
    switch (item.label) {
      case Syntax::Label::None:
        by_place(item);
        break;
      case Syntax::Label::Keyword:
        by_name(item);
        break;
      case Syntax::Label::Child:
        fail_at(item.key_place,
                concat(op(), "shows its layers here, not all of its arguments; write it as code, ",
                       signature()));
    }
  }

  /// "nn.TransformerEncoder(encoder_layer, num_layers)".
  std::string signature() const {
    std::string names;
    for (const Param& param : description_.params) {
      if (param.required && !param.call) names += (names.empty() ? "" : ", ") + param.name;
    }
    return concat(description_.torch_name, "(", names, ")");
  }

  void by_place(const Syntax& item) {
    if (named_) fail_at(item.place, "expected an argument by name behind those by name");
    if (taken_ == places_.size()) return factory_by_place(item);
    set(*places_[taken_++], item);
  }

  /// torch takes device and dtype behind all other arguments.
  void factory_by_place(const Syntax& item) {
    const bool last = std::none_of(description_.params.begin(), description_.params.end(),
                                   [](const Param& param) { return param.keyword_only; });
    const bool fits = factory_taken_ == 0 ? item.kind == Kind::None || item.kind == Kind::Text
                                          : item.kind == Kind::None || item.kind == Kind::Name;
    if (factory_ == nullptr || !description_.factory || !last || factory_taken_ == 2 || !fits) {
      fail_too_many(item);
    }
    factory_taken_++ == 0 ? check_device(item) : take_dtype(item);
  }

  [[noreturn]] void fail_too_many(const Syntax& item) const {
    std::string named;
    for (const Param& param : description_.params) {
      if (param.keyword_only) named += (named.empty() ? "; write " : ", ") + param.name + "=…";
    }
    const std::string count = places_.empty() ? "no" : concat("at most ", places_.size());
    fail_at(item.place, concat(op(), "expects ", count, " arguments by place, gets ", item.shown(),
                               " as one more", named));
  }

  void by_name(const Syntax& item) {
    named_ = true;
    if (take_factory(item)) return;
    if (item.key == "size_average" || item.key == "reduce") {
      fail_at(item.key_place, concat(op(), item.key, " is deprecated in PyTorch; write ",
                                     "reduction='mean', 'sum' or 'none' for it"));
    }
    for (const Param& param : description_.params) {
      if (param.call || (param.tuple.empty() ? param.name : param.tuple) != item.key) continue;
      if (!args_.has(param.name)) return set(param, item);
      fail_at(item.key_place, concat(op(), item.key, " is given twice"));
    }
    fail_unknown(item);
  }

  [[noreturn]] void fail_unknown(const Syntax& item) const {
    for (const Param& param : description_.params) {
      const bool same = param.name == item.key;
      if (same && param.call) {
        fail_at(item.key_place, concat(op(), item.key, " is no argument of the layer itself, but ",
                                       "of the call of its forward"));
      }
      if (same) fail_at(item.key_place, concat(op(), "takes ", item.key, " in ", param.tuple));
    }
    // The description knows the nearest name.
    fail_at(item.key_place, description_.problems(Args{{item.key, nn::None{}}}).at(0));
  }

  bool take_factory(const Syntax& item) {
    if (factory_ == nullptr || description_.find(item.key) != nullptr) return false;
    const bool of_factory = item.key == "dtype" || item.key == "device";
    if (of_factory && !description_.factory) {
      fail_at(item.key_place, concat(op(), "takes no ", item.key));
    }
    if (item.key == "dtype") take_dtype(item);
    if (item.key == "device") check_device(item);
    return of_factory;
  }

  void take_dtype(const Syntax& item) {
    if (item.kind != Kind::None) factory_->dtype = dtype_of(item);
  }

  static void check_device(const Syntax& item) {
    const bool cpu = item.kind == Kind::Text && item.text == "cpu";
    if (item.kind != Kind::None && !cpu) {
      fail_at(item.place, concat("expected device=None or 'cpu', found ", item.shown(),
                                 "; the device is chosen for the whole model"));
    }
  }

  void set(const Param& param, const Syntax& item) {
    if (args_.has(param.name)) fail_at(item.place, concat(op(), param.name, " is given twice"));
    if (param.unread != nullptr) return set_unless_unread(param, item);
    if (param.tuple.empty()) {
      args_.set(param.name, value_of(param, item, description_.id));
      return;
    }
    std::vector<const Param*> parts;
    for (const Param& part : description_.params) {
      if (part.tuple == param.tuple) parts.push_back(&part);
    }
    if (!is_sequence(item) || item.items.size() != parts.size()) {
      fail_at(item.place, concat(op(), param.tuple, " expects a tuple of ", parts.size(),
                                 " values, gets ", item.shown()));
    }
    for (size_t i = 0; i < parts.size(); ++i) {
      args_.set(parts[i]->name, value_of(*parts[i], item.items[i], description_.id));
    }
  }

  /// Whether torch reads it is known only when all the others are.
  void set_unless_unread(const Param& param, const Syntax& item) {
    try {
      args_.set(param.name, value_of(param, item, description_.id));
    } catch (const Error&) {
      args_.set(param.name, nn::None{});
      unfit_.push_back({&param, std::current_exception()});
    }
  }

  void forgive_unread() {
    for (const auto& [param, error] : unfit_) {
      if (!param->unread(description_.complete(args_))) std::rethrow_exception(error);
      args_.erase(param->name);
    }
  }

  void check_complete() const {
    for (const Param& param : description_.params) {
      const Value* value = args_.find(param.name);
      const bool none = value != nullptr && std::holds_alternative<nn::None>(*value);
      if (!param.required || param.call || (value != nullptr && !(none && !param.optional))) {
        continue;
      }
      const bool waits = std::any_of(unfit_.begin(), unfit_.end(),
                                     [&](const auto& unfit) { return unfit.first == &param; });
      if (waits) continue;
      fail_at(call_.place,
              concat(op(), "expects ", param.name, ", ", expectation_without_none(param),
                     none ? "; gets None" : "; it is missing"));
    }
  }

  static std::string expectation_without_none(Param param) {
    param.inferred = false;
    return expectation(param);
  }

  const Description& description_;
  const Syntax& call_;
  FactoryArguments* factory_;
  std::vector<const Param*> places_;
  size_t taken_ = 0;
  int factory_taken_ = 0;
  bool named_ = false;
  std::vector<std::pair<const Param*, std::exception_ptr>> unfit_;
  Args args_;
};

}  // namespace

std::string_view last_name(std::string_view name) {
  return name.substr(name.rfind('.') + 1);  // npos + 1 is 0
}

std::optional<DType> torch_dtype(std::string_view name) {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  constexpr std::pair<std::string_view, DType> kOthers[] = {
      {"float", DType::Float32},    {"double", DType::Float64},     {"half", DType::Float16},
      {"cfloat", DType::Complex64}, {"cdouble", DType::Complex128}, {"int", DType::Int32},
      {"long", DType::Int64},       {"short", DType::Int16}};
  for (const auto& [other, dtype] : kOthers) {
    if (other == name) return dtype;
  }
  try {
    return dtype_from_name(name);
  } catch (const Error&) {
    return std::nullopt;
  }
}

const Description& described(const std::vector<const Description*>& all, const Syntax& call,
                             std::string_view what) {
  if (call.kind == Kind::Name) {
    fail_at(call.place, concat("expected ", what, " with its arguments, found '", call.text,
                               "' without '(…)'"));
  }
  if (call.kind != Kind::Call) {
    fail_at(call.place, concat("expected ", what, ", found ", call.shown()));
  }
  const std::string_view name = last_name(call.text);
  if (has_known_prefix(call.text)) {
    for (const Description* item : all) {
      const bool named = !item->torch_name.empty() && last_name(item->torch_name) == name;
      if (named || item->id == name) return *item;
    }
  }
  fail_at(call.place,
          concat("expected ", what, ", found '", call.text, "'", suggestion(all, name)));
}

Value value_of(const Param& param, const Syntax& syntax, std::string_view op) {
  const Value value = raw_value(param, syntax, op);
  const std::string problem = problem_of(param, value);
  if (!problem.empty()) fail_at(syntax.place, concat("[", op, "] ", problem));
  return normalized(param, value);
}

Args arguments_of(const Description& description, const Syntax& call, size_t first,
                  FactoryArguments* factory) {
  if (description.ignores_arguments) return {};
  return Binder(description, call, factory).run(first);
}

Call parse_call(std::string_view text) {
  return *nested_value(parse_python(text));
}

}  // namespace nw::nn
