#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/cli/bench_net.h"
#include "app/cli/console.h"
#include "app/cli/step_selftest.h"
#include "app/cli/text.h"
#include "app/cli/verbs.h"
#include "core/backend/backend.h"
#include "core/backend/fallback.h"
#include "core/backend/math_mode.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/trial/device_trial.h"

namespace nw::cli {
namespace {

using Json = nlohmann::ordered_json;
using trial::BlockCase;
using trial::DeviceVerdict;

constexpr int kDiffers = 1;

struct Request {
  std::string device = "cuda:0";
  std::vector<std::string> blocks;
  std::vector<std::string> dtypes = {"float32", "float64", "float16", "bfloat16"};
  int cases = 6;
  uint64_t seed = 1;
  bool json = false;
};

/// What came of one block in one dtype.
struct Line {
  std::string block;
  DType dtype;
  int cases = 0;
  int accepted = 0;
  int backward = 0;
  std::vector<std::string> problems = {};
};

/// Cases of which each block needs some that it accepts.
constexpr int kTriesForOne = 8;

DeviceVerdict try_case(trial::Draw& draw, const BlockCase& drawn, Device device) {
  if (device.type != DeviceType::Cpu) return trial::compare_device(draw, drawn, device);
  return trial::compare_threads(draw, drawn);
}

Line test_block(const Request& request, const nn::Block& block, DType dtype, Device device) {
  Line line{.block = block.id, .dtype = dtype};
  trial::Draw draw(request.seed + std::hash<std::string>()(block.id) +
                   static_cast<uint64_t>(dtype));
  for (int i = 0; i < request.cases * kTriesForOne && line.accepted < request.cases; ++i) {
    const BlockCase drawn = draw_case(draw, block, dtype);
    const DeviceVerdict verdict = try_case(draw, drawn, device);
    ++line.cases;
    line.accepted += verdict.accepted;
    line.backward += verdict.backward;
    if (!verdict.problem.empty()) {
      line.problems.push_back(drawn.text() + ": " + verdict.problem);
    }
  }
  return line;
}

std::string text_of(const Line& line) {
  std::string text = concat(line.problems.empty() ? "ok    " : "WRONG ", line.block, " ",
                            name(line.dtype), ": ", line.accepted, " cases, ", line.backward,
                            " with gradients, ", line.cases - line.accepted, " refused by both\n");
  for (const std::string& problem : line.problems) text += "      " + problem + "\n";
  return text;
}

Json json_of(const Line& line) {
  return {{"block", line.block},
          {"dtype", name(line.dtype)},
          {"cases", line.accepted},
          {"with_gradients", line.backward},
          {"problems", line.problems}};
}

std::vector<const nn::Block*> chosen_blocks(const Request& request) {
  std::vector<const nn::Block*> out;
  for (const std::string& id : request.blocks) {
    const nn::Block* block = nn::blocks().find(id);
    NW_CHECK(block != nullptr && block->make != nullptr, "--block: there is no block ", id,
             " that computes; see netwright-cli blocks");
    out.push_back(block);
  }
  if (!out.empty()) return out;
  for (const nn::Block& block : nn::blocks().all()) {
    if (block.make != nullptr) out.push_back(&block);
  }
  return out;
}

/// What is compared with what, for people.
std::string subject(Device device) {
  if (device.type != DeviceType::Cpu) {
    const DeviceFacts facts = backend_of(device).facts(device);
    return concat(to_string(device), " (", facts.name, ") against the CPU, each case twice");
  }
  return concat("the CPU with ", num_threads(), num_threads() == 1 ? " thread" : " threads",
                " against one thread, each case twice",
                num_threads() == 1 ? " (which is the same here: only repeats are compared)" : "");
}

std::string text_of(const BenchNet& net, const StepVerdict& verdict) {
  if (!verdict.problem.empty()) return concat("WRONG ", net.title, ": ", verdict.problem, "\n");
  if (!verdict.refusal.empty()) {
    return concat("ok    ", net.title, ": not recorded: ", verdict.refusal, "\n");
  }
  return concat("ok    ", net.title, ": ", verdict.steps, " training steps, ", verdict.replays,
                " of them replayed, give the same bits as one by one\n");
}

/// The training steps of the bench's nets, recorded and not; how many are wrong.
int64_t test_steps(const Request& request, Device device, Json& lines) {
  int64_t wrong = 0;
  for (const BenchNet& net : bench_nets()) {
    const StepVerdict verdict = compare_recorded(net, device);
    wrong += verdict.problem.empty() ? 0 : 1;
    lines.push_back({{"net", net.name},
                     {"steps", verdict.steps},
                     {"replayed", verdict.replays},
                     {"not_recorded", verdict.refusal},
                     {"problem", verdict.problem}});
    if (!request.json) print(text_of(net, verdict));
  }
  return wrong;
}

void run(const Request& request) {
  const Device device = device_from_string(request.device);
  NW_CHECK(device != kMeta, "--device: meta has no numbers; choose cpu or cuda:0");
  NW_CHECK(request.cases >= 1, "--cases must be at least 1, is ", request.cases);
  backend_of(device).allocator(device);  // refuses a device that is not there
  set_math_mode({.conv_tf32 = false});   // the CPU rounds nothing to TF32
  std::vector<DType> dtypes;
  for (const std::string& text : request.dtypes) dtypes.push_back(dtype_from_name(text));
  if (!request.json) print(subject(device) + "\n");
  Json lines = Json::array();
  int64_t cases = 0;
  int64_t backward = 0;
  int64_t wrong = 0;
  for (const nn::Block* block : chosen_blocks(request)) {
    for (const DType dtype : dtypes) {
      const Line line = test_block(request, *block, dtype, device);
      cases += line.accepted;
      backward += line.backward;
      wrong += static_cast<int64_t>(line.problems.size());
      lines.push_back(json_of(line));
      if (!request.json) print(text_of(line));
    }
  }
  Json steps = Json::array();
  if (request.blocks.empty() && backend_of(device).can_capture()) {
    wrong += test_steps(request, device, steps);
  }
  Json on_cpu = Json::object();
  for (const auto& [name, count] : fallback_counts()) on_cpu[name] = count;
  if (request.json) {
    print(json_text({{"device", request.device},
                     {"seed", request.seed},
                     {"cases", cases},
                     {"with_gradients", backward},
                     {"wrong", wrong},
                     {"computed_on_the_cpu", on_cpu},
                     {"blocks", lines},
                     {"recorded_steps", steps}}) +
          "\n");
  } else {
    print(concat(cases, " cases, ", backward, " with gradients: ",
                 wrong == 0 ? std::string("all right") : concat(wrong, " wrong"), "\n"));
    for (const auto& [name, count] : on_cpu.items()) {
      print(concat("  computed on the CPU: ", name, ", ", count.dump(), " times\n"));
    }
  }
  if (wrong > 0) throw CLI::RuntimeError(kDiffers);
}

}  // namespace

void add_selftest(CLI::App& app) {
  CLI::App* verb = app.add_subcommand(
      "selftest", "Compare every block on a device with the CPU, forward and backward");
  const auto request = std::make_shared<Request>();
  verb->add_option("--device", request->device,
                   "The device; cpu is compared with itself on one thread")
      ->capture_default_str();
  verb->add_option("--block", request->blocks, "Only these blocks; by default all");
  verb->add_option("--dtype", request->dtypes, "Types of numbers")->capture_default_str();
  verb->add_option("--cases", request->cases, "Legal cases for each block and dtype")
      ->capture_default_str();
  verb->add_option("--seed", request->seed, "What arguments and numbers are drawn from")
      ->capture_default_str();
  verb->add_flag("--json", request->json, "Print the result as one JSON object");
  verb->footer(
      "Draws arguments and inputs for each block from its description, runs it forward and\n"
      "backward, and compares all numbers with the CPU's; a second run must give the same bits.\n"
      "Where steps can be recorded (CUDA graphs), the nets of the bench are trained with and\n"
      "without that, which must give the same bits. Ends with 1 when something differs.\n\n"
      "Example:\n  netwright-cli selftest --device cuda:0 --block Conv2d --cases 50");
  verb->callback([request] { run(*request); });
}

}  // namespace nw::cli
