#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nw::dist {

using Clock = std::chrono::steady_clock;

/// `timeout` from now, without overflow for the longest ones.
Clock::time_point deadline_in(std::chrono::milliseconds timeout);
/// What is left until `deadline` as poll() takes it: at least 0, at most `most`.
int poll_ms(Clock::time_point deadline, std::chrono::milliseconds most = std::chrono::hours(1));
/// "30 s", "250 ms", for messages.
std::string to_text(std::chrono::milliseconds time);

/// Owns a descriptor. Sockets made here do not block and are not inherited by child programs.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket();
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  int descriptor() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// A place to connect to or to listen at.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;
};

/// Addresses of a host's name or number; empty when there is none, `why` then says why.
std::vector<Endpoint> resolve(const std::string& host, int port, std::string& why);
void set_port(Endpoint& endpoint, int port);
/// Whether `host` can only mean this machine: "localhost", 127.*, ::1.
bool is_loopback(std::string_view host);

/// Listens as TcpStore says; an empty Socket with errno set when the port cannot be had.
Socket listen_at(const std::string& host, int port);
/// Whether an address is this machine's own.
bool can_listen_at(const Endpoint& place);
/// Its address without the port; IPv4 in IPv6 as IPv4.
std::string number_of(const Endpoint& place);
int local_port(const Socket& socket);
std::string local_address(const Socket& socket);
/// The address of this machine from which packets to `remote` (a number) go; empty: no way there.
std::string address_towards(const std::string& remote);

/// An empty Socket, with errno set, when the connection is not there by `deadline`.
Socket connect_to(const Endpoint& to, Clock::time_point deadline);
/// Sends or receives all of it. False, with errno set, when the other side is gone or `deadline`
/// has passed (ETIMEDOUT).
bool send_all(const Socket& socket, std::string_view bytes, Clock::time_point deadline);
bool receive_all(const Socket& socket, void* bytes, size_t count, Clock::time_point deadline);

}  // namespace nw::dist
