#pragma once

#include <optional>
#include <string>
#include <variant>

#include "core/data/dataset.h"
#include "core/graph/project.h"

namespace nw::app {

/// Signatures of data sets by id and arguments, so that an edit of the graph reads no file. A
/// failure is not kept: files may come.
class SignatureCache {
 public:
  /// The signature, or why it cannot be had: what, where and what to do.
  std::variant<data::Signature, std::string> find(const graph::Choice& choice);
  void forget() { known_ = {}; }

 private:
  struct Known {
    graph::Choice choice;
    data::Signature signature;
  };
  std::optional<Known> known_;
};

}  // namespace nw::app
