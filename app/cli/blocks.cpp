#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/describe.h"
#include "app/cli/text.h"
#include "app/cli/verbs.h"
#include "core/backend/fallback.h"
#include "core/base/error.h"
#include "core/data/dataset.h"
#include "core/graph/project.h"
#include "core/nn/category.h"
#include "core/optim/scheduler.h"
#include "core/trial/kernel_use.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name(nn::Role role) {
  switch (role) {
    case nn::Role::Input:
      return "input";
    case nn::Role::Layer:
      return "layer";
    case nn::Role::Loss:
      return "loss";
  }
  return "layer";
}

Json ports_json(const std::vector<nn::Port>& ports) {
  Json out = Json::array();
  for (const nn::Port& port : ports) {
    out.push_back({{"name", port.name}, {"help", port.help}, {"optional", port.optional}});
  }
  return out;
}

/// Which kernels the block runs, and which of them are computed on the CPU on a GPU.
Json kernels_json(const nn::Block& block) {
  Json out{{"all", Json::array()}};
  const bool has_gpu_code = find_backend(DeviceType::Cuda) != nullptr;
  Json on_cpu = Json::array();
  for (const std::string& name : trial::kernels_of_block(block)) {
    out["all"].push_back(name);
    if (has_gpu_code && !has_native_kernel(name)) on_cpu.push_back(name);
  }
  if (has_gpu_code) {
    out["native_on_cuda"] = on_cpu.empty();
    out["on_cpu_for_cuda"] = on_cpu;
  }
  return out;
}

Json block_json(const nn::Block& block) {
  Json out = description_json(block);
  out["role"] = name(block.role);
  out["inputs"] = ports_json(block.inputs);
  out["outputs"] = ports_json(block.outputs);
  out["draws_random"] = block.draws_random;
  out["kernels"] = kernels_json(block);
  return out;
}

Json all_json() {
  Json out;
  out["blocks"] = Json::array();
  for (const nn::Block& block : nn::blocks().all()) out["blocks"].push_back(block_json(block));
  out["optimizers"] = Json::array();
  for (const auto& one : optim::optimizers().all()) {
    out["optimizers"].push_back(description_json(one));
  }
  out["schedulers"] = Json::array();
  for (const auto& one : optim::schedulers().all()) {
    out["schedulers"].push_back(description_json(one));
  }
  out["data_sets"] = Json::array();
  for (const auto& one : data::datasets().all()) out["data_sets"].push_back(description_json(one));
  out["run_settings"] = description_json(graph::run_settings_description());
  return out;
}

void print_heading(std::string_view title) {
  print(concat(title, "\n", std::string(display_width(title), '='), "\n\n"));
}

void print_all() {
  for (const nn::Category& category : nn::categories()) {
    bool titled = false;
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.category != category.id) continue;
      if (!titled) print_heading(category.title);
      titled = true;
      print(description_text(block));
    }
  }
  print_heading("Optimisers");
  for (const auto& one : optim::optimizers().all()) print(description_text(one));
  print_heading("Schedulers");
  for (const auto& one : optim::schedulers().all()) print(description_text(one));
  print_heading("Data sets");
  for (const auto& one : data::datasets().all()) print(description_text(one));
}

}  // namespace

void add_blocks(CLI::App& app) {
  CLI::App* verb =
      app.add_subcommand("blocks", "Describe every block, optimiser, scheduler and data set");
  const auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json,
                 "Print the descriptions as one JSON object, with the kernels of each block");
  verb->footer("Example:\n  netwright-cli blocks --json | jq -r '.blocks[].id'");
  verb->callback([json] {
    if (*json) {
      print(json_text(all_json()) + "\n");
    } else {
      print_all();
    }
  });
}

}  // namespace nw::cli
