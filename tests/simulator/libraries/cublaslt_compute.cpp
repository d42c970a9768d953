#include <complex>
#include <cstdlib>
#include <vector>

#include "tests/simulator/libraries/cublaslt.h"
#include "tests/simulator/libraries/numbers.h"

namespace nw::simulated::lt {
namespace {

Number number_of(uint32_t type) {
  switch (type) {
    case CUDA_R_64F:
    case CUDA_C_64F:
      return Number::Float64;
    case CUDA_R_16F:
      return Number::Float16;
    case CUDA_R_16BF:
      return Number::BFloat16;
    default:
      return Number::Float32;
  }
}

/// One number of the type T from memory of a type, and back.
template <typename T>
struct Access {
  static T read(uint32_t type, const void* memory, int64_t index) {
    return number_at<T>(number_of(type), memory, index);
  }
  static void write(uint32_t type, void* memory, int64_t index, T value) {
    put_number<T>(number_of(type), memory, index, value);
  }
  static T scale(const double* parts) { return static_cast<T>(parts[0]); }
  static T conjugate(T value) { return value; }
};

template <typename Part>
struct Access<std::complex<Part>> {
  using T = std::complex<Part>;
  static T read(uint32_t, const void* memory, int64_t index) {
    return static_cast<const T*>(memory)[index];
  }
  static void write(uint32_t, void* memory, int64_t index, T value) {
    static_cast<T*>(memory)[index] = value;
  }
  static T scale(const double* parts) {
    return {static_cast<Part>(parts[0]), static_cast<Part>(parts[1])};
  }
  static T conjugate(T value) { return std::conj(value); }
};

float rounded_for(int32_t compute, float value) {
  switch (compute) {
    case CUBLAS_COMPUTE_32F_FAST_TF32:
      return rounded_to_tf32(value);
    case CUBLAS_COMPUTE_32F_FAST_16F:
      return __half2float(__float2half_rn(value));
    case CUBLAS_COMPUTE_32F_FAST_16BF:
      return __bfloat162float(__float2bfloat16_rn(value));
    default:
      return value;
  }
}
std::complex<float> rounded_for(int32_t compute, std::complex<float> value) {
  return {rounded_for(compute, value.real()), rounded_for(compute, value.imag())};
}
template <typename T>
T rounded_for(int32_t, T value) {
  return value;
}

/// op(matrix) as rows that follow each other.
template <typename T>
std::vector<T> rows_of(const Layout& layout, int32_t operation, const void* memory, int64_t batch) {
  const auto rows = static_cast<int64_t>(layout.rows);
  const auto columns = static_cast<int64_t>(layout.columns);
  const bool turned = operation != CUBLAS_OP_N;
  std::vector<T> out(static_cast<size_t>(rows * columns));
  for (int64_t column = 0; column < columns; ++column) {
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t from = batch * layout.batch_stride + column * layout.leading + row;
      const int64_t to = turned ? column * rows + row : row * columns + column;
      const T value = Access<T>::read(layout.type, memory, from);
      out[static_cast<size_t>(to)] = operation == CUBLAS_OP_C ? Access<T>::conjugate(value) : value;
    }
  }
  return out;
}

/// NVIDIA leaves open whether ReLU keeps what is no number; both happen.
bool relu_loses_nan() {
  const char* text = std::getenv("NW_SIMULATED_RELU_LOSES_NAN");
  return text != nullptr && *text != '0';
}

template <typename T>
class One {
 public:
  One(const Call& call, const Operands& operands, int64_t batch)
      : call_(call),
        operands_(operands),
        batch_(batch),
        m_(static_cast<int64_t>(call.rows())),
        n_(static_cast<int64_t>(call.columns())),
        k_(static_cast<int64_t>(call.inner())),
        a_(rows_of<T>(call.a, call.product.transposed_a, operands.a, batch)),
        b_(rows_of<T>(call.b, call.product.transposed_b, operands.b, batch)) {}

  void run(int parts) {
    sums_of_operands();
    for (std::vector<T>* all : {&a_, &b_}) {
      for (T& value : *all) value = rounded_for(call_.product.compute, value);
    }
    std::vector<T> sums(static_cast<size_t>(m_ * n_));
    for (int part = 0; part < parts; ++part) {
      std::vector<T> own(sums.size());
      multiply(own, k_ * part / parts, k_ * (part + 1) / parts);
      for (size_t i = 0; i < own.size(); ++i) sums[i] += own[i];
    }
    write(sums);
  }

 private:
  void multiply(std::vector<T>& sums, int64_t begin, int64_t end) const {
    for (int64_t i = 0; i < m_; ++i) {
      T* to = &sums[static_cast<size_t>(i * n_)];
      for (int64_t l = begin; l < end; ++l) {
        const T factor = a_[static_cast<size_t>(i * k_ + l)];
        const T* from = &b_[static_cast<size_t>(l * n_)];
        for (int64_t j = 0; j < n_; ++j) to[j] += factor * from[j];
      }
    }
  }

  T blended(T sum, int64_t at) const {
    T value = Access<T>::scale(operands_.alpha) * sum;
    const T beta = Access<T>::scale(operands_.beta);
    if (beta != T{}) value += beta * Access<T>::read(call_.c.type, operands_.c, at);
    return value;
  }

  void write(const std::vector<T>& sums) {
    std::vector<T> bias_gradient(static_cast<size_t>(m_));
    for (int64_t j = 0; j < n_; ++j) {
      for (int64_t i = 0; i < m_; ++i) {
        const int64_t c = batch_ * call_.c.batch_stride + j * call_.c.leading + i;
        const T value = after(blended(sums[static_cast<size_t>(i * n_ + j)], c), i, j);
        bias_gradient[static_cast<size_t>(i)] += value;
        Access<T>::write(call_.d.type, operands_.d,
                         batch_ * call_.d.batch_stride + j * call_.d.leading + i, value);
      }
    }
    if (call_.has(kBiasGradient)) write_bias(bias_gradient);
  }

  /// The epilogue of one number.
  T after(T value, int64_t i, int64_t j) {
    if constexpr (std::is_floating_point_v<T>) {
      if (call_.has(kBias)) {
        const int64_t at = batch_ * call_.product.bias_batch_stride + i;
        value += Access<T>::read(call_.d.type, call_.product.bias, at);
      }
      if (call_.has(kReluGradient)) return bit(i, j) ? value : T{};
      if (!call_.has(kRelu)) return value;
      const bool positive = value > 0;
      if (call_.has(kAux)) set_bit(i, j, positive);
      return positive || (value != value && !loses_nan_) ? value : T{};
    }
    return value;
  }

  /// Bits from the highest on: only this library reads what it wrote.
  uint8_t& byte_of(int64_t i, int64_t j) const {
    const Product& product = call_.product;
    const int64_t at = batch_ * product.aux_batch_stride + j * product.aux_leading + i;
    return static_cast<uint8_t*>(product.aux)[at / 8];
  }
  bool bit(int64_t i, int64_t j) const { return (byte_of(i, j) >> (7 - i % 8) & 1) != 0; }
  void set_bit(int64_t i, int64_t j, bool on) const {
    uint8_t& byte = byte_of(i, j);
    const auto mask = static_cast<uint8_t>(1u << (7 - i % 8));
    byte = static_cast<uint8_t>(on ? byte | mask : byte & ~mask);
  }

  void sums_of_operands() {
    if (call_.has(kSumsOfA)) {
      std::vector<T> sums(static_cast<size_t>(m_));
      for (int64_t at = 0; at < m_ * k_; ++at) {
        sums[static_cast<size_t>(at / k_)] += a_[static_cast<size_t>(at)];
      }
      write_bias(sums);
    } else if (call_.has(kSumsOfB)) {
      std::vector<T> sums(static_cast<size_t>(n_));
      for (int64_t at = 0; at < k_ * n_; ++at) {
        sums[static_cast<size_t>(at % n_)] += b_[static_cast<size_t>(at)];
      }
      write_bias(sums);
    }
  }
  void write_bias(const std::vector<T>& sums) {
    for (size_t i = 0; i < sums.size(); ++i) {
      const int64_t at = batch_ * call_.product.bias_batch_stride + static_cast<int64_t>(i);
      Access<T>::write(call_.d.type, call_.product.bias, at, sums[i]);
    }
  }

  const Call& call_;
  const Operands& operands_;
  int64_t batch_, m_, n_, k_;
  std::vector<T> a_, b_;
  bool loses_nan_ = relu_loses_nan();
};

template <typename T>
void compute_as(const Call& call, const Operands& operands, int parts) {
  for (int64_t batch = 0; batch < call.d.batch; ++batch) {
    One<T>(call, operands, batch).run(parts);
  }
}

}  // namespace

void compute(const Call& call, const Operands& operands, int parts) {
  switch (call.a.type) {
    case CUDA_C_64F:
      return compute_as<std::complex<double>>(call, operands, parts);
    case CUDA_C_32F:
      return compute_as<std::complex<float>>(call, operands, parts);
    case CUDA_R_64F:
      return compute_as<double>(call, operands, parts);
    default:
      return compute_as<float>(call, operands, parts);
  }
}

}  // namespace nw::simulated::lt
