#include "tests/simulator/libraries/cudnn_objects.h"

#include <cstring>
#include <limits>
#include <mutex>
#include <unordered_set>

namespace nw::simulated::dnn {
namespace {

struct Living {
  std::mutex mutex;
  std::unordered_set<const void*> all;
};

Living& living() {
  static auto& one = *new Living;
  return one;
}

/// Calls with the offset of each number, the last size fastest.
template <typename Function>
void walk(const Shape& shape, const Function& function) {
  int at[kMostDims] = {};
  const int last = shape.rank - 1;
  int64_t offset = 0;
  while (true) {
    for (int i = 0; i < shape.sizes[last]; ++i) function(offset + i * shape.strides[last]);
    int d = last - 1;
    for (; d >= 0; --d) {
      offset += shape.strides[d];
      if (++at[d] < shape.sizes[d]) break;
      offset -= shape.strides[d] * shape.sizes[d];
      at[d] = 0;
    }
    if (d < 0) return;
  }
}

}  // namespace

void note_alive(const void* object) {
  const std::lock_guard lock(living().mutex);
  living().all.insert(object);
}

void note_dead(const void* object) {
  const std::lock_guard lock(living().mutex);
  living().all.erase(object);
}

void expect_alive(const void* object, const char* call) {
  const std::lock_guard lock(living().mutex);
  if (living().all.count(object) == 0) {
    misuse(std::string(call) + ": a handle or descriptor that was destroyed or never created");
  }
}

int64_t Shape::numel() const {
  int64_t count = 1;
  for (int d = 0; d < rank; ++d) count *= sizes[d];
  return count;
}

int64_t Shape::span() const {
  int64_t last = 0;
  for (int d = 0; d < rank; ++d) last += (sizes[d] - 1) * strides[d];
  return last + 1;
}

bool Shape::has_sizes_of(const Shape& other) const {
  return rank == other.rank && std::equal(sizes, sizes + rank, other.sizes);
}

void Shape::pack(bool channels_innermost) {
  int64_t step = channels_innermost ? sizes[1] : 1;
  for (int d = rank - 1; d >= 2; --d) {
    strides[d] = step;
    step *= sizes[d];
  }
  strides[1] = channels_innermost ? 1 : step;
  strides[0] = channels_innermost ? step : step * sizes[1];
}

bool Shape::is_packed(bool channels_innermost) const {
  Shape dense = *this;
  dense.pack(channels_innermost);
  for (int d = 0; d < rank; ++d) {
    if (sizes[d] != 1 && strides[d] != dense.strides[d]) return false;
  }
  return true;
}

bool set_type(cudnnDataType_t from, Number& to) {
  switch (from) {
    case CUDNN_DATA_FLOAT:
      to = Number::Float32;
      return true;
    case CUDNN_DATA_DOUBLE:
      to = Number::Float64;
      return true;
    case CUDNN_DATA_HALF:
      to = Number::Float16;
      return true;
    case CUDNN_DATA_BFLOAT16:
      to = Number::BFloat16;
      return true;
    default:
      return false;
  }
}

cudnnDataType_t type_of(Number type) {
  switch (type) {
    case Number::Float64:
      return CUDNN_DATA_DOUBLE;
    case Number::Float16:
      return CUDNN_DATA_HALF;
    case Number::BFloat16:
      return CUDNN_DATA_BFLOAT16;
    default:
      return CUDNN_DATA_FLOAT;
  }
}

cudnnStatus_t set_sizes(Shape& shape, int rank, const int* sizes) {
  if (sizes == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  if (rank < 3 || rank > kMostDims) return CUDNN_STATUS_NOT_SUPPORTED;
  shape.rank = rank;
  int64_t count = 1;
  for (int d = 0; d < rank; ++d) {
    if (sizes[d] <= 0) return CUDNN_STATUS_BAD_PARAM;
    shape.sizes[d] = sizes[d];
    count *= sizes[d];
    if (count > std::numeric_limits<int32_t>::max()) return CUDNN_STATUS_NOT_SUPPORTED;
  }
  return CUDNN_STATUS_SUCCESS;
}

template <typename T>
std::vector<T> read(const Shape& shape, const void* memory) {
  std::vector<T> out;
  out.reserve(static_cast<size_t>(shape.numel()));
  walk(shape, [&](int64_t offset) { out.push_back(number_at<T>(shape.type, memory, offset)); });
  return out;
}

template <typename T>
void write(const Shape& shape, void* memory, const std::vector<T>& values, double alpha,
           double beta) {
  const T* from = values.data();
  const auto times = static_cast<T>(alpha);
  const auto kept = static_cast<T>(beta);
  walk(shape, [&](int64_t offset) {
    T value = times * *from++;
    if (kept != 0) value += kept * number_at<T>(shape.type, memory, offset);
    put_number<T>(shape.type, memory, offset, value);
  });
}

template std::vector<float> read<float>(const Shape&, const void*);
template std::vector<double> read<double>(const Shape&, const void*);
template void write<float>(const Shape&, void*, const std::vector<float>&, double, double);
template void write<double>(const Shape&, void*, const std::vector<double>&, double, double);

double factor(const void* from, Number type) {
  return type == Number::Float64 ? *static_cast<const double*>(from)
                                 : static_cast<double>(*static_cast<const float*>(from));
}

cudnnStatus_t status_of_bytes(const void* memory, size_t bytes, size_t alignment, int device,
                              const char* name) {
  switch (flaw_of(memory, bytes, alignment, device)) {
    case Flaw::Null:
      return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    case Flaw::Misaligned:
      return CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER;
    case Flaw::NotOnDevice:
      misuse(std::string("cuDNN: ") + name + " is not " + std::to_string(bytes) +
             " bytes of memory of the device");
    case Flaw::None:
      break;
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t status_of(const void* memory, const Shape& shape, int device, const char* name) {
  if (!shape.is_set()) return CUDNN_STATUS_BAD_PARAM;
  return status_of_bytes(memory, shape.span_bytes(), bytes_of(shape.type), device, name);
}

HandleUse::HandleUse(cudnnHandle_t handle, const char* call) : handle_(handle) {
  expect_alive(handle, call);
  if (handle->in_use.exchange(true)) {
    misuse(std::string(call) + ": two threads use one handle at the same time");
  }
  if (current_device() != handle->device) {
    misuse(std::string(call) + ": the handle belongs to another device than the current one");
  }
}

HandleUse::~HandleUse() {
  handle_->in_use = false;
}

cudaStream_t HandleUse::stream() const {
  return handle_->stream;
}

int HandleUse::device() const {
  return handle_->device;
}

}  // namespace nw::simulated::dnn
