#pragma once

#include <map>

#include "core/trial/block_case.h"

namespace nw::trial {

/// Draws the sizes of a block's inputs by the layouts of its ports, so that they fit one another.
class SizeDraw {
 public:
  SizeDraw(Draw& draw, const nn::Block& block, const nn::Args& args);
  /// `first`: the sizes of the first input.
  Dims sizes(const nn::Port& port, const Dims& first);
  /// The size of a dimension that a port has named; −1: none has.
  int64_t named(const std::string& name) const;
  /// From now on layouts lack their dimension N.
  void drop_batch() { unbatched_ = true; }

 private:
  void append(const std::string& word, const std::string& layout, Dims& sizes);

  Draw& draw_;
  const nn::Block& block_;
  const nn::Args& args_;
  bool unbatched_ = false;
  std::map<std::string, int64_t> known_;
};

/// The layout of a port for these arguments, which are complete.
std::string layout_of(const nn::Port& port, const nn::Args& args);
std::vector<std::string> words(const std::string& text);

}  // namespace nw::trial
