#pragma once

#include <list>
#include <string>
#include <thread>

#include "core/dist/sockets.h"
#include "core/dist/store_frames.h"
#include "core/dist/store_values.h"

namespace nw::dist {

/// TcpStore's server: one thread that keeps the values and answers every connection. Trusts nothing
/// that comes in. Its destructor ends the thread and all connections.
class StoreServer {
 public:
  /// Throws Error with a remedy when none of `ports` ports from `port` on is free.
  StoreServer(const std::string& host, int port, int ports, std::string job);
  ~StoreServer();
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;
  int port() const { return port_; }

 private:
  struct Client {
    Socket socket;
    std::string in, out;
    bool greeted = false;
    bool ends = false;             // closed once `out` is sent
    bool waits = false;            // in a Get, for
    std::string key;               // this key, until
    Clock::time_point deadline{};  // this time; also that for the greeting
    std::string will_key, will;    // what is set when the connection ends
  };
  using Place = std::list<Client>::iterator;

  void run();
  int next_ms() const;
  void accept_all();
  /// False: the connection is to be closed.
  bool read(Client& client);
  bool write(Client& client);
  bool understand(Client& client);
  bool greet(Client& client);
  bool answer(Client& client, std::string_view frame);
  bool answer_request(Client& client, Request request, const std::string& key,
                      std::string_view value);
  bool begin_wait(Client& client, const std::string& key, std::string_view milliseconds);
  void set(const std::string& key, std::string value);
  /// Ends the connection; gives the next one.
  Place end(Place client);
  /// Ends the waits whose time is over, and sends what there is to send.
  void finish_round();

  std::string job_;
  Socket listener_;
  Socket wake_;  // an eventfd: the thread is to end
  int port_ = 0;
  StoreValues values_;
  std::list<Client> clients_;
  Clock::time_point accept_again_{};  // after the descriptors ran out
  std::thread thread_;
};

}  // namespace nw::dist
