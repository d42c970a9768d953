#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include "core/base/error.h"
#include "core/dist/sockets.h"
#include "core/dist/store.h"
#include "core/dist/store_frames.h"
#include "core/dist/store_server.h"

namespace nw::dist {
namespace {

using std::chrono::milliseconds;

// How long one try to reach the server may take, and the pause between two.
constexpr milliseconds kTryTime = std::chrono::seconds(2);
constexpr milliseconds kShortPause{10}, kLongPause{400};
// A name that the system does not know may become known while a cluster starts up; not for long.
constexpr milliseconds kNameTime = std::chrono::seconds(10);
// How much later than the wait that it was asked for the server may answer where nobody says: the
// store's timeout, within these bounds.
constexpr milliseconds kLeastGrace = std::chrono::seconds(20), kMostGrace = std::chrono::minutes(1);

/// Why a try to reach the server failed; of several the most telling one is reported.
enum class Miss : uint8_t { Silent, Stranger, OtherJob };

struct Reached {
  Socket socket;
  Miss miss = Miss::Silent;
  std::string why;
};

std::string frame_of(Request request, const std::string& key, std::string_view value) {
  std::string frame;
  put(frame, static_cast<uint32_t>(kRequestHead + key.size() + value.size()));
  put(frame, static_cast<uint8_t>(request));
  put(frame, static_cast<uint32_t>(key.size()));
  frame += key;
  frame += value;
  return frame;
}

Reached greet(Socket socket, const std::string& job) {
  const Clock::time_point deadline = deadline_in(kTryTime);
  std::string word(kClientWord);
  put(word, static_cast<uint32_t>(job.size()));
  word += job;
  std::string answer(kServerWord.size() + 1, '\0');
  if (!send_all(socket, word, deadline) ||
      !receive_all(socket, answer.data(), answer.size(), deadline) ||
      !answer.starts_with(kServerWord)) {
    return {{}, Miss::Stranger, "what answers there is no store of this program"};
  }
  if (get_number<uint8_t>(answer.substr(kServerWord.size())) !=
      static_cast<uint8_t>(Greeting::Welcome)) {
    return {{}, Miss::OtherJob, "the store there belongs to another training"};
  }
  return {std::move(socket), {}, {}};
}

}  // namespace

struct TcpStore::Impl {
  std::string host;
  int port = 0;
  milliseconds timeout{}, grace{};
  std::string job;
  std::string address;
  Endpoint endpoint;                    // where the server was reached
  std::unique_ptr<StoreServer> server;  // in the process that serves

  // A call takes an idle connection, or opens one, so that calls do not wait for each other.
  std::mutex mutex;
  std::condition_variable no_calls;
  std::list<Socket> idle, busy;
  Socket will;  // the connection whose end the server waits for
  int calls = 0;
  bool closed = false;

  class Call;
  void reach(int ports);
  Reached try_ports(std::vector<Endpoint> places, int ports);
  Socket connect() const;
  bool tell_will(const Socket& socket, const std::string& key, const std::string& value) const;
  void close();
  std::string place() const { return concat(host, ":", port); }
  std::string ask(Request request, const std::string& key, std::string_view value,
                  milliseconds wait, bool* nothing = nullptr);
};

/// One call and its connection, which goes back to the idle ones if it was used to the end.
class TcpStore::Impl::Call {
 public:
  explicit Call(Impl& store) : store_(store) {
    std::unique_lock lock(store.mutex);
    check_open();
    ++store.calls;
    try {
      take(lock);
    } catch (...) {
      if (!lock) lock.lock();
      leave();
      throw;
    }
  }
  ~Call() {
    const std::lock_guard lock(store_.mutex);
    if (whole && !store_.closed) {
      store_.idle.splice(store_.idle.begin(), store_.busy, at_);
    } else {
      store_.busy.erase(at_);
    }
    leave();
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Socket& socket() const { return *at_; }
  bool whole = false;

  /// Throws what kept this call from its answer.
  [[noreturn]] void fail(const std::string& key) {
    const int code = errno;
    const std::lock_guard lock(store_.mutex);
    check_open();
    NW_CHECK(code != ETIMEDOUT, "[TcpStore] the store at ", store_.place(), " does not answer (",
             key, "): is its process, rank 0 or the launcher, stopped?");
    throw Error(concat("[TcpStore] the store at ", store_.place(), " went away (", key,
                       "): did its process, rank 0 or the launcher, end?"));
  }

 private:
  void check_open() const { NW_CHECK(!store_.closed, "[TcpStore] the store was closed"); }

  void take(std::unique_lock<std::mutex>& lock) {
    if (store_.idle.empty()) {
      lock.unlock();
      Socket made = store_.connect();
      lock.lock();
      check_open();
      store_.idle.push_front(std::move(made));
    }
    store_.busy.splice(store_.busy.begin(), store_.idle, store_.idle.begin());
    at_ = store_.busy.begin();
  }

  void leave() {
    if (--store_.calls == 0) store_.no_calls.notify_all();
  }

  Impl& store_;
  std::list<Socket>::iterator at_;
};

Socket TcpStore::Impl::connect() const {
  Reached reached{connect_to(endpoint, deadline_in(grace)), {}, {}};
  if (reached.socket) reached = greet(std::move(reached.socket), job);
  NW_CHECK(reached.socket, "[TcpStore] the store at ", place(),
           " went away: did its process, rank 0 or the launcher, end?");
  return std::move(reached.socket);
}

bool TcpStore::Impl::tell_will(const Socket& socket, const std::string& key,
                               const std::string& value) const {
  const Clock::time_point deadline = deadline_in(grace);
  std::string answer(sizeof(uint32_t) + 1, '\0');
  return send_all(socket, frame_of(Request::Will, key, value), deadline) &&
         receive_all(socket, answer.data(), answer.size(), deadline);
}

/// Looks at each port of each address once.
Reached TcpStore::Impl::try_ports(std::vector<Endpoint> places, int ports) {
  Reached most;
  for (int i = 0; i < ports; ++i) {
    for (Endpoint& place : places) {
      set_port(place, port + i);
      Reached reached{connect_to(place, deadline_in(kTryTime)), Miss::Silent, {}};
      if (reached.socket) {
        reached = greet(std::move(reached.socket), job);
      } else {
        reached.why = std::strerror(errno);
      }
      if (reached.socket) {
        endpoint = place;
        port += i;
        return reached;
      }
      if (most.why.empty() || reached.miss > most.miss) most = std::move(reached);
    }
  }
  return most;
}

/// Tries until the server is there; where it is in this process, its host may also be one that is
/// not reached from inside.
void TcpStore::Impl::reach(int ports) {
  const Clock::time_point deadline = deadline_in(timeout);
  const Clock::time_point name_deadline = deadline_in(std::min(timeout, kNameTime));
  std::string from = host;
  for (milliseconds pause = kShortPause;; pause = std::min(2 * pause, kLongPause)) {
    std::string why;
    Reached reached;
    const std::vector<Endpoint> places = resolve(from, port, why);
    if (!places.empty()) reached = try_ports(places, ports);
    if (reached.socket) {
      address = dist::local_address(reached.socket);
      idle.push_front(std::move(reached.socket));
      return;
    }
    NW_CHECK(!places.empty() || server || Clock::now() < name_deadline, "[TcpStore] the host '",
             host, "' has no address: ", why, "; check MASTER_ADDR or the init method");
    NW_CHECK(Clock::now() < deadline, "[TcpStore] found no store at ", place(),
             ports > 1 ? concat(" or the ", ports - 1, " ports that follow") : "", " within ",
             to_text(timeout), " (", places.empty() ? why : reached.why,
             "): is rank 0 running there, and can its port be reached from here?");
    if (server) from = "localhost";
    std::this_thread::sleep_for(std::min(pause, milliseconds(poll_ms(deadline) + 1)));
  }
}

void TcpStore::Impl::close() {
  const std::lock_guard lock(mutex);
  closed = true;
  idle.clear();
  for (const Socket& socket : busy) shutdown(socket.descriptor(), SHUT_RDWR);
}

/// The answer's value. `wait`: how long the server itself may wait.
std::string TcpStore::Impl::ask(Request request, const std::string& key, std::string_view value,
                                milliseconds wait, bool* nothing) {
  NW_CHECK(key.size() <= kMaxKeyBytes && value.size() <= kMaxValueBytes, "[TcpStore] expects a key",
           " of at most ", kMaxKeyBytes, " bytes and a value of at most 64 MiB, gets ", key.size(),
           " and ", value.size(), " bytes");
  const std::string frame = frame_of(request, key, value);
  Call call(*this);
  const Clock::time_point deadline = deadline_in(wait) + grace;
  std::string head(sizeof(uint32_t) + 1, '\0');
  if (!send_all(call.socket(), frame, deadline) ||
      !receive_all(call.socket(), head.data(), head.size(), deadline)) {
    call.fail(key);
  }
  const size_t length = get_number<uint32_t>(head);
  const auto answer = static_cast<Answer>(head.back());
  NW_CHECK(length >= 1 && length <= kMaxFrameBytes && answer <= Answer::Refused,
           "[TcpStore] the answer of the store at ", place(), " makes no sense (", key, ")");
  std::string out(length - 1, '\0');
  if (!receive_all(call.socket(), out.data(), out.size(), deadline)) call.fail(key);
  call.whole = true;
  NW_CHECK(answer != Answer::Refused, "[TcpStore] cannot add to '", key, "': ", out);
  if (nothing != nullptr) *nothing = answer == Answer::Nothing;
  return out;
}

TcpStore::TcpStore(const std::string& host, int port, bool serve, milliseconds timeout,
                   const std::string& job, int ports, milliseconds grace)
    : impl_(std::make_unique<Impl>()) {
  NW_CHECK(port >= (serve ? 0 : 1) && ports >= 1 && port + ports - 1 <= 65535,
           "[TcpStore] expects a port from 1 to 65535, gets ", port);
  NW_CHECK(job.size() <= kMaxJobBytes, "[TcpStore] expects a job's name of at most ", kMaxJobBytes,
           " bytes, gets ", job.size());
  impl_->host = host;
  impl_->timeout = timeout;
  impl_->grace = grace.count() > 0 ? grace : std::clamp(timeout, kLeastGrace, kMostGrace);
  impl_->job = job;
  impl_->port = port;
  if (serve) {
    impl_->server = std::make_unique<StoreServer>(host, port, ports, job);
    impl_->port = impl_->server->port();
    ports = 1;
  }
  impl_->reach(ports);
}

TcpStore::~TcpStore() {
  close();
  std::unique_lock lock(impl_->mutex);
  impl_->no_calls.wait(lock, [&] { return impl_->calls == 0; });
}

int TcpStore::port() const {
  return impl_->port;
}

std::string TcpStore::local_address() const {
  return impl_->address;
}

void TcpStore::close() {
  impl_->close();
}

void TcpStore::leave_will(const std::string& key, const std::string& value) {
  if (!impl_->will) impl_->will = impl_->connect();
  NW_CHECK(impl_->tell_will(impl_->will, key, value), "[TcpStore] the store at ", impl_->place(),
           " went away (", key, "): did its process, rank 0 or the launcher, end?");
}

void TcpStore::withdraw_will() {
  if (impl_->will) impl_->tell_will(impl_->will, {}, {});  // false: the server went first
  impl_->will = Socket();
}

void TcpStore::set(const std::string& key, std::string value) {
  impl_->ask(Request::Set, key, value, {});
}

std::string TcpStore::get(const std::string& key, milliseconds timeout) {
  std::string wait;
  put(wait, static_cast<int64_t>(timeout.count()));
  bool nothing = false;
  std::string out = impl_->ask(Request::Get, key, wait, timeout, &nothing);
  NW_CHECK(!nothing, "[TcpStore] nobody has set '", key, "' in the store at ", impl_->place(),
           " within ", to_text(timeout));
  return out;
}

std::optional<std::string> TcpStore::look(const std::string& key) {
  bool nothing = false;
  std::string out = impl_->ask(Request::Look, key, {}, {}, &nothing);
  if (nothing) return {};
  return out;
}

int64_t TcpStore::add(const std::string& key, int64_t amount) {
  std::string value;
  put(value, amount);
  const std::string sum = impl_->ask(Request::Add, key, value, {});
  return std::strtoll(sum.c_str(), nullptr, 10);
}

std::string TcpStore::set_if_absent(const std::string& key, const std::string& value) {
  return impl_->ask(Request::SetIfAbsent, key, value, {});
}

}  // namespace nw::dist
