#include "core/dist/gloo_mesh.h"

#include <gloo/transport/tcp/device.h>
#include <ifaddrs.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "core/base/error.h"
#include "core/dist/pipe_signal.h"
#include "core/dist/sockets.h"
#include "core/dist/store.h"

namespace nw::dist {
namespace {

using std::chrono::milliseconds;

// How long leaving notes may take; longer where a peer is stopped and its buffers are full.
constexpr milliseconds kNoteTime{500};
// How long to wait for what the readers of notes say of broken connections.
constexpr milliseconds kReaderTime{1000};
constexpr milliseconds kAtOnce{1};

std::string key(const GroupOptions& options, std::string_view what, int rank) {
  return concat("group/", options.name, "/", what, "/", rank);
}

/// Gloo's view of our store: its keys below those of the group.
class RendezvousStore final : public gloo::rendezvous::Store {
 public:
  RendezvousStore(const GroupOptions& options, Clock::time_point deadline)
      : options_(options), deadline_(deadline) {}

  void set(const std::string& name, const std::vector<char>& data) override {
    options_.store->set(full(name), std::string(data.begin(), data.end()));
  }
  std::vector<char> get(const std::string& name) override {
    const std::string found = options_.store->get(full(name), left());
    return {found.begin(), found.end()};
  }
  void wait(const std::vector<std::string>& names) override {
    for (const std::string& name : names) options_.store->get(full(name), left());
  }
  void wait(const std::vector<std::string>& names, const milliseconds&) override { wait(names); }

 private:
  std::string full(const std::string& name) const {
    return concat("group/", options_.name, "/gloo/", name);
  }
  milliseconds left() const { return milliseconds(poll_ms(deadline_, std::chrono::hours(500))); }

  const GroupOptions& options_;
  Clock::time_point deadline_;
};

/// All that ranks put below `what`, in their order.
std::vector<std::string> gather(const GroupOptions& options, std::string_view what,
                                const std::string& own, Clock::time_point deadline) {
  Store& store = *options.store;
  store.set(key(options, what, options.rank), own);
  std::vector<std::string> out;
  for (int rank = 0; rank < options.size; ++rank) {
    try {
      out.push_back(store.get(key(options, what, rank),
                              milliseconds(poll_ms(deadline, std::chrono::hours(500)))));
    } catch (const Error&) {
      if (Clock::now() < deadline) throw;
      std::string missing;
      for (int other = rank; other < options.size; ++other) {
        if (store.look(key(options, what, other))) continue;
        missing += concat(missing.empty() ? "" : ", ", other);
      }
      throw Error(concat("[init_process_group] rank ", options.rank, " of ", options.size,
                         " waited ", to_text(options.timeout), " for rank ", missing,
                         ", which did not come: was it started, with the same world size and "
                         "address, and can it reach the store?"));
    }
  }
  return out;
}

bool is_interface(const std::string& name) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return false;
  bool found = false;
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    found = found || name == each->ifa_name;
  }
  freeifaddrs(all);
  return found;
}

/// Without a store that knows: the machine's own name, as PyTorch does, where it has an address.
std::string own_address() {
  char name[HOST_NAME_MAX + 1] = {};
  std::string why;
  if (gethostname(name, sizeof(name) - 1) == 0) {
    for (const Endpoint& place : resolve(name, 0, why)) {
      if (can_listen_at(place)) return number_of(place);
    }
  }
  return "127.0.0.1";
}

/// A rank that reaches the store within its own machine must choose an address that ranks on other
/// machines can reach: that from which packets to them go.
std::string address_for_all(const std::string& own, const std::vector<std::string>& all) {
  if (!is_loopback(own)) return own;
  for (const std::string& other : all) {
    if (is_loopback(other)) continue;
    const std::string towards = address_towards(other);
    if (!towards.empty()) return towards;
  }
  return own;
}

/// While it lives, threads that this one starts do not push others off their processor when they
/// wake up. Gloo's own thread turns round and round while another one is within the connection that
/// it wants; had it pushed off that very one, both would wait for the end of its time slice,
/// milliseconds for each message.
class PoliteThreads {
 public:
  PoliteThreads() : before_(sched_getscheduler(0)) {
    changed_ = before_ == SCHED_OTHER && set(SCHED_BATCH);
  }
  ~PoliteThreads() {
    if (changed_) set(before_);
  }
  PoliteThreads(const PoliteThreads&) = delete;
  PoliteThreads& operator=(const PoliteThreads&) = delete;

 private:
  static bool set(int policy) {
    const sched_param none{};
    return sched_setscheduler(0, policy, &none) == 0;
  }

  int before_;
  bool changed_ = false;
};

std::shared_ptr<gloo::transport::Device> make_device(const GroupOptions& options,
                                                     Clock::time_point deadline) {
  std::string chosen = options.interface;
  const char* variable = std::getenv("GLOO_SOCKET_IFNAME");
  if (chosen.empty() && variable != nullptr) chosen = variable;

  std::string own = options.store->local_address();
  if (own.empty()) own = own_address();
  const std::vector<std::string> all = gather(options, "address", own, deadline);
  gloo::transport::tcp::attr where;
  if (!chosen.empty() && is_interface(chosen)) {
    where.iface = chosen;
  } else {
    where.hostname = chosen.empty() ? address_for_all(own, all) : chosen;
  }
  try {
    const PoliteThreads politely;
    return gloo::transport::tcp::CreateDevice(where);
  } catch (const std::exception& problem) {
    throw Error(concat("[init_process_group] cannot use the network interface or address '",
                       where.iface.empty() ? where.hostname : where.iface, "': ", problem.what(),
                       "; GLOO_SOCKET_IFNAME may name another"));
  }
}

}  // namespace

GlooMesh::GlooMesh(const GroupOptions& options)
    : context_(std::make_shared<gloo::rendezvous::Context>(options.rank, options.size)),
      notes_(static_cast<size_t>(options.size)) {
  connect(options);
}

void GlooMesh::connect(const GroupOptions& options) {
  const NoPipeSignal guard;  // also of the thread that Gloo starts
  const Clock::time_point deadline = deadline_in(options.timeout);
  std::shared_ptr<gloo::transport::Device> device = make_device(options, deadline);
  RendezvousStore store(options, deadline);
  try {
    // Gloo waits five times as long for a connection.
    const milliseconds left(poll_ms(deadline, std::chrono::hours(400)));
    context_->setTimeout(std::max(left / 5, milliseconds(1)));
    context_->connectFullMesh(store, device);
    context_->setTimeout(kNoLimit);
    expect_notes();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {
    throw Error(concat("[init_process_group] rank ", options.rank, " of ", options.size,
                       " cannot connect to the others: ", problem.what()));
  }
}

void GlooMesh::expect_notes() {
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank()) continue;
    Note& note = notes_[static_cast<size_t>(peer)];
    note.buffer = buffer(note.text.data(), note.text.size());
    note.buffer->recv(peer, slot(Channel::Note));
  }
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank()) continue;
    notes_[static_cast<size_t>(peer)].reader = std::thread([this, peer] { read_note(peer); });
  }
}

GlooMesh::~GlooMesh() {
  leave();
  for (Note& note : notes_) {
    if (note.reader.joinable()) note.reader.join();
  }
}

GlooBuffer GlooMesh::buffer(void* bytes, size_t count) const {
  return context_->createUnboundBuffer(bytes, count);
}

void GlooMesh::wait(gloo::transport::UnboundBuffer& buffer, Direction direction) {
  constexpr const char* kBroken = "the connections were broken";
  {
    const std::lock_guard lock(waits_mutex_);
    NW_CHECK(!waits_ended_, kBroken);
    waits_.insert(&buffer);
  }
  struct Waiting {
    ~Waiting() {
      const std::lock_guard lock(mesh.waits_mutex_);
      mesh.waits_.erase(&buffer);
    }
    GlooMesh& mesh;
    gloo::transport::UnboundBuffer& buffer;
  } const waiting{*this, buffer};
  const bool done =
      direction == Direction::Send ? buffer.waitSend(kNoLimit) : buffer.waitRecv(kNoLimit);
  NW_CHECK(done, kBroken);
}

void GlooMesh::end_waits() {
  const std::lock_guard lock(waits_mutex_);
  waits_ended_ = true;
  for (gloo::transport::UnboundBuffer* buffer : waits_) {
    buffer->abortWaitSend();
    buffer->abortWaitRecv();
  }
}

/// What a peer leaves, or that it went away without a word.
void GlooMesh::read_note(int peer) {
  Note& note = notes_[static_cast<size_t>(peer)];
  std::string text;
  try {
    wait_recv(*note.buffer);
    text.assign(note.text.data(), strnlen(note.text.data(), note.text.size()));
  } catch (const std::exception&) {
  }
  const std::lock_guard lock(mutex_);
  if (broken_) return;
  note.read = text;
  if (text.empty()) {
    if (!loss_) loss_ = Loss{{}, Clock::now()};
    loss_->cause = concat(loss_->cause.empty() ? "" : loss_->cause + ", ", "rank ", peer);
  }
  note_read_.notify_all();
  if (text.starts_with(kFailed)) break_locked(kFailed, text.substr(1));
}

std::optional<GlooMesh::Loss> GlooMesh::loss() const {
  const std::lock_guard lock(mutex_);
  std::optional<Loss> out = loss_;
  if (out) out->cause += " went away: its process or the connection to it ended";
  return out;
}

std::string GlooMesh::break_all(const std::string& cause) {
  const std::lock_guard lock(mutex_);
  return broken_ ? cause_ : break_locked(kFailed, cause);
}

std::string GlooMesh::leave() {
  const std::lock_guard lock(mutex_);
  return broken_ ? cause_ : break_locked(kLeft, concat("rank ", rank(), " has left the group"));
}

std::string GlooMesh::break_after(const std::exception& problem) {
  std::unique_lock lock(mutex_);
  if (broken_) return cause_;
  const std::string cause = find_cause(problem, lock);
  return broken_ ? cause_ : break_locked(kFailed, cause);
}

std::string GlooMesh::break_locked(char kind, const std::string& cause) {
  const NoPipeSignal guard;
  broken_ = true;
  cause_ = cause;
  leave_notes(kind, cause);
  // A wait whose time is over at once is Gloo's way to break all connections with whatever waits
  // for them in this process; closing them wakes up nobody.
  char nothing = 0;
  const GlooBuffer buffer = this->buffer(&nothing, sizeof(nothing));
  try {
    buffer->waitRecv(kAtOnce);
  } catch (const std::exception&) {
  }
  end_waits();
  return cause;
}

/// Sending fails at once where the connection is broken.
bool GlooMesh::is_open(int peer) const {
  try {
    char nothing = 0;
    buffer(&nothing, sizeof(nothing))->send(peer, slot(Channel::Probe), 0, 0);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

/// Of what broke: the cause in a peer's note, or those that left none, or those that left in order.
std::string GlooMesh::find_cause(const std::exception& problem,
                                 std::unique_lock<std::mutex>& lock) {
  std::vector<const Note*> broken;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer != rank() && !is_open(peer)) broken.push_back(&notes_[static_cast<size_t>(peer)]);
  }
  note_read_.wait_for(lock, kReaderTime, [&] {
    return broken_ || std::all_of(broken.begin(), broken.end(),
                                  [](const Note* note) { return note->read.has_value(); });
  });
  std::string left;
  for (const Note* note : broken) {
    if (!note->read || note->read->empty()) continue;
    if (note->read->front() == kFailed) return note->read->substr(1);
    left = note->read->substr(1);
  }
  if (loss_) return loss_->cause + " went away: its process or the connection to it ended";
  return left.empty() ? problem.what() : left;
}

void GlooMesh::leave_notes(char kind, const std::string& cause) {
  std::array<char, sizeof(Note::text)> text{};
  text[0] = kind;
  std::copy_n(cause.begin(), std::min(cause.size(), text.size() - 2), text.begin() + 1);
  std::vector<GlooBuffer> sends;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank()) continue;
    GlooBuffer send = buffer(text.data(), text.size());
    try {
      send->send(peer, slot(Channel::Note));
      sends.push_back(std::move(send));
    } catch (const std::exception&) {  // it is gone
    }
  }
  const Clock::time_point deadline = deadline_in(kNoteTime);
  for (const GlooBuffer& send : sends) {
    try {
      send->waitSend(std::max(milliseconds(poll_ms(deadline)), kAtOnce));
    } catch (const std::exception&) {
    }
  }
}

}  // namespace nw::dist
