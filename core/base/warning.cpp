#include "core/base/warning.h"

#include <iostream>
#include <mutex>

namespace nw {
namespace {

struct Receiver {
  std::mutex mutex;
  std::function<void(const std::string&)> handler;
};

Receiver& receiver() {
  static Receiver& one = *new Receiver;  // threads may warn while the program ends
  return one;
}

}  // namespace

void warn(const std::string& text) {
  const std::lock_guard lock(receiver().mutex);
  if (receiver().handler) {
    receiver().handler(text);
  } else {
    std::cerr << "warning: " << text << '\n';
  }
}

void set_warning_handler(std::function<void(const std::string&)> handler) {
  const std::lock_guard lock(receiver().mutex);
  receiver().handler = std::move(handler);
}

}  // namespace nw
