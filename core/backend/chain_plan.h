#pragma once

#include "core/backend/chain_kernels.h"

namespace nw {

/// A set of a chain's values, by their numbers.
using ChainSet = uint32_t;

constexpr bool holds(ChainSet set, size_t value) {
  return (set >> value & 1) != 0;
}
constexpr ChainSet only(size_t value) {
  return ChainSet{1} << value;
}

/// The values that lie on the way from the result's gradient to those of `wanted`, these and the
/// result with them.
inline ChainSet on_the_way(const Chain& chain, ChainSet wanted) {
  ChainSet set = wanted;
  for (size_t i = 0; i < chain.steps.size(); ++i) {
    const ChainStep& step = chain.steps[i];
    const bool leads = holds(set, step.a) || (step.op.takes_two() && holds(set, step.b));
    if (leads) set |= only(chain.inputs + i);
  }
  return set;
}

/// The values whose numbers the gradients of those on the way are told from.
inline ChainSet read_on_the_way(const Chain& chain, ChainSet way) {
  ChainSet read = 0;
  for (size_t i = 0; i < chain.steps.size(); ++i) {
    const ChainStep& step = chain.steps[i];
    const size_t result = chain.inputs + i;
    if (step.op.takes_two()) {
      if (step.op.kind == ElementKind::Add) continue;
      if (holds(way, step.a)) read |= only(step.b);
      if (holds(way, step.b)) read |= only(step.a);
    } else if (holds(way, step.a)) {
      read |= only(step.op.slope_by_result() ? result : step.a);
    }
  }
  return read;
}

/// What of the chain has to be worked out so that all of `read` is there: values that are neither
/// known nor can be told from known ones are left out of `made` and stand in `missing`.
struct ChainRecall {
  ChainSet made = 0;
  ChainSet missing = 0;
};

inline ChainRecall recall(const Chain& chain, ChainSet known, ChainSet read) {
  ChainRecall found;
  ChainSet open = read & ~known;
  // A step takes what has smaller numbers than its result.
  for (size_t value = chain.values(); value-- > 0;) {
    if (!holds(open, value)) continue;
    if (value < chain.inputs) {
      found.missing |= only(value);
      continue;
    }
    found.made |= only(value);
    const ChainStep& step = chain.steps[value - chain.inputs];
    open |= only(step.a) & ~known;
    if (step.op.takes_two()) open |= only(step.b) & ~known;
  }
  return found;
}

}  // namespace nw
