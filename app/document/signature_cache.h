#pragma once

#include <optional>

#include "core/graph/project.h"

namespace nw::app {

/// Signatures of data sets by id and arguments, so that an edit of the graph reads no file. A
/// failure is not kept: files may come.
class SignatureCache {
 public:
  graph::DataStatus find(const graph::Choice& choice);
  void forget() { known_.reset(); }

 private:
  struct Known {
    graph::Choice choice;
    data::Signature signature;
  };
  std::optional<Known> known_;
};

}  // namespace nw::app
