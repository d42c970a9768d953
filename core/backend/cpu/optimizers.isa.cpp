#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec_math.h"

namespace nw::cpu::NW_ISA {
namespace {

struct VectorMath {
  template <typename V>
  static NW_INLINE V root(V x) {
    return cpu::sqrt(x);
  }
  template <typename V>
  static NW_INLINE V larger(V a, V b) {
    return select((b > a) | (b != b), b, a);
  }
};

template <typename T, typename Rule>
void run(const StepFormula<Rule, T>& formula, const StepRows<T>& rows) {
  for_each_vector<T>(rows.count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    Vec<T> p = load_lanes(rows.param + i, lanes);
    Vec<T> kept[kMostKept] = {};
    for (size_t k = 0; k < kMostKept; ++k) {
      if (rows.kept[k] != nullptr) kept[k] = load_lanes(rows.kept[k] + i, lanes);
    }
    Vec<T> g = load_lanes(rows.grad + i, lanes) * rows.sign;
    if (rows.decay != 0) g = g + p * rows.decay;
    formula.template apply<VectorMath>(g, p, kept);
    for (size_t k = 0; k < kMostKept; ++k) {
      if (rows.kept[k] != nullptr) store_lanes<T>(rows.kept[k] + i, kept[k], lanes);
    }
    store_lanes<T>(rows.param + i, p, lanes);
  });
}

template <typename T, typename... Rules>
void add(StepEntries<T, std::variant<Rules...>>& entries) {
  ((static_cast<StepEntry<T, Rules>&>(entries).run = run<T, Rules>), ...);
}

}  // namespace

void add_optimizers(IsaKernels& table);
void add_optimizers(IsaKernels& table) {
  add(table.f32.steps);
  add(table.f64.steps);
}

}  // namespace nw::cpu::NW_ISA
