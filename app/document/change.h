#pragma once

#include <QFlags>
#include <QMetaType>
#include <vector>

#include "core/graph/problem.h"

namespace nw::app {

enum class Aspect : uint8_t {
  Structure = 1,  // nodes or wires came or went
  Values = 2,     // arguments or names
  Positions = 4,
  Run = 8,      // the run's settings
  Shapes = 16,  // the inference was made anew
  File = 32,    // path, title, modified, saved
  All = 63,     // another project took the place of this one
};
Q_DECLARE_FLAGS(Aspects, Aspect)
Q_DECLARE_OPERATORS_FOR_FLAGS(Aspects)

/// What an edit, an undo or a redo touched. The one signal of a Document carries it.
struct Change {
  Aspects aspects;
  std::vector<graph::NodeId> added;
  std::vector<graph::NodeId> removed;
  std::vector<graph::NodeId> changed;  // arguments, name or position
};

}  // namespace nw::app

Q_DECLARE_METATYPE(nw::app::Change)
