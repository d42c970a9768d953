#include <QTest>
#include <map>

#include "core/base/error.h"
#include "core/dist/environment.h"

using namespace nw;
using nw::dist::Placement;
using nw::dist::StartedBy;

namespace {

using Table = std::map<std::string, std::string>;

std::optional<Placement> read(const Table& table) {
  return dist::read_placement([&](const char* name) -> std::optional<std::string> {
    const auto found = table.find(name);
    if (found == table.end()) return {};
    return found->second;
  });
}

std::string failure(const Table& table) {
  try {
    read(table);
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

Table with(Table table, const Table& changes) {
  for (const auto& [name, value] : changes) table[name] = value;
  return table;
}

// As the programs set them; the values are those of a run on two nodes with two processes each.
const Table kTorchrun{{"RANK", "3"},
                      {"WORLD_SIZE", "4"},
                      {"LOCAL_RANK", "1"},
                      {"LOCAL_WORLD_SIZE", "2"},
                      {"GROUP_RANK", "1"},
                      {"MASTER_ADDR", "10.0.0.1"},
                      {"MASTER_PORT", "29400"},
                      {"TORCHELASTIC_RUN_ID", "none"},
                      {"TORCHELASTIC_USE_AGENT_STORE", "False"}};
const Table kOpenMpi{{"OMPI_COMM_WORLD_RANK", "3"},
                     {"OMPI_COMM_WORLD_SIZE", "4"},
                     {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                     {"OMPI_MCA_ess_base_jobid", "1234567"}};
const Table kHydra{
    {"PMI_RANK", "3"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}};
const Table kSrun{{"SLURM_PROCID", "3"},
                  {"SLURM_NTASKS", "4"},
                  {"SLURM_LOCALID", "1"},
                  {"SLURM_NODEID", "1"},
                  {"SLURM_NNODES", "2"},
                  {"SLURM_STEP_ID", "0"},
                  {"SLURM_JOB_ID", "77"},
                  {"SLURM_TASKS_PER_NODE", "2(x2)"},
                  {"SLURM_NODELIST", "node[07-08]"},
                  {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.9"}};

}  // namespace

class TestEnvironment : public QObject {
  Q_OBJECT

 private slots:
  void nothing_speaks_of_ranks() {
    QVERIFY(!read({}));
    QVERIFY(!read({{"RANK", ""}, {"WORLD_SIZE", ""}}));
    // The shell of salloc, and the script of sbatch, which is no task.
    QVERIFY(!read({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "4"}}));
    QVERIFY(!read({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"ENVIRONMENT", "BATCH"}}));
  }

  void each_starter_is_told_apart_data() {
    QTest::addColumn<Table>("table");
    QTest::addColumn<int>("by");
    QTest::addColumn<std::string>("address");
    const Table master{{"MASTER_ADDR", "10.0.0.1"}};
    const auto row = [](const char* name, const Table& table, StartedBy by, const char* address) {
      QTest::newRow(name) << table << static_cast<int>(by) << std::string(address);
    };
    row("torchrun", kTorchrun, StartedBy::Torchrun, "10.0.0.1");
    row("ours", with(kTorchrun, {{"NETWRIGHT_RESTART", "0"}}), StartedBy::Netwright, "10.0.0.1");
    row("Open MPI", with(kOpenMpi, master), StartedBy::OpenMpi, "10.0.0.1");
    row("Hydra", with(kHydra, master), StartedBy::Pmi, "10.0.0.1");
    row("srun", kSrun, StartedBy::Slurm, "node07");
    row("srun with an address", with(kSrun, master), StartedBy::Slurm, "10.0.0.1");
    row("srun without a list", with(kSrun, {{"SLURM_NODELIST", ""}}), StartedBy::Slurm, "10.0.0.9");
    // mpirun inside of sbatch; Hydra's processes that srun brought to the nodes.
    row("Open MPI in Slurm", with(with(kSrun, {{"SLURM_PROCID", "0"}}), with(kOpenMpi, master)),
        StartedBy::OpenMpi, "10.0.0.1");
    row("Hydra in Slurm", with(with(kSrun, {{"SLURM_PROCID", "1"}}), with(kHydra, master)),
        StartedBy::Pmi, "10.0.0.1");
    row("torchrun in srun", with(with(kSrun, {{"SLURM_PROCID", "1"}}), kTorchrun),
        StartedBy::Torchrun, "10.0.0.1");
    row("by hand",
        {{"RANK", "3"},
         {"WORLD_SIZE", "4"},
         {"LOCAL_RANK", "1"},
         {"LOCAL_WORLD_SIZE", "2"},
         {"MASTER_ADDR", "10.0.0.1"}},
        StartedBy::Variables, "10.0.0.1");
  }

  void each_starter_is_told_apart() {
    QFETCH(Table, table);
    QFETCH(int, by);
    QFETCH(std::string, address);
    const std::optional<Placement> place = read(table);
    QVERIFY(place);
    QCOMPARE(static_cast<int>(place->by), by);
    QCOMPARE(place->rank, 3);
    QCOMPARE(place->world_size, 4);
    QCOMPARE(place->local_rank, 1);
    QCOMPARE(place->local_size, 2);
    QCOMPARE(place->master_address, address);
    QVERIFY(place->master_port > 1024);
  }

  void the_starter_is_named() {
    QCOMPARE(read(kTorchrun)->started_by(), std::string("torchrun: RANK and WORLD_SIZE"));
    QCOMPARE(read(kSrun)->started_by(), std::string("srun: SLURM_PROCID and SLURM_NTASKS"));
  }

  void one_node_needs_no_address() {
    for (const Table& table :
         {with(kOpenMpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}}),
          with(kHydra, {{"MPI_LOCALNRANKS", "4"}}), Table{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}},
          with(kSrun,
               {{"SLURM_NNODES", "1"}, {"SLURM_TASKS_PER_NODE", "4"}, {"SLURM_NODEID", "0"}}),
          Table{{"RANK", "0"}, {"WORLD_SIZE", "1"}}}) {
      QCOMPARE(read(table)->master_address, std::string("127.0.0.1"));
    }
    QVERIFY(failure(kOpenMpi).find("MASTER_ADDR") != std::string::npos);
    QVERIFY(failure(kHydra).find("MASTER_ADDR") != std::string::npos);
    QVERIFY(failure({{"RANK", "0"}, {"WORLD_SIZE", "2"}}).find("MASTER_ADDR") != std::string::npos);
  }

  void jobs_of_one_machine_meet_at_different_ports() {
    const Table one = with(kOpenMpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}});
    const Table other = with(one, {{"OMPI_MCA_ess_base_jobid", "1234568"}});
    QCOMPARE(read(one)->master_port, read(with(one, {{"OMPI_COMM_WORLD_RANK", "0"}}))->master_port);
    QVERIFY(read(one)->master_port != read(other)->master_port);
    QCOMPARE(read(with(one, {{"MASTER_PORT", "5000"}}))->master_port, 5000);
    QCOMPARE(read({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}})->master_port, 29500);
    // A port at which torchrun's own store listens is left to it.
    const auto beside = read(with(kTorchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}}));
    QCOMPARE(beside->master_port, 29401);
    QCOMPARE(beside->master_ports, 16);
    QCOMPARE(read(kTorchrun)->master_port, 29400);
    QCOMPARE(read(kTorchrun)->master_ports, 1);
    QCOMPARE(read(kTorchrun)->job, std::string("none"));
  }

  void uneven_nodes_of_slurm() {
    const Table table = with(
        kSrun, {{"SLURM_NTASKS", "8"}, {"SLURM_TASKS_PER_NODE", "3(x2),2"}, {"SLURM_NODEID", "2"}});
    QCOMPARE(read(table)->local_size, 2);
    QCOMPARE(read(with(table, {{"SLURM_NODEID", "1"}}))->local_size, 3);
    // A step with fewer tasks than the job.
    QCOMPARE(read(with(table, {{"SLURM_STEP_NUM_TASKS", "5"}}))->world_size, 5);
  }

  void first_hosts_of_slurm() {
    for (const auto& [list, host] : std::map<std::string, std::string>{
             {"node7", "node7"},
             {"node7,node9", "node7"},
             {"node[03-07,12],gpu1", "node03"},
             {"node[12,3]", "node12"},
             {"rack[1-2]-n[4-5]", "rack1-n4"},
             {"n[1-2].lab,x", "n1.lab"},
         }) {
      QCOMPARE(dist::first_slurm_host(list), host);
    }
    QVERIFY_THROWS_EXCEPTION(Error, dist::first_slurm_host("node[3"));
    QVERIFY_THROWS_EXCEPTION(Error, dist::first_slurm_host("node[3-4"));
  }

  void halves_and_contradictions_data() {
    QTest::addColumn<Table>("table");
    QTest::addColumn<std::string>("text");
    const auto row = [](const char* name, const Table& table, const char* text) {
      QTest::newRow(name) << table << std::string(text);
    };
    row("rank only", {{"RANK", "0"}}, "RANK is set, but not WORLD_SIZE");
    row("size only", {{"WORLD_SIZE", "2"}}, "WORLD_SIZE is set, but not RANK");
    row("torchrun without size", with(kTorchrun, {{"WORLD_SIZE", ""}}), "but not WORLD_SIZE");
    row("Open MPI's rank only", {{"OMPI_COMM_WORLD_RANK", "0"}}, "but not OMPI_COMM_WORLD_SIZE");
    row("PMI's size only", {{"PMI_SIZE", "2"}}, "but not PMI_RANK");
    row("srun without size", {{"SLURM_PROCID", "0"}}, "but not SLURM_NTASKS");
    row("no number", with(kTorchrun, {{"RANK", "two"}}),
        "RANK expects a whole number from 0 to 1048576, gets \"two\"");
    row("half a number", with(kTorchrun, {{"RANK", "2x"}}), "gets \"2x\"");
    row("negative", with(kTorchrun, {{"RANK", "-1"}}), "gets \"-1\"");
    row("too large to read", with(kTorchrun, {{"RANK", "99999999999999999999"}}), "gets");
    row("outside the world", with(kTorchrun, {{"RANK", "4"}}),
        "RANK expects a rank below WORLD_SIZE (4), gets 4");
    row("nobody", with(kTorchrun, {{"WORLD_SIZE", "0"}}), "WORLD_SIZE expects");
    row("more here than in all", with(kTorchrun, {{"LOCAL_WORLD_SIZE", "5"}}),
        "5 processes on this node, but only 4 in all");
    row("local rank outside", with(kTorchrun, {{"LOCAL_RANK", "2"}}), "LOCAL_RANK expects");
    row("bad port", with(kTorchrun, {{"MASTER_PORT", "70000"}}), "MASTER_PORT expects");
    row("two ranks", with(kOpenMpi, {{"RANK", "1"}, {"MASTER_ADDR", "a"}}),
        "RANK is 1, but OMPI_COMM_WORLD_RANK is 3; unset one of them");
    row("two sizes", with(kSrun, {{"WORLD_SIZE", "2"}}), "WORLD_SIZE is 2, but SLURM_NTASKS is 4");
  }

  void halves_and_contradictions() {
    QFETCH(Table, table);
    QFETCH(std::string, text);
    const std::string said = failure(table);
    QVERIFY2(said.find(text) != std::string::npos, said.c_str());
    QVERIFY2(said.starts_with("[environment] "), said.c_str());
  }

  void equal_numbers_are_no_contradiction() {
    const Table table = with(
        kOpenMpi, {{"RANK", "3"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "a"}, {"LOCAL_RANK", "1"}});
    QCOMPARE(read(table)->rank, 3);
  }
};

QTEST_GUILESS_MAIN(TestEnvironment)
#include "test_environment.moc"
