#include "app/cli/check_model.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/text.h"
#include "core/backend/creation.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;

/// One layer of the model and what is known of it.
struct Layer {
  std::string key;
  const codegen::Expression* expression;
  nn::Module* module;
  std::vector<Tensor> outputs = {};  // on meta; empty until it was called
  int64_t multiply_adds = 0;

  int64_t parameters() const {
    int64_t count = 0;
    for (const Tensor& parameter : module->parameters()) {
      if (parameter.defined()) count += parameter.numel();
    }
    return count;
  }
};

void collect(const codegen::Expression& model, const std::string& path, nn::Module& root,
             std::vector<Layer>& out) {
  if (model.block != nullptr) {
    out.push_back({path, &model, &root.get_submodule(path)});
    return;
  }
  for (const auto& [name, item] : model.items) {
    collect(item, path.empty() ? name : path + "." + name, root, out);
  }
}

Dims sizes_of(const std::string& text) {
  Dims sizes;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    int64_t size = 0;
    const auto [stop, error] = std::from_chars(at, end, size);
    const bool fits = error == std::errc() && size >= 0 && (stop == end || *stop == ',');
    NW_CHECK(fits, "--sizes: expects whole numbers parted by commas, such as 32,1,28,28, gets \"",
             text, "\"");
    sizes.push_back(size);
    if (stop == end) return sizes;
    at = stop + 1;
  }
}

DType dtype_of(nn::PortNumbers numbers) {
  switch (numbers) {
    case nn::PortNumbers::Mask:
      return DType::Bool;
    case nn::PortNumbers::Classes:
    case nn::PortNumbers::Indices:
    case nn::PortNumbers::Lengths:
    case nn::PortNumbers::Starts:
      return DType::Int64;
    default:
      return DType::Float32;
  }
}

Tensors inputs_for(const codegen::Expression& model, const std::vector<std::string>& sizes) {
  const codegen::Expression* first = &model;
  while (first->block == nullptr && !first->items.empty()) first = &first->items.front().second;
  const std::vector<nn::Port> ports = inputs_of(model);
  NW_CHECK(sizes.size() <= ports.size(), "--sizes: gets ", sizes.size(),
           " inputs, the model takes ", ports.size());
  Tensors inputs(ports.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    if (i >= sizes.size()) {
      NW_CHECK(ports[i].optional, "--sizes: the model needs ", ports[i].name, ", too");
      continue;
    }
    const nn::PortNumbers numbers =
        i == 0 && first->block != nullptr ? first->block->inputs[0].numbers : ports[i].numbers;
    inputs[i] = empty(sizes_of(sizes[i]), dtype_of(numbers), kMeta);
  }
  return inputs;
}

/// Calls the model on meta, so that each layer sees its sizes.
void follow(nn::Module& root, const Tensors& inputs, std::vector<Layer>& layers) {
  std::string key;
  for (Layer& layer : layers) {
    layer.module->register_forward_pre_hook(
        [&key, &layer](nn::Module&, const Tensors&) -> std::optional<Tensors> {
          key = layer.key;
          return std::nullopt;
        });
    layer.module->register_forward_hook(
        [&layer](nn::Module&, const Tensors& given, const Tensors& made) -> std::optional<Tensors> {
          layer.outputs = {made.begin(), made.end()};
          const nn::Block& block = *layer.expression->block;
          if (block.multiply_adds != nullptr && given[0].defined() && made[0].defined()) {
            nn::Args args = block.complete(layer.expression->args);
            if (block.infer != nullptr) block.infer(given[0].sizes(), args);
            layer.multiply_adds = block.multiply_adds(args, given[0].sizes(), made[0].sizes());
          }
          return std::nullopt;
        });
  }
  try {
    root.call(inputs);
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    throw Error(concat(key.empty() ? "" : "layer " + key + ": ", error.text()));
  }
}

std::string shapes_of(const Layer& layer) {
  std::string text;
  for (const Tensor& output : layer.outputs) {
    if (output.defined()) text += (text.empty() ? "" : ", ") + to_string(output.sizes());
  }
  return text;
}

void print_table(const std::vector<Layer>& layers, bool followed) {
  std::vector<std::vector<std::string>> rows{{"layer", "key", "", "parameters"}, {""}};
  if (followed) rows[0].insert(rows[0].begin() + 3, {"output", "multiply-adds"});
  int64_t parameters = 0;
  int64_t multiply_adds = 0;
  for (const Layer& layer : layers) {
    const nn::Block& block = *layer.expression->block;
    std::string caption;
    if (block.caption != nullptr) caption = block.caption(block.complete(layer.expression->args));
    rows.push_back({block.id, layer.key, caption, grouped(layer.parameters())});
    if (followed) {
      rows.back().insert(rows.back().begin() + 3, {shapes_of(layer), grouped(layer.multiply_adds)});
    }
    parameters += layer.parameters();
    multiply_adds += layer.multiply_adds;
  }
  rows.push_back({""});
  rows.push_back({"total", "", "", grouped(parameters)});
  std::vector<Align> alignment{Align::Left, Align::Left, Align::Left, Align::Right};
  if (followed) {
    rows.back().insert(rows.back().begin() + 3, {"", grouped(multiply_adds)});
    alignment.insert(alignment.begin() + 3, {Align::Left, Align::Right});
  }
  print(table(rows, alignment));
  if (followed) print("multiply-adds of one sample\n");
  if (!followed) note("--sizes 32,1,28,28, say, would show what each layer gives\n");
}

void print_json(const ModelText& text, const std::vector<Layer>& layers, bool followed) {
  Json out{{"model", text.file.empty() ? text.expression : text.file}, {"ok", true}};
  out["layers"] = Json::array();
  int64_t parameters = 0;
  int64_t multiply_adds = 0;
  for (const Layer& layer : layers) {
    Json one{{"block", layer.expression->block->id}, {"key", layer.key}};
    one["parameters"] = layer.parameters();
    if (followed) {
      one["outputs"] = Json::array();
      for (const Tensor& output : layer.outputs) {
        Json sizes = Json::array();
        if (output.defined()) {
          for (int64_t size : output.sizes()) sizes.push_back(size);
        }
        one["outputs"].push_back(output.defined() ? sizes : Json(nullptr));
      }
      one["multiply_adds_per_sample"] = layer.multiply_adds;
    }
    parameters += layer.parameters();
    multiply_adds += layer.multiply_adds;
    out["layers"].push_back(std::move(one));
  }
  out["parameters"] = parameters;
  if (followed) out["multiply_adds_per_sample"] = multiply_adds;
  print(json_text(out) + "\n");
}

}  // namespace

void check_model(const ModelText& text, const std::vector<std::string>& sizes, bool json) {
  const codegen::Expression model = parse(text);
  const DeviceGuard meta(kMeta);
  const std::unique_ptr<nn::Module> module = codegen::build_module(model);
  std::vector<Layer> layers;
  collect(model, "", *module, layers);
  const bool followed = !sizes.empty();
  if (followed) follow(*module, inputs_for(model, sizes), layers);
  if (json) {
    print_json(text, layers, followed);
  } else {
    print_table(layers, followed);
  }
}

}  // namespace nw::cli
