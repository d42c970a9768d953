#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/dist/sockets.h"
#include "core/dist/store.h"

namespace nw::dist {

/// Another store while the ranks find together: who waits in get() learns after a second at most
/// that a rank which had come went away.
class JoiningStore : public Store {
 public:
  /// `who`: this rank, as the others shall read of it at `gone_key`.
  JoiningStore(std::shared_ptr<TcpStore> store, std::string gone_key, const std::string& who)
      : store_(std::move(store)), gone_key_(std::move(gone_key)) {
    store_->leave_will(gone_key_, who);
  }
  /// From now on this rank may leave.
  void all_have_come() { store_->withdraw_will(); }

  std::string get(const std::string& key, std::chrono::milliseconds timeout) override {
    constexpr std::chrono::milliseconds kLook{1000};
    const Clock::time_point deadline = deadline_in(timeout);
    while (true) {
      const auto left = std::chrono::milliseconds(poll_ms(deadline, kLook));
      try {
        return store_->get(key, left);
      } catch (const Error&) {
        const std::optional<std::string> gone = store_->look(gone_key_);
        NW_CHECK(!gone, "[init_process_group] ", *gone, " went away before all had come");
        NW_CHECK(left >= kLook, "[init_process_group] nobody has set '", key, "' within ",
                 to_text(timeout));
      }
    }
  }
  void set(const std::string& key, std::string value) override {
    store_->set(key, std::move(value));
  }
  std::optional<std::string> look(const std::string& key) override { return store_->look(key); }
  int64_t add(const std::string& key, int64_t amount) override { return store_->add(key, amount); }
  std::string set_if_absent(const std::string& key, const std::string& value) override {
    return store_->set_if_absent(key, value);
  }
  void close() override { store_->close(); }
  std::string local_address() const override { return store_->local_address(); }

 private:
  std::shared_ptr<TcpStore> store_;
  std::string gone_key_;
};

}  // namespace nw::dist
