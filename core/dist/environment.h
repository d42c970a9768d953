#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace nw::dist {

/// Who started this process as one of several.
enum class StartedBy : uint8_t {
  Netwright,  // our own launcher
  Torchrun,
  OpenMpi,
  Pmi,        // MPICH's, Hydra's or Intel's mpirun
  Slurm,      // srun
  Variables,  // RANK and WORLD_SIZE, set by hand or by a starter that we do not know
};

/// The place of this process among those that train together. Value type.
struct Placement {
  StartedBy by = StartedBy::Variables;
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;          // among those on this node
  int local_size = 1;          // world_size where the starter does not tell
  std::string master_address;  // where rank 0 keeps the store; for our launcher, the first node's
  int master_port = 0;
  int master_ports = 1;  // how many, from master_port on, the store may choose among
  std::string job;       // what tells this job from others, where the starter names it
  int restart = 0;       // how often our launcher has started all processes anew
  std::string source;    // the variables that rank and size were read from, for people

  /// "torchrun: RANK and WORLD_SIZE".
  std::string started_by() const;
};

/// Finds the value of an environment variable; nothing where it is not set. Empty counts as unset.
using Lookup = std::function<std::optional<std::string>(const char* name)>;
/// In this process's own environment.
std::optional<std::string> environment_variable(const char* name);

/// Reads rank, size and the address of the first process as the starter set them, in this order:
/// our launcher, torchrun (https://pytorch.org/docs/stable/elastic/run.html), Open MPI's mpirun,
/// that of MPICH, Hydra or Intel, srun (https://slurm.schedmd.com/srun.html), plain RANK and
/// WORLD_SIZE. MASTER_ADDR and MASTER_PORT stand over what a starter tells of the address. Nothing
/// when no variable speaks of ranks. Throws Error with a remedy where one of a pair is missing,
/// where a value is no number or out of range, where RANK contradicts the starter's own number, and
/// where the address of rank 0 is not known and the processes are not all on this node.
std::optional<Placement> read_placement(const Lookup& lookup = environment_variable);

/// The first host of a Slurm list: "node[03-07,12],gpu1" gives "node03".
std::string first_slurm_host(const std::string& list);

}  // namespace nw::dist
