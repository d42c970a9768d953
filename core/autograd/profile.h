#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "core/autograd/node.h"

namespace nw::autograd {

/// While it lives, measures how long the nodes take that this thread's backward walks over, by
/// their names. One at a time for each thread.
class BackwardProfile {
 public:
  struct Entry {
    int64_t calls = 0;
    double seconds = 0;
  };

  BackwardProfile();
  ~BackwardProfile();
  BackwardProfile(const BackwardProfile&) = delete;
  BackwardProfile& operator=(const BackwardProfile&) = delete;

  const std::map<std::string_view, Entry>& entries() const { return entries_; }

  /// The living one of this thread; null: none. For the engine.
  static BackwardProfile* current();
  void run(Node& node, Tensors& grads, Tensors& grad_inputs);

 private:
  std::map<std::string_view, Entry> entries_;
};

}  // namespace nw::autograd
