#include "app/cli/bench.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "app/cli/bench_ddp.h"
#include "app/cli/bench_net.h"
#include "app/cli/bench_profile.h"
#include "app/cli/bench_torch.h"
#include "app/cli/console.h"
#include "app/cli/heap_counter.h"
#include "app/cli/peak_memory.h"
#include "app/cli/step_limit.h"
#include "app/cli/text.h"
#include "app/cli/threads.h"
#include "core/backend/backend.h"
#include "core/base/parallel.h"

namespace nw::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Between our rounds and PyTorch's: waiting threads of either spin for a while before they sleep.
constexpr auto kRest = std::chrono::milliseconds(20);
constexpr double kRoundUs = 100'000;
constexpr int64_t kMostSteps = 5000;
constexpr int kWarmUpSteps = 5;

struct BenchOptions {
  std::string net;
  std::string device = "cpu";
  int rounds = 11;
  bool no_torch = false;
  bool profile = false;
  bool ddp = false;
  std::vector<int> processes;
  bool json = false;
};

struct Measured {
  const BenchNet* net = nullptr;
  double ours_us = 0;
  std::optional<double> unrecorded_us;  // where steps are recorded: without that
  std::optional<double> least_us;       // that the device needs
  std::optional<double> torch_us;
  std::optional<double> torch_graph_us;  // the step as a CUDA graph
  int64_t peak_bytes = 0;  // most memory in use, beyond what was in use before the net was made
  std::optional<int64_t> torch_peak_bytes;
  double heap_allocations = 0;  // in one of our steps, once warm
  double memory_requests = 0;   // of tensors' memory to the system, in one of our steps
};

double median(std::vector<double> numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  return *middle;
}

/// Mean duration of a step, us.
double time_steps(BenchStep& step, int64_t count) {
  const auto begin = Clock::now();
  for (int64_t i = 0; i < count; ++i) step.run();
  backend_of(step.device()).synchronize(step.device());
  const std::chrono::duration<double, std::micro> taken = Clock::now() - begin;
  return taken.count() / static_cast<double>(count);
}

int64_t steps_in_round(double step_us) {
  return std::clamp(static_cast<int64_t>(kRoundUs / step_us), int64_t{1}, kMostSteps);
}

/// The most memory of a device beyond what was in use when it was made.
class TakenMemory {
 public:
  explicit TakenMemory(Device device) : device_(device) {
    Backend& backend = backend_of(device);
    backend.empty_cache(device);
    backend.reset_peak(device);
    before_ = backend.memory(device).allocated;
    process_.emplace();
  }
  /// The CPU's is what the system counts.
  int64_t bytes() const {
    if (device_ == kCpu) return process_->bytes();
    return static_cast<int64_t>(backend_of(device_).memory(device_).peak - before_);
  }

 private:
  Device device_;
  uint64_t before_;
  std::optional<PeakMemory> process_;
};

/// Rounds of ours and PyTorch's by turns, so that whatever else the machine does meets both.
Measured measure(const BenchNet& net, Device device, int rounds, TorchSteps* torch) {
  Measured out;
  out.net = &net;
  const TakenMemory memory_taken(device);
  BenchStep step(net, device);
  time_steps(step, kWarmUpSteps);
  const int64_t count = steps_in_round(time_steps(step, kWarmUpSteps));
  int64_t torch_count = 0;
  const std::string code = torch != nullptr ? torch_code(net) : "";
  if (torch != nullptr) {
    const auto first = torch->time(code, 2);
    torch_count = steps_in_round(first ? first->step_us : kRoundUs);
  }
  std::vector<double> ours;
  std::vector<double> theirs;
  const Allocator& memory = backend_of(device).allocator(device);
  for (int round = 0; round < rounds; ++round) {
    std::this_thread::sleep_for(kRest);
    const uint64_t heap_before = heap_allocations();
    const uint64_t requests_before = memory.system_requests();
    const double step_us = time_steps(step, count);
    const auto done = static_cast<double>(count);
    out.heap_allocations = static_cast<double>(heap_allocations() - heap_before) / done;
    out.memory_requests = static_cast<double>(memory.system_requests() - requests_before) / done;
    ours.push_back(step_us);
    std::this_thread::sleep_for(kRest);
    const auto taken = torch != nullptr ? torch->time(code, torch_count) : std::nullopt;
    if (!taken) continue;
    theirs.push_back(taken->step_us);
    out.torch_peak_bytes = taken->peak_bytes;
  }
  out.peak_bytes = memory_taken.bytes();
  out.ours_us = median(ours);
  out.least_us = least_us(net, backend_of(device).facts(device));
  if (!theirs.empty()) out.torch_us = median(theirs);
  return out;
}

/// Our own steps as they are without being recorded.
void measure_unrecorded(Measured& one, Device device, int rounds) {
  BenchStep step(*one.net, device, Recording::Never);
  time_steps(step, kWarmUpSteps);
  const int64_t count = steps_in_round(time_steps(step, kWarmUpSteps));
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) times.push_back(time_steps(step, count));
  one.unrecorded_us = median(times);
}

/// What a GPU's measurements tell besides.
void print_of_gpu(const Measured& one) {
  std::string text = one.net->title + ":";
  if (one.unrecorded_us) text += concat(" unrecorded ", fixed(*one.unrecorded_us, 1), " µs;");
  if (one.torch_graph_us) {
    text += concat(" PyTorch's step as a CUDA graph ", fixed(*one.torch_graph_us, 1), " µs, ",
                   fixed(*one.torch_graph_us / one.ours_us, 2), "× ours;");
  }
  if (one.least_us) {
    text += concat(" ", percent(*one.least_us / one.ours_us), " of the device's limit (",
                   fixed(*one.least_us, 1), " µs);");
  }
  text.pop_back();
  print(text + "\n");
}

std::string mebibytes(int64_t bytes) {
  constexpr double kMebibyte = 1 << 20;
  return fixed(static_cast<double>(bytes) / kMebibyte, 1);
}

std::string ratio_text(const Measured& one) {
  return one.torch_us ? fixed(*one.torch_us / one.ours_us, 2) + "×" : "–";
}

void print_table(const std::vector<Measured>& all, Device device, const TorchSteps* torch) {
  std::vector<std::vector<std::string>> rows{{"Training step", "batch", "Netwright µs",
                                              "PyTorch µs", "faster", "MiB", "PyTorch MiB",
                                              "heap/step", "memory/step"}};
  for (const Measured& one : all) {
    rows.push_back({one.net->title, std::to_string(one.net->batch), fixed(one.ours_us, 1),
                    one.torch_us ? fixed(*one.torch_us, 1) : "–", ratio_text(one),
                    mebibytes(one.peak_bytes),
                    one.torch_peak_bytes ? mebibytes(*one.torch_peak_bytes) : "–",
                    fixed(one.heap_allocations, 1), fixed(one.memory_requests, 1)});
  }
  std::vector<Align> alignment(rows[0].size(), Align::Right);
  alignment[0] = Align::Left;
  print(table(rows, alignment));
  if (device != kCpu) {
    for (const Measured& one : all) print_of_gpu(one);
    print(concat(to_string(device), " (", backend_of(device).facts(device).name, "); "));
  }
  print(concat(num_threads(), num_threads() == 1 ? " thread" : " threads", "; "));
  print(torch == nullptr ? "PyTorch not asked\n"
        : torch->found() ? "PyTorch " + torch->version() + ", eager, in the same run\n"
                         : torch->why_not() + "\n");
  print("MiB: the most memory in use beyond what was in use before the net was made\n");
  print("heap/step: calls of operator new; memory/step: requests of tensor memory to the system\n");
}

void print_json(const std::vector<Measured>& all, Device device, const TorchSteps* torch) {
  nlohmann::ordered_json out{{"threads", num_threads()}, {"device", to_string(device)}};
  if (torch != nullptr && torch->found()) out["torch_version"] = torch->version();
  if (torch != nullptr && !torch->found()) out["torch_missing"] = torch->why_not();
  out["steps"] = nlohmann::ordered_json::array();
  for (const Measured& one : all) {
    nlohmann::ordered_json item{{"net", one.net->name},
                                {"title", one.net->title},
                                {"batch_samples", one.net->batch},
                                {"step_us", one.ours_us}};
    if (one.torch_us) {
      item["torch_step_us"] = *one.torch_us;
      item["times_faster"] = *one.torch_us / one.ours_us;
    }
    if (one.torch_graph_us) {
      item["torch_graph_step_us"] = *one.torch_graph_us;
      item["times_faster_than_graph"] = *one.torch_graph_us / one.ours_us;
    }
    if (one.unrecorded_us) item["unrecorded_step_us"] = *one.unrecorded_us;
    if (one.least_us) {
      item["least_us"] = *one.least_us;
      item["share_of_limit"] = *one.least_us / one.ours_us;
    }
    item["peak_bytes"] = one.peak_bytes;
    if (one.torch_peak_bytes) item["torch_peak_bytes"] = *one.torch_peak_bytes;
    item["heap_allocations_per_step"] = one.heap_allocations;
    item["memory_requests_per_step"] = one.memory_requests;
    out["steps"].push_back(std::move(item));
  }
  print(json_text(out) + "\n");
}

void print_profile(const BenchNet& net, const std::vector<ProfilePart>& parts) {
  double whole = 0;
  for (const ProfilePart& part : parts) whole += part.step_us;
  std::vector<std::vector<std::string>> rows{{net.title, "calls", "µs/step", "share"}};
  for (const ProfilePart& part : parts) {
    rows.push_back(
        {part.name, fixed(part.calls, 0), fixed(part.step_us, 1), percent(part.step_us / whole)});
  }
  rows.push_back({"together", "", fixed(whole, 1), ""});
  print(table(rows, {Align::Left, Align::Right, Align::Right, Align::Right}) + "\n");
}

nlohmann::ordered_json profile_json(const BenchNet& net, const std::vector<ProfilePart>& parts) {
  nlohmann::ordered_json out{{"net", net.name}, {"parts", nlohmann::ordered_json::array()}};
  for (const ProfilePart& part : parts) {
    out["parts"].push_back(
        {{"name", part.name}, {"calls_per_step", part.calls}, {"step_us", part.step_us}});
  }
  return out;
}

void run_profile(const BenchOptions& options) {
  auto all = nlohmann::ordered_json::array();
  for (const BenchNet& net : bench_nets()) {
    if (!options.net.empty() && options.net != net.name) continue;
    const std::vector<ProfilePart> parts = profile(net, options.rounds);
    if (options.json) {
      all.push_back(profile_json(net, parts));
    } else {
      print_profile(net, parts);
    }
  }
  if (options.json) print(json_text({{"threads", num_threads()}, {"profiles", all}}) + "\n");
}

void run_bench(const BenchOptions& options) {
  std::unique_ptr<TorchSteps> torch;
  const Device device = device_from_string(options.device);
  NW_CHECK(device != kMeta, "--device: meta has no numbers; choose cpu or cuda:0");
  backend_of(device);  // refuses one that is not there
  if (!options.no_torch) torch = std::make_unique<TorchSteps>(num_threads(), options.device);
  std::vector<Measured> all;
  for (const BenchNet& net : bench_nets()) {
    if (!options.net.empty() && options.net != net.name) continue;
    const bool ask_torch = torch != nullptr && torch->found();
    all.push_back(measure(net, device, options.rounds, ask_torch ? torch.get() : nullptr));
  }
  for (Measured& one : all) {
    if (backend_of(device).can_capture()) measure_unrecorded(one, device, options.rounds);
    if (!one.torch_us) continue;
    one.torch_graph_us = torch->graph_time(torch_code(*one.net), steps_in_round(*one.torch_us));
  }
  if (options.json) {
    print_json(all, device, torch.get());
  } else {
    print_table(all, device, torch.get());
  }
}

/// The network that several processes train unless another one is named: one with something to
/// compute while gradients travel.
constexpr const char* kDdpNet = "cifar";

void run_ddp(const BenchOptions& options, bool has_threads) {
  const std::string name = options.net.empty() ? kDdpNet : options.net;
  const auto net = std::find_if(bench_nets().begin(), bench_nets().end(),
                                [&](const BenchNet& one) { return one.name == name; });
  const DdpBenchOptions ddp{options.processes, options.rounds, has_threads ? num_threads() : 0,
                            options.json};
  is_ddp_bench_rank() ? run_ddp_bench_rank(*net, ddp) : bench_ddp(*net, ddp);
}

void add_ddp_options(CLI::App& verb, BenchOptions& options) {
  constexpr int kMostProcesses = 64;
  auto* ddp = verb.add_flag("--ddp", options.ddp,
                            "Time training in several processes that exchange gradients (net: "
                            "cifar unless named)");
  verb.add_option("--nproc", options.processes,
                  "How many, as 1,2,4 (default: up to the number of processors)")
      ->delimiter(',')
      ->check(CLI::Range(1, kMostProcesses).description(""))
      ->type_name("N,...")
      ->needs(ddp);
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* verb = app.add_subcommand(
      "bench", "Time training steps, next to PyTorch's where python3-torch is installed");
  const auto options = std::make_shared<BenchOptions>();
  std::vector<std::string> names;
  for (const BenchNet& net : bench_nets()) names.push_back(net.name);
  verb->add_option("--net", options->net, "Only this network")
      ->check(CLI::IsMember(names))
      ->type_name("NAME");
  verb->add_option("--device", options->device, "Where: cpu, or cuda:0 for the first GPU")
      ->capture_default_str();
  constexpr int kMostRounds = 10'000;
  verb->add_option("--repeats", options->rounds, "Rounds of about 0.1 s; the median counts")
      ->check(CLI::Range(1, kMostRounds))
      ->type_name("N")
      ->capture_default_str();
  verb->add_flag("--profile", options->profile,
                 "Show where the time of our own step goes, as the mean of as many steps");
  verb->add_flag("--no-torch", options->no_torch, "Do not time PyTorch");
  add_ddp_options(*verb, *options);
  add_threads_option(*verb);
  verb->add_flag("--json", options->json, "Print the result as one JSON object");
  verb->footer(
      "Examples:\n"
      "  netwright-cli bench --net lenet --threads 2\n"
      "  netwright-cli bench --device cuda:0\n"
      "  netwright-cli bench --ddp --net mlp --nproc 1,2,4");
  verb->callback([options, verb] {
    if (options->ddp) return run_ddp(*options, verb->get_option("--threads")->count() > 0);
    options->profile ? run_profile(*options) : run_bench(*options);
  });
}

}  // namespace nw::cli
