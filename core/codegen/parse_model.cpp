#include <algorithm>
#include <set>

#include "core/backend/creation.h"
#include "core/codegen/expression.h"
#include "core/codegen/printed_layer.h"
#include "core/graph/names.h"
#include "core/nn/init.h"
#include "core/nn/python_arguments.h"

namespace nw::codegen {
namespace {

using nn::fail_at;
using nn::Syntax;
using Kind = Syntax::Kind;
using Label = Syntax::Label;

constexpr std::string_view kLayer = "a layer";

bool is_called(const Syntax& syntax, std::string_view name) {
  return syntax.kind == Kind::Call && nn::last_name(syntax.text) == name;
}

bool has_children(const Syntax& call) {
  return std::any_of(call.items.begin(), call.items.end(),
                     [](const Syntax& item) { return item.label == Label::Child; });
}

Expression model_of(const Syntax& syntax);

void check_name(const std::string& name, nn::Place place) {
  if (name.empty() || name.find('.') != name.npos) {
    fail_at(place, concat("expected a layer's name without '.', found '", name, "'"));
  }
  const bool identifier = std::all_of(name.begin(), name.end(), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  const std::string problem = identifier ? graph::problem_of_name(name) : std::string();
  if (!problem.empty() && !(name[0] >= '0' && name[0] <= '9')) fail_at(place, problem);
}

void add_item(Expression& sequential, const std::string& name, nn::Place name_place,
              const Syntax& layer) {
  check_name(name, name_place);
  for (const auto& [taken, item] : sequential.items) {
    if (taken == name) fail_at(name_place, concat("the name '", name, "' stands here twice"));
  }
  sequential.items.emplace_back(name, model_of(layer));
}

/// OrderedDict([("conv1", nn.Conv2d(…)), …]), OrderedDict({"conv1": nn.Conv2d(…), …}) or
/// OrderedDict(conv1=nn.Conv2d(…), …).
void add_dictionary(Expression& sequential, const Syntax& dictionary) {
  const auto is_pairs = [](const Syntax& item) {
    return item.label == Label::None &&
           (item.kind == Kind::List || item.kind == Kind::Tuple || item.kind == Kind::Dict);
  };
  for (const Syntax& item : dictionary.items) {
    if (item.label == Label::Keyword) {
      add_item(sequential, item.key, item.key_place, item);
      continue;
    }
    if (!is_pairs(item)) {
      fail_at(item.place, concat("expected a list of (\"name\", layer), found ", item.shown()));
    }
    for (const Syntax& pair : item.items) {
      const bool fits = is_pairs(pair) && pair.kind != Kind::Dict && pair.items.size() == 2 &&
                        pair.items[0].kind == Kind::Text;
      if (!fits) fail_at(pair.place, concat("expected (\"name\", layer), found ", pair.shown()));
      add_item(sequential, pair.items[0].text, pair.items[0].place, pair.items[1]);
    }
  }
}

Expression sequential_of(const Syntax& call) {
  Expression out;
  out.place = call.place;
  if (call.items.size() == 1 && is_called(call.items[0], "OrderedDict")) {
    add_dictionary(out, call.items[0]);
    return out;
  }
  for (const Syntax& item : call.items) {
    if (item.label == Label::Keyword) {
      fail_at(item.key_place,
              concat("expected a layer, found '", item.key, "='; names go into an OrderedDict"));
    }
    const bool child = item.label == Label::Child;
    const std::string name = child ? item.key : std::to_string(out.items.size());
    add_item(out, name, child ? item.key_place : item.place, item);
  }
  return out;
}

[[noreturn]] void refuse_list(const Syntax& call) {
  fail_at(call.place, concat("expected a layer, found ", call.text,
                             "; such a list does not say in which order its layers run: write ",
                             "nn.Sequential"));
}

/// What the layer itself prints, read back.
Syntax printed(const nn::Block& block, const nn::Args& args) {
  const DeviceGuard meta(kMeta);
  const auto module = block.make(block.complete(args));
  return nn::parse_python(module->kind() + "(" + module->extra_repr() + ")");
}

bool prints(const Syntax& text, const Syntax& item) {
  return std::any_of(text.items.begin(), text.items.end(), [&](const Syntax& other) {
    return other.label == item.label && other.key == item.key && other.shown() == item.shown();
  });
}

/// Some layers print what they do not take as an argument: LazyLinear(in_features=0, …). Leaves
/// such items out when the layer that the others make prints them just so; nothing when it does
/// not.
std::optional<nn::Args> printed_arguments(const nn::Block& block, const Syntax& call) {
  Syntax taken = call;
  std::vector<Syntax> left_out;
  std::erase_if(taken.items, [&](const Syntax& item) {
    const bool keyword = item.label == Label::Keyword && block.find(item.key) == nullptr;
    const bool lazy_size = item.label == Label::None && &item == &taken.items.front() &&
                           item.kind == Kind::Int && item.integer == 0;
    if (keyword || lazy_size) left_out.push_back(item);
    return keyword || lazy_size;
  });
  if (left_out.empty()) return std::nullopt;
  try {
    const nn::Args args = nn::arguments_of(block, taken);
    const Syntax text = printed(block, args);
    const bool same = std::all_of(left_out.begin(), left_out.end(),
                                  [&](const Syntax& item) { return prints(text, item); });
    if (same) return args;
  } catch (const Error&) {
    // The mistake in the whole call is told.
  }
  return std::nullopt;
}

/// What is written though it is the default says nothing.
nn::Args without_defaults(const nn::Block& block, nn::Args args) {
  for (const nn::Param& param : block.params) {
    const nn::Value* value = args.find(param.name);
    const bool same = value != nullptr && *value == nn::normalized(param, param.fallback);
    if (same && !param.required) args.erase(param.name);
  }
  return args;
}

Expression layer_of(const Syntax& syntax, std::string_view what = kLayer) {
  const nn::Block& block = nn::described(nn::blocks(), syntax, what);
  if (block.make == nullptr) {
    fail_at(syntax.place, concat("expected ", what, ", found '", syntax.text, "'"));
  }
  Expression out{.block = &block, .place = syntax.place};
  nn::FactoryArguments factory;
  try {
    out.args = nn::arguments_of(block, syntax, 0, &factory);
  } catch (const Error&) {
    const auto args =
        has_children(syntax) ? arguments_of_print(block, syntax) : printed_arguments(block, syntax);
    if (!args) throw;
    out.args = *args;
  }
  out.args = without_defaults(block, std::move(out.args));
  out.dtype = factory.dtype;
  return out;
}

/// The description that a call's name means; null: none.
const nn::Block* block_of(const Syntax& syntax) {
  if (syntax.kind != Kind::Call) return nullptr;
  const std::string_view name = nn::last_name(syntax.text);
  for (const nn::Block& block : nn::blocks().all()) {
    if (!block.torch_name.empty() && nn::last_name(block.torch_name) == name) return &block;
  }
  return nullptr;
}

bool is_layer(const Syntax& syntax) {
  return block_of(syntax) != nullptr;
}

bool is_loss(const Syntax& syntax) {
  const nn::Block* block = block_of(syntax);
  return block != nullptr && block->role == nn::Role::Loss;
}

/// print(model) of a class of the writer's own shows its layers, but not its forward.
void check_printed_class(const Syntax& call) {
  if (call.kind != Kind::Call || !has_children(call) || is_layer(call)) return;
  fail_at(call.place, concat("expected a layer of PyTorch, found '", call.text,
                             "', whose print shows its layers but not how they are called; if ",
                             "they run one after the other, write Sequential for it"));
}

Expression model_of(const Syntax& syntax) {
  if (is_called(syntax, "Sequential")) return sequential_of(syntax);
  if (is_called(syntax, "ModuleList") || is_called(syntax, "ModuleDict")) refuse_list(syntax);
  check_printed_class(syntax);
  return layer_of(syntax);
}

/// The layers that are not made of others, as build_module makes them one after the other.
void collect_layers(const Syntax& syntax, std::vector<const Syntax*>& out) {
  const size_t before = out.size();
  for (const Syntax& item : syntax.items) collect_layers(item, out);
  if (out.size() == before && is_layer(syntax)) out.push_back(&syntax);
}

bool has_parameters(const Syntax& layer) {
  const Expression read = layer_of(layer);
  const DeviceGuard meta(kMeta);
  return !read.block->make(read.block->complete(read.args))->parameters().empty();
}

/// Python makes a layer where its call is reached: one that was made and is not in the model drew
/// weights, too; one that was given a name draws them before what is made below, and shares them
/// when the name stands twice. What is read here has each layer's weights once, drawn in its order.
void check_draws(const Syntax& model, const std::vector<Syntax>& made) {
  std::vector<const Syntax*> layers;
  collect_layers(model, layers);
  std::set<int64_t> used;
  for (const Syntax* layer : layers) used.insert(layer->made);
  for (const Syntax& call : made) {
    if (used.contains(call.made) || !is_layer(call) || is_loss(call)) continue;
    if (has_parameters(call)) fail_at(call.place, "expected a layer that the model uses");
  }
  int64_t last = 0;
  for (const Syntax* layer : layers) {
    if (layer->made > last) {
      last = layer->made;
      continue;
    }
    if (!has_parameters(*layer)) continue;
    const auto same = [&](const Syntax* other) { return other->made == layer->made; };
    const bool twice = std::count_if(layers.begin(), layers.end(), same) > 1;
    fail_at(layer->place,
            twice ? "expected a layer that is used once; twice it would share its weights"
                  : "expected this layer below those that stand in front of it in the model: "
                    "PyTorch draws weights in the order in which layers are written");
  }
}

/// The model among the values of a text, of which losses and optimisers may stand below it.
const Syntax& model_among(const std::vector<Syntax>& values) {
  for (size_t i = values.size(); i-- > 0;) {
    const Syntax& value = values[i];
    if (is_called(value, "Sequential") || (is_layer(value) && !is_loss(value))) return value;
  }
  return values.back();
}

/// Whether the first argument says what to optimise.
bool is_parameters(const Syntax& item) {
  return item.label == Label::None && (item.kind == Kind::Call || item.kind == Kind::Name);
}

}  // namespace

Expression parse_model(std::string_view text) {
  const nn::PythonText read = nn::run_python(text);
  const Syntax& syntax = model_among(read.values);
  Expression model = model_of(syntax);
  check_draws(syntax, read.calls);
  return model;
}

Expression parse_loss(std::string_view text) {
  const Syntax syntax = nn::parse_python(text);
  if (is_called(syntax, "Sequential"))
    fail_at(syntax.place, "expected a loss, found nn.Sequential");
  Expression out = layer_of(syntax, "a loss");
  if (out.block->role != nn::Role::Loss) {
    fail_at(out.place, concat("expected a loss, found ", out.block->id));
  }
  return out;
}

OptimizerExpression parse_optimizer(std::string_view text) {
  const Syntax syntax = nn::parse_python(text);
  OptimizerExpression out;
  out.spec = &nn::described(optim::optimizers(), syntax, "an optimiser");
  const bool has_parameters = !syntax.items.empty() && is_parameters(syntax.items[0]);
  out.args = nn::arguments_of(*out.spec, syntax, has_parameters ? 1 : 0);
  return out;
}

}  // namespace nw::codegen
