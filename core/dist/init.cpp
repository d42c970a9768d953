#include "core/dist/init.h"

#include <unistd.h>

#include <charconv>
#include <map>
#include <mutex>
#include <random>
#include <utility>

#include "core/base/error.h"
#include "core/dist/environment.h"
#include "core/dist/joining_store.h"
#include "core/dist/sockets.h"

namespace nw::dist {
namespace {

using std::chrono::milliseconds;

// Under torchrun the port itself is taken: rank 0 takes one of so many that follow.
constexpr int kPortsBesideAgent = 16;

/// The process's one default group, and how often each method was used to make one: processes that
/// leave and join again must not meet those that have not left yet.
struct State {
  std::mutex mutex;
  std::shared_ptr<ProcessGroup> group;
  std::shared_ptr<Store> store;
  std::map<std::string, int> uses;
};

State& state() {
  // Not destroyed at exit, when threads may still be at work: destroy_process_group() does it.
  static State& state = *new State;
  return state;
}

/// Where the ranks meet, as an init method says.
struct Meeting {
  int rank = -1;
  int world_size = -1;
  std::string host;
  int port = 0;
  int ports = 1;
  std::string path;  // of file://
};

int parse_number(std::string_view text, std::string_view what) {
  int out = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  NW_CHECK(problem == std::errc() && end == text.data() + text.size(), "[init_process_group] ",
           what, " must be a whole number, is '", text, "'");
  return out;
}

std::string variable(const char* name, std::string_view remedy) {
  const std::optional<std::string> value = environment_variable(name);
  NW_CHECK(value, "[init_process_group] the init method env:// expects the environment variable ",
           name,
           ", which is not set: start the processes by 'netwright-cli train "
           "--nproc-per-node' or torchrun, or ",
           remedy);
  return *value;
}

/// Takes "?rank=0&world_size=4" off the end of `method`.
void take_query(std::string& method, Meeting& meeting) {
  const size_t mark = method.find('?');
  if (mark == method.npos) return;
  std::string_view rest = std::string_view(method).substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const size_t equals = std::min(part.find('='), part.size() - 1);
    const std::string_view name = part.substr(0, equals);
    const std::string_view value = part.substr(equals + 1);
    NW_CHECK(name == "rank" || name == "world_size", "[init_process_group] the init method takes ",
             "rank and world_size behind its '?', gets '", part, "'");
    (name == "rank" ? meeting.rank : meeting.world_size) = parse_number(value, name);
  }
  method.erase(mark);
}

void read_environment(const InitOptions& options, Meeting& meeting) {
  if (options.rank < 0 && meeting.rank < 0) {
    meeting.rank = parse_number(variable("RANK", "give the rank"), "RANK");
  }
  if (options.world_size < 0 && meeting.world_size < 0) {
    meeting.world_size = parse_number(variable("WORLD_SIZE", "give the world size"), "WORLD_SIZE");
  }
  constexpr std::string_view kAddress = "set it to the address of the machine of rank 0";
  meeting.host = variable("MASTER_ADDR", kAddress);
  meeting.port =
      parse_number(variable("MASTER_PORT", "set it to a free port there"), "MASTER_PORT");
  if (environment_variable("TORCHELASTIC_USE_AGENT_STORE") == "True") {
    meeting.ports = kPortsBesideAgent;
    ++meeting.port;
    if (meeting.port + meeting.ports > 65536) meeting.port -= 1 + meeting.ports;
  }
}

/// HOST:PORT, [IPV6]:PORT.
void read_address(std::string_view text, Meeting& meeting) {
  while (text.ends_with('/')) text.remove_suffix(1);
  const size_t colon = text.rfind(':');
  NW_CHECK(colon != text.npos && colon > 0, "[init_process_group] expects tcp://HOST:PORT, gets ",
           "tcp://", text);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  meeting.host = host;
  meeting.port = parse_number(text.substr(colon + 1), "the port of tcp://HOST:PORT");
}

Meeting read_method(const InitOptions& options) {
  constexpr std::string_view kEnv = "env://", kTcp = "tcp://", kFile = "file://";
  Meeting out;
  std::string method = options.init_method;
  if (!options.store) take_query(method, out);
  if (options.store) {
  } else if (method == kEnv) {
    read_environment(options, out);
  } else if (method.starts_with(kTcp)) {
    read_address(std::string_view(method).substr(kTcp.size()), out);
  } else if (method.starts_with(kFile)) {
    out.path = method.substr(kFile.size());
    NW_CHECK(out.path.starts_with('/'), "[init_process_group] expects file:///PATH with an ",
             "absolute path, gets ", options.init_method);
  } else {
    throw Error(concat("[init_process_group] does not know the init method '", options.init_method,
                       "': use env://, tcp://HOST:PORT or file:///PATH"));
  }
  if (options.rank >= 0) out.rank = options.rank;
  if (options.world_size >= 0) out.world_size = options.world_size;
  NW_CHECK(out.rank >= 0 && out.world_size >= 1, "[init_process_group] expects a rank and a world ",
           "size for ", options.init_method, ", gets rank ", out.rank, " and world size ",
           out.world_size);
  NW_CHECK(out.rank < out.world_size, "[init_process_group] expects a rank from 0 to ",
           out.world_size - 1, ", gets ", out.rank);
  return out;
}

/// Tells one run of ranks from the next at the same place, and from other trainings there.
std::string job_name(const Meeting& meeting, int uses) {
  const auto from = [](const char* name) { return environment_variable(name).value_or(""); };
  return concat(meeting.port, "/", from("TORCHELASTIC_RUN_ID"), "/",
                from("TORCHELASTIC_RESTART_COUNT"), "/", uses);
}

struct Opened {
  std::shared_ptr<Store> store;
  std::shared_ptr<TcpStore> connection = {};  // the same, where it was made here
};

Opened open_store(const InitOptions& options, const Meeting& meeting, int uses) {
  if (options.store) return {options.store};
  if (!meeting.path.empty()) {
    return {std::make_shared<FileStore>(meeting.path, meeting.world_size)};
  }
  const auto made =
      std::make_shared<TcpStore>(meeting.host, meeting.port, meeting.rank == 0, options.timeout,
                                 job_name(meeting, uses), meeting.ports);
  return {made, made};
}

std::string own_mark() {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  std::random_device random;
  return concat("process ", getpid(), " on ", host, " (", random(), random(), ")");
}

/// Puts this process down as its rank of a world of that size.
void claim_rank(Store& store, const std::string& prefix, int rank, int world_size,
                const std::string& mine) {
  const std::string size = store.set_if_absent(prefix + "size", std::to_string(world_size));
  NW_CHECK(size == std::to_string(world_size), "[init_process_group] rank ", rank,
           " says that the world has ", world_size, " processes, another said ", size);
  const std::string owner = store.set_if_absent(concat(prefix, "rank/", rank), mine);
  NW_CHECK(owner == mine, "[init_process_group] rank ", rank, " is taken twice, by ", owner,
           " and by ", mine, ": give each process its own RANK",
           "; a store left by an earlier run ", "must be removed");
}

}  // namespace

std::shared_ptr<ProcessGroup> init_process_group(const InitOptions& options) {
  check_backend(options.backend);
  const Meeting meeting = read_method(options);
  State& all = state();
  int uses = 0;
  {
    const std::lock_guard lock(all.mutex);
    NW_CHECK(!all.group,
             "[init_process_group] there is a default group already: "
             "destroy_process_group() ends it");
    uses = all.uses[options.init_method];
  }
  const Opened opened = open_store(options, meeting, uses);
  const std::shared_ptr<Store>& store = opened.store;
  {
    const std::lock_guard lock(all.mutex);
    ++all.uses[options.init_method];
  }
  const std::string name = concat("default/", uses);
  const std::string prefix = concat("group/", name, "/");
  const std::string mark = own_mark();
  claim_rank(*store, prefix, meeting.rank, meeting.world_size, mark);
  std::shared_ptr<JoiningStore> joining;
  if (opened.connection) {
    joining = std::make_shared<JoiningStore>(opened.connection, prefix + "gone",
                                             concat("rank ", meeting.rank, ", ", mark, ","));
  }

  GroupOptions group;
  group.name = name;
  group.rank = meeting.rank;
  group.size = meeting.world_size;
  group.store = joining ? joining : store;
  group.timeout = options.timeout;
  group.device = options.device;
  std::shared_ptr<ProcessGroup> made = make_process_group(options.backend, group);
  if (joining) joining->all_have_come();

  const std::lock_guard lock(all.mutex);
  NW_CHECK(!all.group, "[init_process_group] another thread has made the default group");
  all.group = made;
  all.store = store;
  return made;
}

bool is_initialized() {
  const std::lock_guard lock(state().mutex);
  return state().group != nullptr;
}

std::shared_ptr<ProcessGroup> default_group() {
  const std::lock_guard lock(state().mutex);
  NW_CHECK(state().group,
           "[default_group] there is no process group: call init_process_group() "
           "first");
  return state().group;
}

std::shared_ptr<Store> default_store() {
  const std::lock_guard lock(state().mutex);
  NW_CHECK(state().store,
           "[default_store] there is no process group: call init_process_group() "
           "first");
  return state().store;
}

void destroy_process_group() {
  std::shared_ptr<Store> store;
  std::shared_ptr<ProcessGroup> group;  // goes first, and without the lock
  const std::lock_guard lock(state().mutex);
  group.swap(state().group);
  store.swap(state().store);
}

}  // namespace nw::dist
