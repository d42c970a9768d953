#include "core/dist/environment.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <tuple>

#include "core/base/error.h"

namespace nw::dist {
namespace {

constexpr int kTorchPort = 29500;  // torch.distributed's default
// Ports that jobs without one of their own share out: below those that systems lend to clients.
constexpr int kFirstJobPort = 20000;
constexpr int kJobPorts = 12000;
constexpr int kMostPort = 65535;
constexpr int kPortsBeside = 16;
constexpr int kMostRanks = 1 << 20;

/// The names by which a starter tells each process its place; null: it does not tell that.
struct Names {
  StartedBy by;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
  const char* job;  // something that differs from job to job
};

constexpr Names kNetwright{StartedBy::Netwright, "RANK", "WORLD_SIZE", "LOCAL_RANK",
                           "LOCAL_WORLD_SIZE",   nullptr};
constexpr Names kTorchrun{StartedBy::Torchrun, "RANK",
                          "WORLD_SIZE",        "LOCAL_RANK",
                          "LOCAL_WORLD_SIZE",  "TORCHELASTIC_RUN_ID"};
constexpr Names kOpenMpi{StartedBy::OpenMpi,           "OMPI_COMM_WORLD_RANK",
                         "OMPI_COMM_WORLD_SIZE",       "OMPI_COMM_WORLD_LOCAL_RANK",
                         "OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_MCA_ess_base_jobid"};
constexpr Names kPmi{StartedBy::Pmi,    "PMI_RANK",        "PMI_SIZE",
                     "MPI_LOCALRANKID", "MPI_LOCALNRANKS", nullptr};
constexpr Names kSlurm{StartedBy::Slurm, "SLURM_PROCID", "SLURM_NTASKS",
                       "SLURM_LOCALID",  nullptr,        "SLURM_JOB_ID"};
constexpr Names kVariables{StartedBy::Variables, "RANK", "WORLD_SIZE", "LOCAL_RANK",
                           "LOCAL_WORLD_SIZE",   nullptr};

class Reader {
 public:
  explicit Reader(const Lookup& lookup) : lookup_(lookup) {}

  std::optional<std::string> text(const char* name) const {
    if (name == nullptr) return {};
    std::optional<std::string> value = lookup_(name);
    if (value && value->empty()) value.reset();
    return value;
  }
  bool has(const char* name) const { return text(name).has_value(); }

  std::optional<int> number(const char* name, int least, int most) const {
    const std::optional<std::string> value = text(name);
    if (!value) return {};
    int number = 0;
    const char* end = value->data() + value->size();
    const auto [rest, failure] = std::from_chars(value->data(), end, number);
    NW_CHECK(failure == std::errc() && rest == end && number >= least && number <= most,
             "[environment] ", name, " expects a whole number from ", least, " to ", most,
             ", gets \"", *value, "\"");
    return number;
  }

 private:
  const Lookup& lookup_;
};

bool is_batch_script(const Reader& reader) {
  // sbatch sets the variables of a task for the script itself, which runs once and is no rank.
  return reader.text("ENVIRONMENT") == "BATCH" && !reader.has("SLURM_STEP_ID");
}

/// Whose variables tell the rank; nothing where none do.
std::optional<Names> starter(const Reader& reader) {
  if (reader.has("NETWRIGHT_RESTART")) return kNetwright;
  if (reader.has("TORCHELASTIC_RUN_ID")) return kTorchrun;
  if (reader.has(kOpenMpi.rank) || reader.has(kOpenMpi.size)) return kOpenMpi;
  if (reader.has(kPmi.rank) || reader.has(kPmi.size)) return kPmi;
  // SLURM_NTASKS alone is set in the shell of salloc, too.
  if (reader.has(kSlurm.rank) && !is_batch_script(reader)) return kSlurm;
  if (reader.has(kVariables.rank) || reader.has(kVariables.size)) return kVariables;
  return {};
}

void check_pair(const Reader& reader, const char* one, const char* other) {
  const bool has_one = reader.has(one);
  NW_CHECK(has_one == reader.has(other), "[environment] ", has_one ? one : other,
           " is set, but not ", has_one ? other : one,
           "; set both, or neither to train in one process");
}

/// RANK and WORLD_SIZE, where a script sets them from the starter's own.
void check_agreement(const Reader& reader, const Names& names, const Placement& place) {
  for (const auto& [name, own_name, own] :
       {std::tuple{kVariables.rank, names.rank, place.rank},
        std::tuple{kVariables.size, names.size, place.world_size}}) {
    const auto given = reader.number(name, 0, kMostRanks);
    NW_CHECK(!given || *given == own, "[environment] ", name, " is ", given.value_or(0), ", but ",
             own_name, " is ", own, "; unset one of them");
  }
}

/// "3(x2),1" tells how many tasks each node has: those of node `index`.
std::optional<int> slurm_tasks(const std::string& counts, int index) {
  const char* at = counts.data();
  const char* end = at + counts.size();
  while (at < end) {
    int tasks = 0;
    int nodes = 1;
    auto [rest, failure] = std::from_chars(at, end, tasks);
    if (failure != std::errc()) return {};
    if (end - rest > 2 && rest[0] == '(' && rest[1] == 'x') {
      const auto repeated = std::from_chars(rest + 2, end, nodes);
      if (repeated.ec != std::errc() || repeated.ptr == end || *repeated.ptr != ')') return {};
      rest = repeated.ptr + 1;
    }
    if (index < nodes) return tasks;
    index -= nodes;
    if (rest < end && *rest != ',') return {};
    at = rest + 1;
  }
  return {};
}

/// How many of the job's processes are on this node, as srun tells it.
std::optional<int> slurm_local_size(const Reader& reader) {
  const int node = reader.number("SLURM_NODEID", 0, kMostRanks).value_or(0);
  for (const char* name : {"SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"}) {
    if (const auto counts = reader.text(name)) return slurm_tasks(*counts, node);
  }
  return {};
}

/// Whether the starter says, or lets us take it, that all processes share this node.
bool on_one_node(const Reader& reader, const Placement& place, std::optional<int> local_size) {
  if (place.world_size == 1) return true;
  switch (place.by) {
    case StartedBy::Slurm:
      return reader.text("SLURM_NNODES") == "1";
    case StartedBy::Variables:  // torch.distributed asks for the address then, too
      return false;
    default:
      return local_size.value_or(place.world_size) == place.world_size;
  }
}

std::string master_address(const Reader& reader, const Placement& place, bool one_node) {
  if (const auto given = reader.text("MASTER_ADDR")) return *given;
  if (one_node) return "127.0.0.1";
  if (place.by == StartedBy::Slurm) {
    for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_NODELIST", "SLURM_JOB_NODELIST"}) {
      if (const auto list = reader.text(name)) return first_slurm_host(*list);
    }
    if (const auto launch = reader.text("SLURM_LAUNCH_NODE_IPADDR")) return *launch;
  }
  throw Error(concat("[environment] ", place.started_by(), " tells no address of rank 0 of ",
                     place.world_size,
                     "; set MASTER_ADDR to the host that rank 0 runs on (127.0.0.1 where all "
                     "are on this one)"));
}

/// Jobs that run at a time should not meet at one port.
int job_port(const std::string& job) {
  uint32_t mixed = 2166136261U;  // FNV-1a: the same on every node
  for (const char character : job) {
    mixed = (mixed ^ static_cast<uint8_t>(character)) * 16777619U;
  }
  return kFirstJobPort + static_cast<int>(mixed % kJobPorts);
}

void read_port(const Reader& reader, const Names& names, Placement& place) {
  place.job = reader.text(names.job).value_or("");
  const auto given = reader.number("MASTER_PORT", 1, kMostPort);
  place.master_port = given ? *given : place.job.empty() ? kTorchPort : job_port(place.job);
  // torchrun's own store may hold MASTER_PORT, and speaks torch's language.
  if (reader.text("TORCHELASTIC_USE_AGENT_STORE") == "True") {
    place.master_port = std::min(place.master_port + 1, kMostPort - kPortsBeside);
    place.master_ports = kPortsBeside;
  }
}

std::string name_of(StartedBy by) {
  switch (by) {
    case StartedBy::Netwright:
      return "netwright-cli";
    case StartedBy::Torchrun:
      return "torchrun";
    case StartedBy::OpenMpi:
      return "Open MPI's mpirun";
    case StartedBy::Pmi:
      return "mpirun (MPICH, Hydra or Intel MPI)";
    case StartedBy::Slurm:
      return "srun";
    case StartedBy::Variables:
      break;
  }
  return "the environment";
}

/// Rank and size.
Placement read_ranks(const Reader& reader, const Names& names) {
  check_pair(reader, names.rank, names.size);
  Placement place;
  place.by = names.by;
  place.source = concat(names.rank, " and ", names.size);
  place.world_size = *reader.number(names.size, 1, kMostRanks);
  place.rank = *reader.number(names.rank, 0, kMostRanks);
  NW_CHECK(place.rank < place.world_size, "[environment] ", names.rank, " expects a rank below ",
           names.size, " (", place.world_size, "), gets ", place.rank);
  if (std::string_view(names.rank) != kVariables.rank) check_agreement(reader, names, place);
  return place;
}

}  // namespace

std::string Placement::started_by() const {
  if (by == StartedBy::Netwright) return name_of(by);
  return concat(name_of(by), ": ", source);
}

std::optional<std::string> environment_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return {};
  return value;
}

std::string first_slurm_host(const std::string& list) {
  const size_t end = list.find_first_of("[,");
  std::string host = list.substr(0, end);
  if (end == std::string::npos || list[end] == ',') return host;
  const size_t stop = list.find_first_of("-,]", end + 1);
  NW_CHECK(stop != std::string::npos, "[environment] the list of nodes \"", list,
           "\" has a [ without its ]");
  host += list.substr(end + 1, stop - end - 1);
  const size_t close = list.find(']', end);
  NW_CHECK(close != std::string::npos, "[environment] the list of nodes \"", list,
           "\" has a [ without its ]");
  return host + first_slurm_host(list.substr(close + 1));  // "rack[1-2]-n[4-5]"
}

std::optional<Placement> read_placement(const Lookup& lookup) {
  const Reader reader(lookup);
  std::optional<Names> names = starter(reader);
  if (!names) return {};
  if (names->by == StartedBy::Slurm && reader.has("SLURM_STEP_NUM_TASKS")) {
    names->size = "SLURM_STEP_NUM_TASKS";  // a step may have fewer tasks than the job
  }
  Placement place = read_ranks(reader, *names);
  const auto local_size = place.by == StartedBy::Slurm
                              ? slurm_local_size(reader)
                              : reader.number(names->local_size, 1, kMostRanks);
  place.local_size = local_size.value_or(place.world_size);
  NW_CHECK(place.local_size <= place.world_size, "[environment] there are ", place.local_size,
           " processes on this node, but only ", place.world_size, " in all (", place.source, ")");
  place.local_rank =
      reader.number(names->local_rank, 0, kMostRanks).value_or(place.rank % place.local_size);
  NW_CHECK(place.local_rank < place.local_size, "[environment] ", names->local_rank,
           " expects a rank below the ", place.local_size, " processes on this node, gets ",
           place.local_rank);
  place.master_address = master_address(reader, place, on_one_node(reader, place, local_size));
  read_port(reader, *names, place);
  if (place.by == StartedBy::Netwright) {
    place.restart = *reader.number("NETWRIGHT_RESTART", 0, kMostRanks);
  }
  return place;
}

}  // namespace nw::dist
