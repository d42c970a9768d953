#include "core/dist/store_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/base/error.h"

namespace nw::dist {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kGreetingTime = std::chrono::seconds(10);
constexpr milliseconds kAcceptPause{100};
constexpr size_t kReadBytes = size_t{1} << 16;

void reply(std::string& out, Answer answer, std::string_view value) {
  put(out, static_cast<uint32_t>(1 + value.size()));
  put(out, static_cast<uint8_t>(answer));
  out += value;
}

}  // namespace

StoreServer::StoreServer(const std::string& host, int port, int ports, std::string job)
    : job_(std::move(job)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  NW_CHECK(wake_, "[TcpStore] cannot start: ", std::strerror(errno));
  for (int i = 0; i < ports && !listener_; ++i) listener_ = listen_at(host, port + i);
  NW_CHECK(listener_, "[TcpStore] cannot listen at port ", port,
           ports > 1 ? concat(" or the ", ports - 1, " that follow") : "", " of ", host, ": ",
           std::strerror(errno), "; choose another port, or 0 for a free one");
  port_ = local_port(listener_);
  thread_ = std::thread([this] { run(); });
}

StoreServer::~StoreServer() {
  const uint64_t one = 1;
  while (::write(wake_.descriptor(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  thread_.join();
}

void StoreServer::run() {
  std::vector<pollfd> entries;
  for (;;) {
    const bool accepts = Clock::now() >= accept_again_;
    entries = {{wake_.descriptor(), POLLIN, 0},
               {listener_.descriptor(), static_cast<short>(accepts ? POLLIN : 0), 0}};
    for (const Client& client : clients_) {
      const int events = POLLIN | (client.out.empty() ? 0 : POLLOUT);
      entries.push_back({client.socket.descriptor(), static_cast<short>(events), 0});
    }
    if (poll(entries.data(), entries.size(), next_ms()) < 0) continue;
    if (entries[0].revents != 0) return;

    size_t at = 2;
    for (auto client = clients_.begin(); client != clients_.end(); ++at) {
      const bool stays = entries[at].revents == 0 || read(*client);
      client = stays ? std::next(client) : end(client);
    }
    if (entries[1].revents != 0) accept_all();
    finish_round();
  }
}

int StoreServer::next_ms() const {
  Clock::time_point next = deadline_in(std::chrono::hours(1));
  for (const Client& client : clients_) {
    if (client.waits || !client.greeted) next = std::min(next, client.deadline);
  }
  if (accept_again_ > Clock::now()) next = std::min(next, accept_again_);
  return poll_ms(next);
}

void StoreServer::accept_all() {
  for (;;) {
    Socket socket(accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      // Out of descriptors: asking again at once would keep a processor busy.
      if (errno == EMFILE || errno == ENFILE) accept_again_ = deadline_in(kAcceptPause);
      return;
    }
    Client& client = clients_.emplace_back();
    client.socket = std::move(socket);
    client.deadline = deadline_in(kGreetingTime);
  }
}

bool StoreServer::read(Client& client) {
  std::array<char, kReadBytes> bytes;
  for (;;) {
    const ssize_t got = recv(client.socket.descriptor(), bytes.data(), bytes.size(), 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    client.in.append(bytes.data(), static_cast<size_t>(got));
    if (!understand(client)) return false;
    // What one connection sends must not keep the others waiting.
    if (static_cast<size_t>(got) < bytes.size()) return true;
  }
}

bool StoreServer::write(Client& client) {
  size_t done = 0;
  while (done < client.out.size()) {
    const ssize_t sent = send(client.socket.descriptor(), client.out.data() + done,
                              client.out.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (sent < 0) break;
    done += static_cast<size_t>(sent);
  }
  client.out.erase(0, done);
  return !(client.ends && client.out.empty());
}

bool StoreServer::understand(Client& client) {
  if (!client.greeted && !greet(client)) return false;
  size_t at = 0;
  while (client.greeted && !client.ends && client.in.size() - at >= sizeof(uint32_t)) {
    const std::string_view rest = std::string_view(client.in).substr(at);
    const size_t length = get_number<uint32_t>(rest);
    if (length < kRequestHead || length > kMaxFrameBytes) return false;
    if (rest.size() - sizeof(uint32_t) < length) break;
    if (!answer(client, rest.substr(sizeof(uint32_t), length))) return false;
    at += sizeof(uint32_t) + length;
  }
  client.in.erase(0, at);
  return true;
}

bool StoreServer::greet(Client& client) {
  const std::string_view in = client.in;
  const size_t known = std::min(in.size(), kClientWord.size());
  if (in.substr(0, known) != kClientWord.substr(0, known)) return false;
  constexpr size_t kHead = kClientWord.size() + sizeof(uint32_t);
  if (in.size() < kHead) return true;
  const size_t length = get_number<uint32_t>(in.substr(kClientWord.size()));
  if (length > kMaxJobBytes) return false;
  if (in.size() < kHead + length) return true;

  const bool ours = in.substr(kHead, length) == job_;
  client.out += kServerWord;
  put(client.out, static_cast<uint8_t>(ours ? Greeting::Welcome : Greeting::OtherJob));
  client.in.erase(0, kHead + length);
  client.greeted = true;
  client.ends = !ours;
  return true;
}

bool StoreServer::answer(Client& client, std::string_view frame) {
  const auto request = get_number<uint8_t>(frame);
  const size_t key_bytes = get_number<uint32_t>(frame.substr(1));
  frame.remove_prefix(kRequestHead);
  // A client says one thing at a time: one that waits has nothing to say, nor one that does not
  // read its answers.
  if (client.waits || client.out.size() > kMaxFrameBytes || request >= kRequestCount ||
      key_bytes > kMaxKeyBytes || key_bytes > frame.size() ||
      frame.size() - key_bytes > kMaxValueBytes) {
    return false;
  }
  return answer_request(client, static_cast<Request>(request),
                        std::string(frame.substr(0, key_bytes)), frame.substr(key_bytes));
}

bool StoreServer::answer_request(Client& client, Request request, const std::string& key,
                                 std::string_view value) {
  const std::string* found = values_.find(key);
  switch (request) {
    case Request::Set:
      set(key, std::string(value));
      reply(client.out, Answer::Value, {});
      return true;
    case Request::SetIfAbsent:
      if (found == nullptr) set(key, std::string(value));
      reply(client.out, Answer::Value, *values_.find(key));
      return true;
    case Request::Look:
    case Request::Get:
      if (found != nullptr) {
        reply(client.out, Answer::Value, *found);
      } else if (request == Request::Look) {
        reply(client.out, Answer::Nothing, {});
      } else {
        return begin_wait(client, key, value);
      }
      return true;
    case Request::Will:
      client.will_key = key;
      client.will = value;
      reply(client.out, Answer::Value, {});
      return true;
    case Request::Add: {
      if (value.size() != sizeof(int64_t)) return false;
      const std::optional<int64_t> sum = values_.sum(key, get_number<int64_t>(value));
      if (sum) set(key, std::to_string(*sum));
      reply(client.out, sum ? Answer::Value : Answer::Refused,
            sum ? std::to_string(*sum) : "its value is no counter, or the sum is too large");
      return true;
    }
  }
  return false;
}

bool StoreServer::begin_wait(Client& client, const std::string& key,
                             std::string_view milliseconds) {
  if (milliseconds.size() != sizeof(int64_t)) return false;
  client.waits = true;
  client.key = key;
  client.deadline = deadline_in(std::chrono::milliseconds(get_number<int64_t>(milliseconds)));
  return true;
}

void StoreServer::set(const std::string& key, std::string value) {
  values_.set(key, std::move(value));
  for (Client& client : clients_) {
    if (!client.waits || client.key != key) continue;
    client.waits = false;
    reply(client.out, Answer::Value, *values_.find(key));
  }
}

StoreServer::Place StoreServer::end(Place client) {
  const std::string key = std::move(client->will_key), value = std::move(client->will);
  const Place next = clients_.erase(client);
  if (!key.empty() && values_.find(key) == nullptr) set(key, value);
  return next;
}

void StoreServer::finish_round() {
  const Clock::time_point now = Clock::now();
  for (auto client = clients_.begin(); client != clients_.end();) {
    const bool late = now >= client->deadline;
    if (late && client->waits) {
      client->waits = false;
      reply(client->out, Answer::Nothing, {});
    }
    const bool stays = !(late && !client->greeted) && write(*client);
    client = stays ? std::next(client) : end(client);
  }
}

}  // namespace nw::dist
