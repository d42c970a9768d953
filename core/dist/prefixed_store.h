#pragma once

#include <memory>
#include <string>

#include "core/dist/store.h"

namespace nw::dist {

/// Another store's keys that start with a prefix, so that one attempt of a run does not meet what
/// an earlier one left.
class PrefixedStore : public Store {
 public:
  PrefixedStore(std::shared_ptr<Store> store, std::string prefix)
      : store_(std::move(store)), prefix_(std::move(prefix)) {}

  void set(const std::string& key, std::string value) override {
    store_->set(prefix_ + key, std::move(value));
  }
  std::string get(const std::string& key, std::chrono::milliseconds timeout) override {
    return store_->get(prefix_ + key, timeout);
  }
  std::optional<std::string> look(const std::string& key) override {
    return store_->look(prefix_ + key);
  }
  int64_t add(const std::string& key, int64_t amount) override {
    return store_->add(prefix_ + key, amount);
  }
  std::string set_if_absent(const std::string& key, const std::string& value) override {
    return store_->set_if_absent(prefix_ + key, value);
  }
  void close() override { store_->close(); }
  std::string local_address() const override { return store_->local_address(); }

 private:
  std::shared_ptr<Store> store_;
  std::string prefix_;
};

}  // namespace nw::dist
