#include "core/dist/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace nw::dist {
namespace {

constexpr int kBacklog = 1024;
// A silent connection is asked so often, and gone after so many questions without an answer.
constexpr int kKeepAliveSeconds = 10, kKeepAliveTries = 6;
// A wait is cut in slices; one that took so much longer was held.
constexpr std::chrono::milliseconds kSlice{1000}, kHeld{1000};

void set_option(int socket, int level, int name) {
  const int on = 1;
  setsockopt(socket, level, name, &on, sizeof(on));
}

/// So that a connection to a machine that went away without a word breaks also while nobody speaks.
void keep_alive(int socket) {
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE);
  for (const auto& [name, value] :
       {std::pair{TCP_KEEPIDLE, kKeepAliveSeconds}, std::pair{TCP_KEEPINTVL, kKeepAliveSeconds},
        std::pair{TCP_KEEPCNT, kKeepAliveTries}}) {
    setsockopt(socket, IPPROTO_TCP, name, &value, sizeof(value));
  }
}

Endpoint endpoint_of(const void* address, size_t length) {
  Endpoint out;
  std::memcpy(&out.address, address, length);
  out.length = static_cast<socklen_t>(length);
  return out;
}

const sockaddr* generic(const Endpoint& endpoint) {
  return reinterpret_cast<const sockaddr*>(&endpoint.address);
}

/// All devices, by IPv6 and IPv4 at once.
Endpoint any_v6(int port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<uint16_t>(port));
  return endpoint_of(&address, sizeof(address));
}

Endpoint any_v4(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  return endpoint_of(&address, sizeof(address));
}

std::vector<Endpoint> listening_places(const std::string& host, int port) {
  if (!is_loopback(host)) return {any_v6(port), any_v4(port)};
  std::string why;
  return resolve(host == "localhost" ? "127.0.0.1" : host, port, why);
}

Socket listen_at(const Endpoint& place) {
  Socket out(socket(place.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out) return out;
  set_option(out.descriptor(), SOL_SOCKET, SO_REUSEADDR);
  set_option(out.descriptor(), IPPROTO_TCP, TCP_NODELAY);  // inherited by what it accepts, as are
  keep_alive(out.descriptor());                            // these
  if (place.address.ss_family == AF_INET6) {
    const int off = 0;
    setsockopt(out.descriptor(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (bind(out.descriptor(), generic(place), place.length) == 0 &&
      listen(out.descriptor(), kBacklog) == 0) {
    return out;
  }
  return {};
}

Endpoint local_side(const Socket& socket) {
  Endpoint out;
  out.length = sizeof(out.address);
  if (getsockname(socket.descriptor(), reinterpret_cast<sockaddr*>(&out.address), &out.length)) {
    out.length = 0;
  }
  return out;
}

/// The time while a signal held this process does not count.
bool wait_for(const Socket& socket, short events, Clock::time_point deadline) {
  for (;;) {
    pollfd entry{socket.descriptor(), events, 0};
    const std::chrono::milliseconds slice(poll_ms(deadline, kSlice));
    const Clock::time_point begin = Clock::now();
    const int ready = poll(&entry, 1, static_cast<int>(slice.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
    const Clock::time_point now = Clock::now();
    if (now - begin > slice + kHeld) deadline += now - begin - slice;
    if (now >= deadline) {
      errno = ETIMEDOUT;
      return false;
    }
  }
}

bool try_again() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

Clock::time_point deadline_in(std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds kForever = std::chrono::hours(24 * 365);
  return Clock::now() + std::clamp(timeout, std::chrono::milliseconds(0), kForever);
}

int poll_ms(Clock::time_point deadline, std::chrono::milliseconds most) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), most).count());
}

std::string to_text(std::chrono::milliseconds time) {
  if (time.count() % 1000 == 0) return concat(time.count() / 1000, " s");
  return concat(time.count(), " ms");
}

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::vector<Endpoint> resolve(const std::string& host, int port, std::string& why) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int problem = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (problem != 0) {
    why = problem == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(problem);
    return {};
  }
  std::vector<Endpoint> out;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    out.push_back(endpoint_of(each->ai_addr, each->ai_addrlen));
  }
  freeaddrinfo(found);
  return out;
}

void set_port(Endpoint& endpoint, int port) {
  const in_port_t number = htons(static_cast<uint16_t>(port));
  if (endpoint.address.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(endpoint.address).sin6_port = number;
  } else {
    reinterpret_cast<sockaddr_in&>(endpoint.address).sin_port = number;
  }
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Socket listen_at(const std::string& host, int port) {
  for (const Endpoint& place : listening_places(host, port)) {
    if (Socket out = listen_at(place)) return out;
    if (errno == EADDRINUSE) break;
  }
  return {};
}

int local_port(const Socket& socket) {
  const Endpoint side = local_side(socket);
  const bool v6 = side.address.ss_family == AF_INET6;
  return ntohs(v6 ? reinterpret_cast<const sockaddr_in6&>(side.address).sin6_port
                  : reinterpret_cast<const sockaddr_in&>(side.address).sin_port);
}

std::string number_of(const Endpoint& place) {
  char text[NI_MAXHOST];
  if (place.length == 0 || getnameinfo(generic(place), place.length, text, sizeof(text), nullptr, 0,
                                       NI_NUMERICHOST) != 0) {
    return {};
  }
  constexpr std::string_view kMapped = "::ffff:";
  const std::string_view view = text;
  const bool mapped = view.starts_with(kMapped) && view.find('.') != view.npos;
  return std::string(mapped ? view.substr(kMapped.size()) : view);
}

bool can_listen_at(const Endpoint& place) {
  return static_cast<bool>(listen_at(place));
}

std::string local_address(const Socket& socket) {
  return number_of(local_side(socket));
}

std::string address_towards(const std::string& remote) {
  std::string why;
  // Connecting a datagram socket sends nothing: the system only chooses the way.
  for (const Endpoint& to : resolve(remote, 9, why)) {
    const Socket probe(socket(to.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (probe && connect(probe.descriptor(), generic(to), to.length) == 0) {
      return local_address(probe);
    }
  }
  return {};
}

Socket connect_to(const Endpoint& to, Clock::time_point deadline) {
  Socket out(socket(to.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out) return out;
  set_option(out.descriptor(), IPPROTO_TCP, TCP_NODELAY);
  keep_alive(out.descriptor());
  if (connect(out.descriptor(), generic(to), to.length) == 0) return out;
  if (errno != EINPROGRESS || !wait_for(out, POLLOUT, deadline)) return {};

  int problem = 0;
  socklen_t length = sizeof(problem);
  getsockopt(out.descriptor(), SOL_SOCKET, SO_ERROR, &problem, &length);
  if (problem == 0) return out;
  errno = problem;
  return {};
}

bool send_all(const Socket& socket, std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (!try_again() || !wait_for(socket, POLLOUT, deadline)) {
      return false;
    }
  }
  return true;
}

bool receive_all(const Socket& socket, void* bytes, size_t count, Clock::time_point deadline) {
  char* at = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t got = recv(socket.descriptor(), at, count, 0);
    if (got > 0) {
      at += got;
      count -= static_cast<size_t>(got);
    } else if (got == 0) {
      errno = ECONNRESET;
      return false;
    } else if (!try_again() || !wait_for(socket, POLLIN, deadline)) {
      return false;
    }
  }
  return true;
}

}  // namespace nw::dist
