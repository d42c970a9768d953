#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/plugins.h"
#include "app/cli/text.h"
#include "app/cli/verbs.h"
#include "core/backend/backend.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;
using plugin::Piece;

constexpr int kIncomplete = 1;
constexpr const char* kCudaPlugin = "cuda";

/// What was found of one plugin.
struct Examined {
  plugin::LoadResult plugin;
  std::vector<Piece> pieces;
};

struct Diagnosis {
  std::vector<std::string> folders;
  std::vector<Examined> plugins = {};
  std::vector<std::string> missing = {};  // of what training on a GPU needs, with the remedy
};

Diagnosis examine() {
  Diagnosis found{.folders = plugin::plugin_folders()};
  bool has_cuda = false;
  for (const plugin::LoadResult& one : loaded_plugins()) {
    Examined examined{one, one.diagnose != nullptr ? one.diagnose() : std::vector<Piece>()};
    has_cuda = has_cuda || std::filesystem::path(one.path).stem() == kCudaPlugin;
    if (!one.failure.empty()) found.missing.push_back(one.failure);
    for (const Piece& piece : examined.pieces) {
      if (!piece.found && piece.required) found.missing.push_back(piece.name + ": " + piece.text);
    }
    found.plugins.push_back(std::move(examined));
  }
  if (!has_cuda) {
    std::string searched;
    for (const std::string& folder : found.folders) searched += " " + folder;
    found.missing.insert(found.missing.begin(),
                         concat("the CUDA plugin (cuda.so) is not in", searched,
                                "; build Netwright where the CUDA toolkit 13 is installed, or set "
                                "NETWRIGHT_PLUGINS to its folder"));
  }
  return found;
}

Json piece_json(const Piece& piece) {
  return {{"name", piece.name},        {"found", piece.found}, {"required", piece.required},
          {"version", piece.version},  {"path", piece.path},   {"text", piece.text},
          {"searched", piece.searched}};
}

Json memory_json(const MemoryUse& memory) {
  return {{"total_bytes", memory.total}, {"free_bytes", memory.free}};
}

Json devices_json() {
  Json out = Json::array();
  for (const DeviceType type : {DeviceType::Cpu, DeviceType::Cuda}) {
    const Backend* backend = find_backend(type);
    for (int i = 0; backend != nullptr && i < backend->device_count(); ++i) {
      const Device device{type, i};
      const DeviceFacts facts = backend->facts(device);
      Json one{{"device", to_string(device)}, {"name", facts.name}};
      if (type == DeviceType::Cuda) one["capability"] = concat(facts.major, ".", facts.minor);
      one.update(memory_json(backend->memory(device)));
      out.push_back(one);
    }
  }
  return out;
}

Json json_of(const Diagnosis& found) {
  Json out{{"version", NW_VERSION}, {"plugin_folders", found.folders}, {"plugins", Json::array()}};
  for (const Examined& one : found.plugins) {
    Json plugin{{"path", one.plugin.path},
                {"name", one.plugin.name},
                {"loaded", one.plugin.failure.empty()},
                {"problem", one.plugin.failure},
                {"pieces", Json::array()}};
    for (const Piece& piece : one.pieces) plugin["pieces"].push_back(piece_json(piece));
    out["plugins"].push_back(plugin);
  }
  out["devices"] = devices_json();
  out["missing"] = found.missing;
  out["ready_for_cuda"] = found.missing.empty();
  return out;
}

/// The first line of a text; the others tell where was searched.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string gigabytes(uint64_t bytes) {
  return fixed(static_cast<double>(bytes) / (1 << 30), 1) + " GiB";
}

void print_text(const Diagnosis& found) {
  const MemoryUse memory = backend_of(kCpu).memory(kCpu);
  print(concat("Netwright ", NW_VERSION, "\n\ncpu: ", num_threads(), " threads, ",
               gigabytes(memory.total), " of memory, ", gigabytes(memory.free), " free\n\n"));
  print("Plugins are searched in:\n");
  for (const std::string& folder : found.folders) print("  " + folder + "\n");
  for (const Examined& one : found.plugins) {
    const std::string name = one.plugin.name.empty() ? one.plugin.path : one.plugin.name;
    print(concat("\n", name, ": ",
                 one.plugin.failure.empty() ? "loaded from " + one.plugin.path : one.plugin.failure,
                 "\n"));
    std::vector<std::vector<std::string>> rows;
    for (const Piece& piece : one.pieces) {
      const char* state = piece.found ? "found" : piece.required ? "MISSING" : "missing";
      rows.push_back({"  " + piece.name, state, piece.version,
                      piece.path.empty() ? first_line(piece.text) : piece.path});
    }
    print(table(rows, std::vector<Align>(4, Align::Left)));
    for (const Piece& piece : one.pieces) {
      if (piece.found || piece.searched.empty()) continue;
      print(
          concat("  ", piece.name, " was searched in the system's folders, LD_LIBRARY_PATH, and"));
      for (const std::string& folder : piece.searched) print(" " + folder);
      print("\n");
    }
  }
  if (found.missing.empty()) {
    print("\nEverything is there to train on a GPU.\n");
    return;
  }
  print("\nTraining runs on the CPU. For a GPU this is missing:\n");
  for (const std::string& one : found.missing) print("  " + first_line(one) + "\n");
}

}  // namespace

void add_doctor(CLI::App& app) {
  CLI::App* verb = app.add_subcommand(
      "doctor", "Tell what is there to train on a GPU, and which piece is missing");
  const auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "Print what was found as one JSON object");
  verb->footer(
      "Looks for plugins, the driver, NVIDIA's libraries and GPUs, and says where it looked.\n"
      "Ends with 0 when a GPU can be trained on, with 1 when something is missing for that.\n\n"
      "Example:\n  netwright-cli doctor --json | jq -r '.missing[]'");
  verb->callback([json] {
    const Diagnosis found = examine();
    if (*json) {
      print(json_text(json_of(found)) + "\n");
    } else {
      print_text(found);
    }
    if (!found.missing.empty()) throw CLI::RuntimeError(kIncomplete);
  });
}

}  // namespace nw::cli
