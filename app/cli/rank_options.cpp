#include "app/cli/rank_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/cli/launch.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/graph/devices.h"

namespace nw::cli {
namespace {

constexpr int kMostProcesses = 1024;
constexpr int kMostNodes = 4096;
constexpr int kMostPort = 65535;
constexpr int kMostRestarts = 1'000'000;
constexpr double kMostSeconds = 86400;
constexpr int kTorchPort = 29500;

}  // namespace

void RankOptions::add_options(CLI::App& verb) {
  const auto group = "Several processes";
  auto* processes = verb.add_option("--nproc-per-node", processes_,
                                    "Train with this many processes on this machine, one a device")
                        ->check(CLI::Range(1, kMostProcesses).description(""))
                        ->type_name("N")
                        ->group(group);
  auto* nodes = verb.add_option("--nnodes", nodes_, "On so many machines, this command on each")
                    ->check(CLI::Range(1, kMostNodes).description(""))
                    ->type_name("N")
                    ->needs(processes)
                    ->group(group);
  verb.add_option("--node-rank", node_rank_, "Number of this machine among them, from 0")
      ->check(CLI::Range(0, kMostNodes).description(""))
      ->type_name("R")
      ->needs(nodes)
      ->group(group);
  verb.add_option("--master-addr", master_address_, "Address of machine 0, for all to meet at")
      ->type_name("A")
      ->needs(processes)
      ->group(group);
  verb.add_option("--master-port", master_port_,
                  "Port there (default: 29500; a free one on one machine)")
      ->check(CLI::Range(1, kMostPort).description(""))
      ->type_name("P")
      ->needs(processes)
      ->group(group);
  verb.add_option("--backend", backend_,
                  "How the processes exchange gradients (default: gloo on the CPU, nccl on GPUs)")
      ->check(CLI::IsMember({"gloo", "nccl"}).description(""))
      ->type_name("gloo|nccl")
      ->group(group);
  verb.add_option("--max-restarts", max_restarts_,
                  "Start all again from the last checkpoint when a process was lost, so often")
      ->check(CLI::Range(0, kMostRestarts).description(""))
      ->type_name("N")
      ->needs(processes)
      ->group(group);
  verb.add_option(
          "--timeout", timeout_s_,
          "Seconds without a sign of life after which a process, or the store that all share, "
          "counts as lost")
      ->check(CLI::Range(1.0, kMostSeconds).description(""))
      ->type_name("S")
      ->capture_default_str()
      ->group(group);
  threads_ = verb.get_option("--threads");
}

bool RankOptions::is_node_of(const dist::Placement& place) const {
  return place.by != dist::StartedBy::Torchrun && place.world_size == nodes_ &&
         (nodes_ > 1 || place.world_size == 1);
}

std::optional<dist::Placement> RankOptions::placement() const {
  const std::optional<dist::Placement> place = dist::read_placement();
  if (!place || place->by == dist::StartedBy::Netwright || processes_ == 0) return place;
  NW_CHECK(is_node_of(*place), "--nproc-per-node ", processes_, " starts processes, but this is ",
           "already rank ", place->rank, " of ", place->world_size, " (", place->started_by(),
           "). Leave --nproc-per-node out, or start one process on each machine and give --nnodes");
  return {};
}

bool RankOptions::launches(const std::string& devices) const {
  return (processes_ > 0 || graph::devices_of(devices).size() > 1) && !placement();
}

dist::LaunchOptions RankOptions::launch_options(const std::string& devices) const {
  const auto named = static_cast<int>(graph::devices_of(devices).size());
  NW_CHECK(processes_ == 0 || named == 1 || named == processes_, "--nproc-per-node ", processes_,
           " expects as many devices, gets ", named, ": ", devices);
  dist::LaunchOptions out;
  out.command = own_command();
  for (int local = 0; local < std::max(processes_, named); ++local) {
    out.devices.push_back(to_string(device_of_rank(devices, local)));
  }
  out.nodes = nodes_;
  out.node_rank = node_rank_;
  out.max_restarts = max_restarts_;
  out.silence = silence();
  std::string address = master_address_;
  if (nodes_ > 1) {
    const std::optional<dist::Placement> node = dist::read_placement();
    if (out.node_rank < 0 && node) out.node_rank = node->rank;
    if (address.empty() && node) address = node->master_address;
    NW_CHECK(out.node_rank >= 0, "--nnodes ", nodes_,
             " expects --node-rank, the number of this machine from 0 to ", nodes_ - 1);
    NW_CHECK(!address.empty(), "--nnodes ", nodes_,
             " expects --master-addr, the address of the machine with --node-rank 0");
  }
  out.node_rank = std::max(out.node_rank, 0);
  NW_CHECK(out.node_rank < nodes_, "--node-rank ", out.node_rank,
           " expects a number below --nnodes ", nodes_);
  out.master_address = address.empty() ? "127.0.0.1" : address;
  out.master_port = master_port_ == 0 && nodes_ > 1 ? kTorchPort : master_port_;
  return out;
}

std::string RankOptions::backend(Device device) const {
  if (!backend_.empty()) return backend_;
  return device.type == DeviceType::Cuda ? "nccl" : "gloo";
}

std::chrono::milliseconds RankOptions::silence() const {
  return std::chrono::milliseconds(static_cast<int64_t>(timeout_s_ * 1000));
}

void RankOptions::share_threads(const dist::Placement& place) const {
  // A starter may have bound this process to processors of its own, or set OMP_NUM_THREADS.
  const bool has_all = num_threads() == sysconf(_SC_NPROCESSORS_ONLN);
  if (threads_->count() > 0 || !has_all) return;
  set_num_threads(std::max(1, num_threads() / place.local_size));
}

Device device_of_rank(const std::string& devices, int local_rank) {
  const std::vector<Device> named = graph::devices_of(devices);
  if (named.size() == 1) {
    const bool own = named[0].type == DeviceType::Cuda;
    return own ? Device{DeviceType::Cuda, local_rank} : named[0];
  }
  NW_CHECK(static_cast<size_t>(local_rank) < named.size(), "the device setting names ",
           named.size(), " devices (", devices, "), but there is a process ", local_rank,
           " on this machine, counted from 0");
  return named[static_cast<size_t>(local_rank)];
}

}  // namespace nw::cli
