#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec.h"

// Matrix products in the manner of Goto & van de Geijn (2008): a block of C small enough for the
// registers is added up along k, from panels of A and B that are packed so that the innermost loop
// reads straight on. Small or already suitable operands are read in place.

namespace nw::cpu::NW_ISA {
namespace {

/// Rows and vectors of C that are kept in registers.
constexpr int kRows = kVectorRegisters == 32 ? 14 : 6;
constexpr int kVectors = 2;
static_assert(kRows <= kGemmRows && kVectors * kVectorBytes <= kGemmTileBytes);
/// From this many rows on, packing B pays even where it could be read in place.
constexpr int64_t kRowsToPack = 4 * kRows;

template <typename T>
constexpr int64_t kTile = kVectors* kLanes<T>;

/// One block of C: some rows and at most kTile columns, over some terms of the sums.
template <typename T>
struct Block {
  const T* a;  // element (i, p) at a[i * a_row + p * a_step]
  int64_t a_row, a_step;
  const T* b;  // row p at b[p * b_step]; whole vectors are readable
  int64_t b_step;
  int64_t depth;
  T* c;
  int64_t c_row;
  int64_t columns;
  bool add;       // to what C holds
  const T* bias;  // may be null
};

/// kPacked: rows of A lie side by side (a_row = 1, a_step = kHeight).
template <typename T, int kHeight, int kWide, bool kPacked>
void multiply(const Block<T>& block) {
  const int64_t a_row = kPacked ? 1 : block.a_row;
  const int64_t a_step = kPacked ? kHeight : block.a_step;
  Vec<T> sums[kHeight][kWide] = {};
  const T* a = block.a;
  const T* b = block.b;
  for (int64_t p = 0; p < block.depth; ++p, a += a_step, b += block.b_step) {
    Vec<T> terms[kWide];
    unrolled<0, kWide>([&](auto v) NW_ALWAYS { terms[v.value] = load(b + v.value * kLanes<T>); });
    unrolled<0, kHeight>([&](auto i) NW_ALWAYS {
      const Vec<T> factor = splat(a[i.value * a_row]);
      unrolled<0, kWide>([&](auto v)
                             NW_ALWAYS { sums[i.value][v.value] += factor * terms[v.value]; });
    });
  }
  unrolled<0, kWide>([&](auto v) NW_ALWAYS {
    constexpr int64_t kFirst = v.value * kLanes<T>;
    const int64_t rest = block.columns - kFirst;
    const int64_t lanes = rest < kLanes<T> ? rest : kLanes<T>;
    const Vec<T> bias = block.bias != nullptr ? load_lanes(block.bias + kFirst, lanes) : Vec<T>{};
    unrolled<0, kHeight>([&](auto i) NW_ALWAYS {
      T* c = block.c + i.value * block.c_row + kFirst;
      const Vec<T> base = block.add ? load_lanes<T>(c, lanes) : bias;
      store_lanes<T>(c, base + sums[i.value][v.value], lanes);
    });
  });
}

template <typename T>
using Multiply = void (*)(const Block<T>&);

/// multiply() for each count of rows (from 1), one or two vectors, A in place or packed.
template <typename T>
struct Kernels {
  Multiply<T> items[kRows][kVectors][2];

  constexpr Kernels() : items() {
    unrolled<0, kRows>([this](auto i) NW_ALWAYS {
      constexpr int kHeight = i.value + 1;
      items[i.value][0][0] = multiply<T, kHeight, 1, false>;
      items[i.value][0][1] = multiply<T, kHeight, 1, true>;
      items[i.value][1][0] = multiply<T, kHeight, 2, false>;
      items[i.value][1][1] = multiply<T, kHeight, 2, true>;
    });
  }
};
template <typename T>
constexpr Kernels<T> kKernels{};

int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/// to[p][i] = from[i][p] for `count` ≤ kLanes rows of `depth` numbers that lie side by side; the
/// rows of `to` are `to_stride` apart and get `width` ≥ count numbers each, the rest 0.
template <typename T>
void pack_turned(const T* from, int64_t from_stride, int64_t count, int64_t depth, T* to,
                 int64_t to_stride, int64_t width) {
  for (int64_t p = 0; p < depth; p += kLanes<T>) {
    const int64_t lanes = smaller(depth - p, kLanes<T>);
    Vec<T> block[kLanes<T>] = {};
    unrolled<0, kLanes<T>>([&](auto i) NW_ALWAYS {
      if (i.value < count) block[i.value] = load_lanes(from + i.value * from_stride + p, lanes);
    });
    transpose<T>(block);
    unrolled<0, kLanes<T>>([&](auto q) NW_ALWAYS {
      if (q.value < lanes) store_lanes<T>(to + (p + q.value) * to_stride, block[q.value], width);
    });
  }
}

/// Packs `count` ≤ kTile columns of B, padded with zeros to the tile.
template <typename T>
void pack_tile(const T* b, int64_t b_row, int64_t b_col, int64_t depth, int64_t count, T* to) {
  for (int64_t v = 0; v < kTile<T>; v += kLanes<T>) {
    const int64_t lanes = smaller(count - v, kLanes<T>);
    if (lanes > 0 && b_col != 1) {
      pack_turned(b + v * b_col, b_col, lanes, depth, to + v, kTile<T>, kLanes<T>);
      continue;
    }
    for (int64_t p = 0; p < depth; ++p) {
      store<T>(to + p * kTile<T> + v, lanes > 0 ? load_lanes(b + p * b_row + v, lanes) : Vec<T>{});
    }
  }
}

/// Packs up to kRows rows of A side by side.
template <typename T>
void pack_rows(const T* a, int64_t a_row, int64_t a_col, int64_t rows, int64_t depth, T* to) {
  if (a_col == 1 && rows <= kLanes<T>) {
    pack_turned(a, a_row, rows, depth, to, rows, rows);
    return;
  }
  for (int64_t p = 0; p < depth; ++p) {
    for (int64_t i = 0; i < rows; ++i) to[p * rows + i] = a[i * a_row + p * a_col];
  }
}

int64_t pieces(int64_t count, int64_t most) {
  return (count + most - 1) / most;
}
/// C[:, first … first + width) over depth terms from `start` on.
template <typename T>
void multiply_panel(const Gemm<T>& gemm, int64_t first, int64_t width, int64_t start,
                    int64_t depth) {
  const T* b = gemm.b + start * gemm.b_row + first * gemm.b_col;
  const int64_t tiles = pieces(width, kTile<T>);
  const bool pack_b = gemm.b_col != 1 || gemm.m >= kRowsToPack;
  const bool pack_a = tiles > 1;
  T* packed_b = gemm.scratch;
  T* packed_a = gemm.scratch + tiles * depth * kTile<T>;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t count = smaller(width - t * kTile<T>, kTile<T>);
    if (!pack_b && count % kLanes<T> == 0) continue;
    pack_tile(b + t * kTile<T> * gemm.b_col, gemm.b_row, gemm.b_col, depth, count,
              packed_b + t * depth * kTile<T>);
  }
  const int64_t panels = pieces(gemm.m, kRows);
  for (int64_t panel = 0; panel < panels; ++panel) {
    const int64_t i = gemm.m * panel / panels;
    const int64_t rows = gemm.m * (panel + 1) / panels - i;
    const T* a = gemm.a + i * gemm.a_row + start * gemm.a_col;
    if (pack_a) pack_rows(a, gemm.a_row, gemm.a_col, rows, depth, packed_a);
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t column = first + t * kTile<T>;
      const int64_t count = smaller(width - t * kTile<T>, kTile<T>);
      const bool in_place = !pack_b && count % kLanes<T> == 0;
      const Block<T> block{pack_a ? packed_a : a,
                           gemm.a_row,
                           gemm.a_col,
                           in_place ? b + t * kTile<T> : packed_b + t * depth * kTile<T>,
                           in_place ? gemm.b_row : kTile<T>,
                           depth,
                           gemm.c + i * gemm.c_row + column,
                           gemm.c_row,
                           count,
                           start > 0,
                           gemm.bias != nullptr ? gemm.bias + column : nullptr};
      kKernels<T>.items[rows - 1][count > kLanes<T> ? 1 : 0][pack_a ? 1 : 0](block);
    }
  }
}

template <typename T>
void gemm(const Gemm<T>& gemm) {
  const int64_t tiles = pieces(gemm.n, kTile<T>);
  const int64_t panels = pieces(gemm.n, kGemmWidth);
  const int64_t steps = pieces(gemm.k, kGemmDepth);
  for (int64_t panel = 0; panel < panels; ++panel) {
    const int64_t first = tiles * panel / panels * kTile<T>;
    const int64_t last = smaller(tiles * (panel + 1) / panels * kTile<T>, gemm.n);
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t start = gemm.k * step / steps;
      multiply_panel(gemm, first, last - first, start, gemm.k * (step + 1) / steps - start);
    }
  }
}

}  // namespace

void add_gemm(IsaKernels& table);
void add_gemm(IsaKernels& table) {
  table.f32.gemm = gemm<float>;
  table.f64.gemm = gemm<double>;
}

}  // namespace nw::cpu::NW_ISA
