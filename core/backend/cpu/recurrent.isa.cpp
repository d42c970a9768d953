#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/recurrent_steps.h"
#include "core/backend/cpu/vec_math.h"

// The cells of recurrent layers, and the product of a few rows with a weight that stays packed in
// the cache over all steps of a sequence.

namespace nw::cpu::NW_ISA {
namespace {

/// Vectors and rows of C that are kept in registers, beside one row of B.
constexpr int kWide = 4;
constexpr int kRows = (kVectorRegisters - 1) / kWide - 1;
/// Terms of a tile of B, so that it stays in the first cache while all rows meet it.
constexpr int64_t kDepth = 128;

template <typename T>
constexpr int64_t kTile = kWide* kLanes<T>;

/// Rows of C and at most kTile of its columns, over some of the terms.
template <typename T>
struct Tile {
  const T* a;
  int64_t a_row;
  const T* b;
  int64_t terms;
  T* c;
  int64_t c_row, columns;
  bool add;
};

template <typename T, int kHeight, int kVectors>
void multiply_tile(const Tile<T>& tile) {
  Vec<T> sums[kHeight][kVectors] = {};
  const T* a = tile.a;
  const T* b = tile.b;
  for (int64_t p = 0; p < tile.terms; ++p, ++a, b += kVectors * kLanes<T>) {
    Vec<T> terms[kVectors];
    unrolled<0, kVectors>([&](auto v)
                              NW_ALWAYS { terms[v.value] = load(b + v.value * kLanes<T>); });
    unrolled<0, kHeight>([&](auto i) NW_ALWAYS {
      const Vec<T> factor = splat(a[i.value * tile.a_row]);
      unrolled<0, kVectors>([&](auto v)
                                NW_ALWAYS { sums[i.value][v.value] += factor * terms[v.value]; });
    });
  }
  unrolled<0, kVectors>([&](auto v) NW_ALWAYS {
    constexpr int64_t kFirst = v.value * kLanes<T>;
    const int64_t rest = tile.columns - kFirst;
    const int64_t lanes = rest < kLanes<T> ? rest : kLanes<T>;
    unrolled<0, kHeight>([&](auto i) NW_ALWAYS {
      T* c = tile.c + i.value * tile.c_row + kFirst;
      Vec<T> value = sums[i.value][v.value];
      if (tile.add) value += load_lanes<T>(c, lanes);
      store_lanes<T>(c, value, lanes);
    });
  });
}

/// multiply_tile() for each count of rows and of vectors, from 1.
template <typename T>
struct TileKernels {
  void (*items[kRows][kWide])(const Tile<T>&);

  constexpr TileKernels() : items() {
    unrolled<0, kRows>([this](auto i) NW_ALWAYS {
      unrolled<0, kWide>([this](auto v) NW_ALWAYS {
        items[decltype(i)::value][v.value] =
            multiply_tile<T, decltype(i)::value + 1, decltype(v)::value + 1>;
      });
    });
  }
};
template <typename T>
constexpr TileKernels<T> kTileKernels{};

int64_t pieces(int64_t count, int64_t most) {
  return (count + most - 1) / most;
}

/// Columns of the tile that begins at `first`, and vectors that hold them.
template <typename T>
struct TileWidth {
  int64_t columns, vectors;

  TileWidth(int64_t first, int64_t all)
      : columns(all - first < kTile<T> ? all - first : kTile<T>),
        vectors(pieces(columns, kLanes<T>)) {}
};

template <typename T>
void pack(const Packing<T>& packing) {
  T* to = packing.packed;
  for (int64_t first = 0; first < packing.columns; first += kTile<T>) {
    const TileWidth<T> width(first, packing.columns);
    const int64_t padded = width.vectors * kLanes<T>;
    const T* from = packing.b + first * packing.column;
    for (int64_t p = 0; p < packing.terms; ++p, to += padded, from += packing.row) {
      for (int64_t j = 0; j < width.columns; ++j) to[j] = from[j * packing.column];
      for (int64_t j = width.columns; j < padded; ++j) to[j] = 0;
    }
  }
}

template <typename T>
void multiply(const PackedProduct<T>& product) {
  const int64_t panels = pieces(product.rows, kRows);
  const int64_t chunks = pieces(product.terms, kDepth);
  const T* packed = product.packed;
  for (int64_t first = 0; first < product.columns; first += kTile<T>) {
    const TileWidth<T> width(first, product.columns);
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t start = product.terms * chunk / chunks;
      const int64_t terms = product.terms * (chunk + 1) / chunks - start;
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t row = product.rows * panel / panels;
        const int64_t height = product.rows * (panel + 1) / panels - row;
        kTileKernels<T>.items[height - 1][width.vectors - 1](
            Tile<T>{product.a + row * product.terms + start, product.terms, packed, terms,
                    product.c + row * product.columns + first, product.columns, width.columns,
                    product.add || chunk > 0});
      }
      packed += terms * width.vectors * kLanes<T>;
    }
  }
}

/// Calls body(row, j, lanes) for every vector of `hidden` numbers of every row.
template <typename T, typename Body>
NW_INLINE void for_each_unit(int64_t rows, int64_t hidden, const Body& body) {
  for (int64_t row = 0; row < rows; ++row) {
    for_each_vector<T>(hidden, [&](int64_t j, int64_t lanes) NW_ALWAYS { body(row, j, lanes); });
  }
}

template <typename T>
void lstm_step(const CellStep<T>& s) {
  const int64_t hidden = s.hidden;
  for_each_unit<T>(s.rows, hidden, [&](int64_t row, int64_t j, int64_t lanes) NW_ALWAYS {
    const int64_t first = row * 4 * hidden + j;
    const auto sum = [&](int64_t gate) NW_ALWAYS {
      return load_lanes(s.x_gates + first + gate * hidden, lanes) +
             load_lanes(s.h_gates + first + gate * hidden, lanes);
    };
    const Vec<T> in = cpu::sigmoid(sum(0));
    const Vec<T> forget = cpu::sigmoid(sum(1));
    const Vec<T> fresh = cpu::tanh(sum(2));
    const Vec<T> out = cpu::sigmoid(sum(3));
    const int64_t at = row * hidden + j;
    const Vec<T> c = forget * load_lanes<T>(s.c + at, lanes) + in * fresh;
    const Vec<T> y = out * cpu::tanh(c);
    store_lanes<T>(s.c + at, c, lanes);
    store_lanes<T>(s.y + at, y, lanes);
    if (s.h != nullptr) store_lanes<T>(s.h + at, y, lanes);
    if (s.gates == nullptr) return;
    store_lanes<T>(s.gates + first, in, lanes);
    store_lanes<T>(s.gates + first + hidden, forget, lanes);
    store_lanes<T>(s.gates + first + 2 * hidden, fresh, lanes);
    store_lanes<T>(s.gates + first + 3 * hidden, out, lanes);
  });
}

template <typename T>
void lstm_step_grad(const CellStepGrad<T>& s) {
  const int64_t hidden = s.hidden;
  for_each_unit<T>(s.rows, hidden, [&](int64_t row, int64_t j, int64_t lanes) NW_ALWAYS {
    const int64_t first = row * 4 * hidden + j;
    const int64_t at = row * hidden + j;
    const Vec<T> in = load_lanes(s.gates + first, lanes);
    const Vec<T> forget = load_lanes(s.gates + first + hidden, lanes);
    const Vec<T> fresh = load_lanes(s.gates + first + 2 * hidden, lanes);
    const Vec<T> out = load_lanes(s.gates + first + 3 * hidden, lanes);
    const Vec<T> before = load_lanes(s.previous_c + at, lanes);
    const Vec<T> squashed = cpu::tanh(forget * before + in * fresh);
    Vec<T> grad = load_lanes<T>(s.grad + at, lanes);
    if (s.grad_y != nullptr) grad += load_lanes(s.grad_y + at, lanes);
    const Vec<T> grad_c =
        load_lanes<T>(s.grad_c + at, lanes) + grad * out * (T{1} - squashed * squashed);
    store_lanes<T>(s.grad_c + at, grad_c * forget, lanes);
    T* to = s.x_gates + first;
    store_lanes<T>(to, grad_c * fresh * in * (T{1} - in), lanes);
    store_lanes<T>(to + hidden, grad_c * before * forget * (T{1} - forget), lanes);
    store_lanes<T>(to + 2 * hidden, grad_c * in * (T{1} - fresh * fresh), lanes);
    store_lanes<T>(to + 3 * hidden, grad * squashed * out * (T{1} - out), lanes);
  });
}

template <typename T>
void gru_step(const CellStep<T>& s) {
  const int64_t hidden = s.hidden;
  for_each_unit<T>(s.rows, hidden, [&](int64_t row, int64_t j, int64_t lanes) NW_ALWAYS {
    const T* x = s.x_gates + row * 3 * hidden + j;
    const T* h = s.h_gates + row * 3 * hidden + j;
    const Vec<T> reset = cpu::sigmoid(load_lanes(x, lanes) + load_lanes(h, lanes));
    const Vec<T> update =
        cpu::sigmoid(load_lanes(x + hidden, lanes) + load_lanes(h + hidden, lanes));
    Vec<T> from_h = load_lanes(h + 2 * hidden, lanes);
    if (s.bias_hn != nullptr) from_h += load_lanes(s.bias_hn + j, lanes);
    const Vec<T> fresh = cpu::tanh(load_lanes(x + 2 * hidden, lanes) + reset * from_h);
    const int64_t at = row * hidden + j;
    const Vec<T> y = (load_lanes<T>(s.h + at, lanes) - fresh) * update + fresh;
    store_lanes<T>(s.h + at, y, lanes);
    store_lanes<T>(s.y + at, y, lanes);
    if (s.gates == nullptr) return;
    T* to = s.gates + row * 4 * hidden + j;
    store_lanes<T>(to, reset, lanes);
    store_lanes<T>(to + hidden, update, lanes);
    store_lanes<T>(to + 2 * hidden, fresh, lanes);
    store_lanes<T>(to + 3 * hidden, from_h, lanes);
  });
}

template <typename T>
void gru_step_grad(const CellStepGrad<T>& s) {
  const int64_t hidden = s.hidden;
  for_each_unit<T>(s.rows, hidden, [&](int64_t row, int64_t j, int64_t lanes) NW_ALWAYS {
    const T* gates = s.gates + row * 4 * hidden + j;
    const Vec<T> reset = load_lanes(gates, lanes);
    const Vec<T> update = load_lanes(gates + hidden, lanes);
    const Vec<T> fresh = load_lanes(gates + 2 * hidden, lanes);
    const Vec<T> from_h = load_lanes(gates + 3 * hidden, lanes);
    const int64_t at = row * hidden + j;
    Vec<T> grad = load_lanes<T>(s.grad + at, lanes);
    if (s.grad_y != nullptr) grad += load_lanes(s.grad_y + at, lanes);
    const Vec<T> before = load_lanes(s.previous_h + at, lanes);
    const Vec<T> grad_fresh = grad * (T{1} - update) * (T{1} - fresh * fresh);
    const Vec<T> grad_update = grad * (before - fresh) * update * (T{1} - update);
    const Vec<T> grad_reset = grad_fresh * from_h * reset * (T{1} - reset);
    store_lanes<T>(s.grad + at, grad * update, lanes);
    const int64_t first = row * 3 * hidden + j;
    store_lanes<T>(s.x_gates + first, grad_reset, lanes);
    store_lanes<T>(s.h_gates + first, grad_reset, lanes);
    store_lanes<T>(s.x_gates + first + hidden, grad_update, lanes);
    store_lanes<T>(s.h_gates + first + hidden, grad_update, lanes);
    store_lanes<T>(s.x_gates + first + 2 * hidden, grad_fresh, lanes);
    store_lanes<T>(s.h_gates + first + 2 * hidden, grad_fresh * reset, lanes);
  });
}

template <typename T>
void plain_step(const CellStep<T>& s) {
  const bool relu = s.cell == RecurrentCell::Relu;
  for_each_vector<T>(s.rows * s.hidden, [&](int64_t at, int64_t lanes) NW_ALWAYS {
    const Vec<T> sum = load_lanes(s.x_gates + at, lanes) + load_lanes(s.h_gates + at, lanes);
    const Vec<T> y = relu ? cpu::relu(sum) : cpu::tanh(sum);
    store_lanes<T>(s.h + at, y, lanes);
    store_lanes<T>(s.y + at, y, lanes);
  });
}

template <typename T>
void plain_step_grad(const CellStepGrad<T>& s) {
  const bool relu = s.cell == RecurrentCell::Relu;
  for_each_vector<T>(s.rows * s.hidden, [&](int64_t at, int64_t lanes) NW_ALWAYS {
    const Vec<T> y = load_lanes(s.gates + at, lanes);
    Vec<T> grad = load_lanes<T>(s.grad + at, lanes);
    if (s.grad_y != nullptr) grad += load_lanes(s.grad_y + at, lanes);
    const Vec<T> inner = relu ? select(y <= Vec<T>{}, Vec<T>{}, grad) : grad * (T{1} - y * y);
    store_lanes<T>(s.x_gates + at, inner, lanes);
  });
}

template <typename T>
void cell_step(const CellStep<T>& step) {
  switch (step.cell) {
    case RecurrentCell::Lstm:
      return lstm_step(step);
    case RecurrentCell::Gru:
      return gru_step(step);
    default:
      return plain_step(step);
  }
}

template <typename T>
void cell_step_grad(const CellStepGrad<T>& step) {
  switch (step.cell) {
    case RecurrentCell::Lstm:
      return lstm_step_grad(step);
    case RecurrentCell::Gru:
      return gru_step_grad(step);
    default:
      return plain_step_grad(step);
  }
}

template <typename T>
constexpr RecurrentParts<T> kParts{pack<T>, multiply<T>, cell_step<T>, cell_step_grad<T>};

}  // namespace

void add_recurrent(IsaKernels& table);
void add_recurrent(IsaKernels& table) {
  table.f32.recurrent = &kParts<float>;
  table.f64.recurrent = &kParts<double>;
}

}  // namespace nw::cpu::NW_ISA
