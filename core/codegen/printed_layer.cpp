#include "core/codegen/printed_layer.h"

#include <algorithm>
#include <limits>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/nn/call.h"
#include "core/nn/init.h"
#include "core/nn/python_arguments.h"

namespace nw::codegen {
namespace {

using nn::Syntax;
using Kind = Syntax::Kind;
using Label = Syntax::Label;

constexpr int64_t kSame = std::numeric_limits<int64_t>::max();

bool is_child(const Syntax& item) {
  return item.label == Label::Child;
}

bool has_children(const Syntax& call) {
  return std::any_of(call.items.begin(), call.items.end(), is_child);
}

/// What print shows, without what was written in front of layers.
std::string spelled(const Syntax& value) {
  if (value.kind != Kind::Call) return value.shown();
  const bool layers = has_children(value);
  std::string text = std::string(nn::last_name(value.text)) + "(";
  for (const Syntax& item : value.items) {
    if (layers && !is_child(item)) continue;
    text += concat(item.key, ":", spelled(item), ",");
  }
  return text + ")";
}

/// The values in a print that arguments may have: numbers, how many layers a list has.
void collect(const Syntax& value, std::vector<Syntax>& out) {
  const auto is_new = [&](const Syntax& one) {
    return std::none_of(out.begin(), out.end(), [&](const Syntax& other) {
      return other.kind == one.kind && other.shown() == one.shown() && other.key == one.key;
    });
  };
  const bool plain = value.is_number() || value.kind == Kind::Bool;
  if (plain && is_new(value)) out.push_back(value);
  for (const Syntax& item : value.items) collect(item, out);
  if (value.kind == Kind::Call && nn::last_name(value.text) == "ModuleList") {
    Syntax count;
    count.kind = Kind::Int;
    count.integer = static_cast<int64_t>(value.items.size());
    if (is_new(count)) out.push_back(count);
  }
}

/// The layers in a print, as code.
void collect_layers(const Syntax& value, std::vector<Syntax>& out) {
  for (const Syntax& item : value.items) {
    if (item.kind != Kind::Call) continue;
    out.push_back(item);
    collect_layers(item, out);
  }
}

class Search {
 public:
  Search(const nn::Block& block, const Syntax& call)
      : block_(block), call_(call), wanted_(spelled(call)), base_(call) {
    std::erase_if(base_.items, is_child);
    collect(call, numbers_);
    collect_layers(call, layers_);
    for (const nn::Param& param : block.params) {
      if (param.call || is_written(param)) continue;
      std::vector<Syntax> values = candidates(param);
      const size_t first = param.required ? 0 : values.size();
      free_.push_back({&param, std::move(values), first});
    }
  }

  std::optional<nn::Args> run() {
    const DeviceGuard meta(kMeta);
    if (!look()) return std::nullopt;
    check_told();
    return nn::arguments_of(block_, found_);
  }

 private:
  struct Free {
    const nn::Param* param;
    std::vector<Syntax> values;
    size_t choice;  // of them; their number: the default
  };

  bool is_written(const nn::Param& param) const {
    return std::any_of(base_.items.begin(), base_.items.end(),
                       [&](const Syntax& item) { return item.key == param.name; });
  }

  std::vector<Syntax> candidates(const nn::Param& param) const {
    std::vector<Syntax> out;
    if (param.type == nn::ParamType::Module) {
      // One that may be left out is shown under its name.
      for (const Syntax& layer : param.optional ? call_.items : layers_) {
        if (!param.optional || layer.key == param.name) add_layer(param, layer, out);
      }
    }
    for (const Syntax& value : numbers_) {
      const bool whole = value.kind == Kind::Int && param.type == nn::ParamType::Int;
      const bool real = value.kind == Kind::Real && param.type == nn::ParamType::Real;
      const bool flag = value.kind == Kind::Bool && value.key == param.name;
      if (whole || real || flag) out.push_back(value);
    }
    return out;
  }

  void add_layer(const nn::Param& param, const Syntax& layer, std::vector<Syntax>& out) const {
    const nn::Block* inner = nn::blocks().find(nn::last_name(layer.text));
    const bool fits =
        inner != nullptr && out.empty() &&
        std::find(param.choices.begin(), param.choices.end(), inner->id) != param.choices.end();
    if (!fits) return;
    Syntax plain = layer;
    plain.label = Label::None;
    if (has_children(layer)) {
      const auto args = arguments_of_print(*inner, layer);
      if (!args) return;
      plain = nn::parse_python(nn::python_call(*inner, *args));
    }
    out.push_back(std::move(plain));
  }

  static Syntax with(Syntax call, const nn::Param& param, Syntax value) {
    value.label = Label::Keyword;
    value.key = param.name;
    value.key_place = call.place;
    call.items.push_back(std::move(value));
    return call;
  }

  /// How far from its beginning the layer that a call makes prints as the given one; -1: there is
  /// no such layer.
  int64_t likeness(const Syntax& trial) const {
    try {
      const nn::Args args = nn::arguments_of(block_, trial);
      const auto module = block_.make(block_.complete(args));
      const std::string text = spelled(nn::parse_python(nn::to_text(*module)));
      const auto [end, other] =
          std::mismatch(text.begin(), text.end(), wanted_.begin(), wanted_.end());
      const bool same = end == text.end() && other == wanted_.end();
      return same ? kSame : end - text.begin();
    } catch (const Error&) {
      return -1;
    }
  }

  bool prints_so(const Syntax& trial) const { return likeness(trial) == kSame; }

  /// The call with the values that are chosen.
  Syntax chosen() const {
    Syntax out = base_;
    for (const Free& free : free_) {
      if (free.choice < free.values.size()) {
        out = with(out, *free.param, free.values[free.choice]);
      }
    }
    return out;
  }

  /// Takes for one parameter after the other the value with which most prints alike, until nothing
  /// betters it.
  bool look() {
    int64_t best = likeness(chosen());
    for (int64_t before = -2; best != kSame && best > before;) {
      before = best;
      for (Free& free : free_) {
        size_t taken = free.choice;
        for (free.choice = 0; free.choice < free.values.size() && best != kSame; ++free.choice) {
          const int64_t score = likeness(chosen());
          if (score <= best) continue;
          best = score;
          taken = free.choice;
        }
        free.choice = taken;
      }
    }
    found_ = chosen();
    return best == kSame;
  }

  /// A number that could as well be another one is not told.
  void check_told() const {
    for (const Free& free : free_) {
      if (free.param->optional || free.param->type != nn::ParamType::Int) continue;
      Syntax other = found_;
      std::erase_if(other.items, [&](const Syntax& item) { return item.key == free.param->name; });
      Syntax one;
      one.kind = Kind::Int;
      const bool is_one = free.choice < free.values.size() && free.values[free.choice].integer == 1;
      one.integer = is_one ? 2 : 1;
      other = with(other, *free.param, one);
      if (!prints_so(other)) continue;
      nn::fail_at(call_.place,
                  concat("[", block_.id, "] shows its layers, but print does not tell ",
                         free.param->name, ": write it in front of them, ", block_.id, "(",
                         free.param->name, "=…, (", first_child(), "): …", hidden(), ")"));
    }
  }

  const std::string& first_child() const {
    return std::find_if(call_.items.begin(), call_.items.end(), is_child)->key;
  }

  /// Switches that print does not tell either.
  std::string hidden() const {
    std::string names;
    for (const Free& free : free_) {
      if (free.param->type != nn::ParamType::Bool) continue;
      Syntax flipped;
      flipped.kind = Kind::Bool;
      flipped.boolean = !std::get<bool>(free.param->fallback);
      const Syntax trial = with(found_, *free.param, flipped);
      if (prints_so(trial)) names += (names.empty() ? "" : ", ") + free.param->name;
    }
    return names.empty() ? "" : concat("; where they differ from the defaults also ", names);
  }

  const nn::Block& block_;
  const Syntax& call_;
  std::string wanted_;
  Syntax base_;  // what is written in front of the layers
  std::vector<Syntax> numbers_;
  std::vector<Syntax> layers_;
  std::vector<Free> free_;
  Syntax found_;
};

}  // namespace

std::optional<nn::Args> arguments_of_print(const nn::Block& block, const Syntax& call) {
  return Search(block, call).run();
}

}  // namespace nw::codegen
