#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "plugins/cuda/kernels/number.h"

/// Mistakes that only the numbers tell, such as an index out of range. Kernels note the first one
/// and leave out what they cannot do; the next synchronisation throws it.
namespace nw::cuda {

enum class FaultKind : int32_t {
  None,
  DivisionByZero,
  Index,         // value is outside 0 … limit − 1
  SignedIndex,   // value is outside −limit … limit − 1
  Target,        // value is outside 0 … limit − 1
  Probability,   // a number outside 0 … 1
  SignedTarget,  // value is outside −1 … limit − 1
  Weight,        // there are `limit` weights, none for the target `value`
  Negative,      // value: the bits of a double
  Said,          // the text says all
  Length,        // value is outside 0 … limit, of sample `place`
  Lengths,       // they ask for `value` targets, and there are `limit`
  Row,           // value is outside 0 … limit − 1
  FirstOffset,   // value is not 0
  Offset,        // value does not rise, or is above limit
};

/// The note, in memory that the device and the host see.
struct FaultNote {
  int32_t kind;
  int32_t place;
  int64_t value;
  int64_t limit;
  const char* text;  // static text of the host: how the message begins
};

/// What a kernel that may find a mistake is given.
struct FaultReport {
  FaultNote* note;
  const char* text;

#ifdef __CUDACC__
  __device__ void raise(FaultKind kind, int64_t value, int64_t limit, int64_t place = 0) const {
    if (atomicCAS(&note->kind, 0, static_cast<int32_t>(kind)) != 0) return;
    note->place = static_cast<int32_t>(place);
    note->value = value;
    note->limit = limit;
    note->text = text;
    __threadfence_system();
  }
#else
  void raise(FaultKind kind, int64_t value, int64_t limit, int64_t place = 0) const {
    if (note->kind != 0) return;
    *note = {static_cast<int32_t>(kind), static_cast<int32_t>(place), value, limit, text};
  }
#endif
};

/// The same text in memory that lives as long as the program.
const char* kept_text(std::string_view text);

/// For a kernel on the current device; `text`, "[gather]", must live as long as the program.
FaultReport fault_report(const char* text);

/// The message of a mistake.
std::string fault_text(const FaultNote& note);

}  // namespace nw::cuda
