#include "plugins/cuda/kernels/fault.h"

#include <bit>
#include <mutex>
#include <set>

#include "core/base/error.h"

namespace nw::cuda {

const char* kept_text(std::string_view text) {
  static std::mutex mutex;
  static auto& all = *new std::set<std::string, std::less<>>;
  const std::lock_guard lock(mutex);
  return all.emplace(text).first->c_str();
}

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
    case FaultKind::SignedTarget:
      return concat(begin, "target ", value, " is outside −1 … ", limit - 1);
    case FaultKind::Weight:
      return concat(begin, "expects a weight for each class, gets ", limit, ", none for target ",
                    value);
    case FaultKind::Negative:
      return concat(note.text, ", gets ", std::bit_cast<double>(value));
    case FaultKind::Said:
      return note.text;
    case FaultKind::Length:
      return concat(note.text, "[", note.place, "] must be between 0 and ", limit, ", is ", value);
    case FaultKind::Lengths:
      return concat(begin, "expects ", value, " targets, as the target_lengths say, gets ", limit);
    case FaultKind::Row:
      return concat(begin, "expects indices from 0 to ", limit - 1, ", gets ", value);
    case FaultKind::FirstOffset:
      return concat(begin, "expects the first offset to be 0, gets ", value);
    case FaultKind::Offset:
      return concat(begin, "expects rising offsets up to the ", limit, " indices, gets ", value);
    case FaultKind::None:
      break;
  }
  return begin + "no mistake";
}

}  // namespace nw::cuda
