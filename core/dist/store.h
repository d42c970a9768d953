#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace nw::dist {

/// Keys and values that the ranks of one training share, to find each other and to tell of faults;
/// as torch.distributed's stores. Values are bytes, at most 64 MiB. Thread-safe: a thread that
/// waits in get() holds up no other.
class Store {
 public:
  virtual ~Store() = default;
  virtual void set(const std::string& key, std::string value) = 0;
  /// Waits until the key is there; throws Error naming key, place and time after `timeout`.
  virtual std::string get(const std::string& key, std::chrono::milliseconds timeout) = 0;
  /// The value, if it is there now.
  virtual std::optional<std::string> look(const std::string& key) = 0;
  /// Adds to a counter (0 where there is none yet) and gives its new value. A counter's value is
  /// its decimal digits.
  virtual int64_t add(const std::string& key, int64_t amount) = 0;
  /// Writes `value` where the key has none yet; gives what stands there afterwards.
  virtual std::string set_if_absent(const std::string& key, const std::string& value) = 0;
  /// Ends this object's waits, now and later, with an Error; to be called from any thread before
  /// the threads that wait are joined.
  virtual void close() = 0;
  /// The address of this machine by which the other ranks can reach it; empty: not known.
  virtual std::string local_address() const = 0;
};

/// A server in this process (rank 0) and its clients over TCP, IPv4 and IPv6. With `serve`, listens
/// at `port` (0: a free one; see port()): on the loopback device alone where `host` is this
/// machine's own "localhost" or 127.*, otherwise on all. Without, waits until the server answers.
/// Both sides greet each other with a word of their own and the `job`: who does not know it is
/// turned away. With `ports` > 1 the server takes the first free one of that many from `port` on,
/// and the clients look at each for it. An answer that is `grace` late, where a machine stopped or
/// a cable was cut, is none; 0: `timeout`, but 20 s at least and 1 min at most.
/// A frame starts with its length, and no length is trusted: a stranger on the port, a broken
/// request or one over 64 MiB closes that one connection and nothing else. Every wait ends with an
/// Error when the server goes away.
class TcpStore : public Store {
 public:
  TcpStore(const std::string& host, int port, bool serve, std::chrono::milliseconds timeout,
           const std::string& job = {}, int ports = 1, std::chrono::milliseconds grace = {});
  ~TcpStore() override;
  int port() const;

  /// Has the server write `value`, where `key` has none, once this process is gone, however it
  /// ended, or the connection to it is. Only the last will counts.
  void leave_will(const std::string& key, const std::string& value);
  void withdraw_will();

  void set(const std::string& key, std::string value) override;
  std::string get(const std::string& key, std::chrono::milliseconds timeout) override;
  std::optional<std::string> look(const std::string& key) override;
  int64_t add(const std::string& key, int64_t amount) override;
  std::string set_if_absent(const std::string& key, const std::string& value) override;
  void close() override;
  /// That by which this process reaches the server.
  std::string local_address() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The same in one file that all ranks can reach, under a file lock. With `users` the file is
/// removed when so many have closed it and nobody has it open, as PyTorch does; otherwise, and
/// where one of them was killed, it must be removed before the next run.
class FileStore : public Store {
 public:
  explicit FileStore(std::string path, int users = 0);
  ~FileStore() override;

  void set(const std::string& key, std::string value) override;
  std::string get(const std::string& key, std::chrono::milliseconds timeout) override;
  std::optional<std::string> look(const std::string& key) override;
  int64_t add(const std::string& key, int64_t amount) override;
  std::string set_if_absent(const std::string& key, const std::string& value) override;
  void close() override;
  std::string local_address() const override { return {}; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nw::dist
