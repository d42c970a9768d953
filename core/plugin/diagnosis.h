#pragma once

#include <string>
#include <vector>

namespace nw::plugin {

/// One thing that a plugin needs from the machine, for who asks what is missing.
struct Piece {
  std::string name;  // "driver", "cuDNN", "cuda:0"
  bool found = false;
  std::string version = {};  // as people say it; empty: has none
  std::string path = {};     // empty: has none
  std::string text = {};     // of what is found: more about it; else why it is not and what to do
  std::vector<std::string> searched = {};  // folders, in order
  /// Without it the plugin does nothing; else only what `text` says is lost.
  bool required = true;
};

}  // namespace nw::plugin
