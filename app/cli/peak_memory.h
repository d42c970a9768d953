#pragma once

#include <cstdint>

namespace nw::cli {

/// Measures how much memory this process comes to use at most while it lives, as Linux counts
/// resident pages.
class PeakMemory {
 public:
  PeakMemory();
  /// Beyond what was in use at the beginning.
  int64_t bytes() const;

 private:
  int64_t before_;
};

}  // namespace nw::cli
