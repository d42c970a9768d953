#include "plugins/cuda/kernels/fault.h"

#include "core/base/error.h"

namespace nw::cuda {

std::string fault_text(const FaultNote& note) {
  const std::string begin = concat(note.text, " ");
  const int64_t value = note.value;
  const int64_t limit = note.limit;
  switch (static_cast<FaultKind>(note.kind)) {
    case FaultKind::DivisionByZero:
      return begin + "a whole number cannot be divided by 0";
    case FaultKind::Index:
      return concat(begin, "index ", value, " is outside 0 … ", limit - 1);
    case FaultKind::SignedIndex:
      return concat(begin, "index ", value, " is outside ", -limit, " … ", limit - 1);
    case FaultKind::Target:
      return concat(begin, "target ", value, " is outside 0 … ", limit - 1);
    case FaultKind::Probability:
      return begin +
             "expects probabilities from 0 to 1, gets another number; a Sigmoid before it makes "
             "such, and BCEWithLogitsLoss takes any numbers";
    case FaultKind::None:
      break;
  }
  return begin + "no mistake";
}

}  // namespace nw::cuda
