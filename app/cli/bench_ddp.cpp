#include "app/cli/bench_ddp.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/launch.h"
#include "app/cli/rank_session.h"
#include "app/cli/text.h"
#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace nw::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr double kRoundUs = 100'000;
constexpr int64_t kMostSteps = 2000;
constexpr int kWarmUpSteps = 5;  // the second one orders the buckets anew

/// Of one step, means over all ranks.
struct Figures {
  double step_us = 0;
  double compute_us = 0;
  double wait_us = 0;
  double reduce_us = 0;
  double sent_bytes = 0;
};

/// The mean of each number over the ranks of the group, on all of them.
template <size_t N>
std::array<double, N> mean_of_ranks(dist::ProcessGroup& group, const std::array<double, N>& own) {
  const Tensor numbers = tensor_of<double>(own, {static_cast<int64_t>(N)});
  group.all_reduce(numbers, dist::Reduction::Average)->wait();
  std::array<double, N> out;
  std::copy_n(numbers.data<double>(), N, out.begin());
  return out;
}

/// `count` steps; times in seconds are added up.
double time_steps(BenchStep& step, int64_t count, dist::StepTimes& times) {
  const auto begin = Clock::now();
  for (int64_t i = 0; i < count; ++i) {
    step.run();
    const dist::StepTimes& one = step.last_times();
    times.compute += one.compute;
    times.wait += one.wait;
    times.reduce += one.reduce;
    times.bytes += one.bytes;
  }
  const std::chrono::duration<double, std::micro> taken = Clock::now() - begin;
  return taken.count() / static_cast<double>(count);
}

Figures measure(BenchStep& step, dist::ProcessGroup& group, int rounds) {
  dist::StepTimes warm_up;
  time_steps(step, kWarmUpSteps, warm_up);
  // All ranks take as many steps.
  const double step_us = mean_of_ranks<1>(group, {time_steps(step, kWarmUpSteps, warm_up)})[0];
  const int64_t count =
      std::clamp(static_cast<int64_t>(kRoundUs / step_us), int64_t{1}, kMostSteps);
  std::vector<Figures> all;
  for (int round = 0; round < rounds; ++round) {
    group.barrier()->wait();
    dist::StepTimes times;
    const double own_us = time_steps(step, count, times);
    const double each = 1e6 / static_cast<double>(count);
    const auto mean = mean_of_ranks<5>(
        group, {own_us, times.compute * each, times.wait * each, times.reduce * each,
                static_cast<double>(times.bytes) / static_cast<double>(count)});
    all.push_back({mean[0], mean[1], mean[2], mean[3], mean[4]});
  }
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end(),
                   [](const Figures& a, const Figures& b) { return a.step_us < b.step_us; });
  return *middle;
}

int64_t gradient_bytes(const nn::Module& model) {
  int64_t bytes = 0;
  for (const Tensor& parameter : model.parameters()) {
    if (parameter.requires_grad()) {
      bytes += parameter.numel() * static_cast<int64_t>(item_bytes(parameter.dtype()));
    }
  }
  return bytes;
}

/// One run of `count` processes, as rank 0 of it tells.
Json run_processes(int count, int threads) {
  std::string said;
  dist::LaunchOptions options;
  options.command = own_command();
  options.devices.assign(static_cast<size_t>(count), "cpu");
  options.variables = {{"NW_NUM_THREADS", std::to_string(std::max(threads, 1))}};
  options.captures_first = true;
  options.on_line = [&](int rank, bool is_error, std::string_view line) {
    if (rank == 0 && !is_error) {
      said += line;
    } else {
      show_line(rank, true, line);
    }
  };
  dist::Launcher launcher(std::move(options));
  const dist::LaunchResult result = launcher.run();
  NW_CHECK(!result.fault, "with ", count, " processes, ", result.fault ? result.fault->text() : "");
  return Json::parse(said);
}

/// What a ring of `count` ranks must send at least, each: 2 (n − 1) / n of the gradients.
double ring_bytes(int count, double gradients) {
  return 2.0 * (count - 1) / count * gradients;
}

/// Adds what follows from the figures of one process.
void derive(Json& run, int count, int64_t batch, double alone_us) {
  const double step_us = run["step_us"];
  const double reduce_us = run["reduce_us"];
  const double wait_us = run["wait_us"];
  run["samples_per_second"] = static_cast<double>(batch * count) * 1e6 / step_us;
  run["efficiency"] = alone_us / step_us;
  run["ring_bytes"] = ring_bytes(count, run["gradient_bytes"]);
  if (count > 1) run["overlap"] = std::clamp(1 - wait_us / reduce_us, 0.0, 1.0);
}

std::string kibibytes(double bytes) {
  constexpr double kKibibyte = 1024;
  return fixed(bytes / kKibibyte, 1);
}

void print_table(const BenchNet& net, const Json& runs, int threads) {
  std::vector<std::vector<std::string>> rows{{net.title, "µs/step", "samples/s", "efficiency",
                                              "compute µs", "wait µs", "all-reduce µs", "hidden",
                                              "KiB/step", "ring KiB"}};
  for (const Json& run : runs) {
    const int count = run["processes"];
    rows.push_back({concat(count, count == 1 ? " process" : " processes"), fixed(run["step_us"], 1),
                    grouped(static_cast<int64_t>(run["samples_per_second"].get<double>())),
                    percent(run["efficiency"]), fixed(run["compute_us"], 1),
                    fixed(run["wait_us"], 1), fixed(run["reduce_us"], 1),
                    run.contains("overlap") ? percent(run["overlap"]) : "–",
                    kibibytes(run["sent_bytes"]), kibibytes(run["ring_bytes"])});
  }
  std::vector<Align> alignment(rows[0].size(), Align::Right);
  alignment[0] = Align::Left;
  print(table(rows, alignment));
  print(concat("each process: a batch of ", net.batch, ", ", threads,
               threads == 1 ? " thread" : " threads", "; ", sysconf(_SC_NPROCESSORS_ONLN),
               " processors; Gloo over the loopback device\n"));
  print("efficiency: the time of one process alone by that of each of several\n");
  print("hidden: the share of the all-reduce that ran beside the backward\n");
  print("KiB/step: what a process sent; ring KiB: 2 (n − 1) / n of its gradients\n");
}

std::vector<int> up_to_processors() {
  std::vector<int> out;
  for (int count = 1; count <= sysconf(_SC_NPROCESSORS_ONLN); count *= 2) out.push_back(count);
  return out;
}

}  // namespace

bool is_ddp_bench_rank() {
  const auto place = dist::read_placement();
  return place && place->by == dist::StartedBy::Netwright;
}

void run_ddp_bench_rank(const BenchNet& net, const DdpBenchOptions& options) {
  const RankSession session(RankOptions(), *dist::read_placement(), "cpu");
  BenchStep step(net, session.group());
  const Figures figures = measure(step, *session.group(), options.rounds);
  session.group()->barrier()->wait();
  if (!session.is_first()) return;
  print(Json{{"processes", session.place().world_size},
             {"step_us", figures.step_us},
             {"compute_us", figures.compute_us},
             {"wait_us", figures.wait_us},
             {"reduce_us", figures.reduce_us},
             {"sent_bytes", figures.sent_bytes},
             {"gradient_bytes", gradient_bytes(step.model())}}
            .dump() +
        "\n");
}

void bench_ddp(const BenchNet& net, DdpBenchOptions options) {
  if (options.processes.empty()) options.processes = up_to_processors();
  std::sort(options.processes.begin(), options.processes.end());
  // The others are measured by one process.
  if (options.processes.front() != 1) options.processes.insert(options.processes.begin(), 1);
  Json runs = Json::array();
  for (const int count : options.processes) {
    Json run = run_processes(count, options.threads);
    derive(run, count, net.batch, runs.empty() ? run["step_us"] : runs[0]["step_us"]);
    runs.push_back(std::move(run));
  }
  const int threads = std::max(options.threads, 1);
  if (!options.json) return print_table(net, runs, threads);
  print(json_text({{"net", net.name},
                   {"title", net.title},
                   {"batch_samples", net.batch},
                   {"threads", threads},
                   {"processors", sysconf(_SC_NPROCESSORS_ONLN)},
                   {"runs", runs}}) +
        "\n");
}

}  // namespace nw::cli
