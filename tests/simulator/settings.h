#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace nw::simulated {

/// What the environment variable NETWRIGHT_SIMULATED_GPU asks for: words as `devices=2`, separated
/// by commas. An unknown word ends the program.
struct Settings {
  int devices = 2;
  size_t memory = size_t{8} << 30;  // of each device; K, M and G are known
  int major = 9, minor = 0;         // sm=90
  int processors = 2;
  uint64_t seed = 0;   // of the order in which streams take turns; drawn where it is not given
  bool quiet = false;  // no line on stderr that tells the seed
  /// Each allocation ends where a page ends that nobody may touch; it begins at a multiple of 16
  /// bytes only, not of 256 as CUDA's, where its size is no such and below a page.
  bool tight = false;
  bool old_driver = false;  // driver=old: one that is older than the runtime
  /// The launch of this number, from 1, is refused by the driver.
  int64_t fail_launch = 0;
  /// The kernel of this number, from 1, to run touches memory that is not there: its device is
  /// lost.
  int64_t illegal_address = 0;
};

const Settings& settings();

}  // namespace nw::simulated
