#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/backend/creation.h"
#include "core/tensor/tensor.h"

/// What the tests of autograd share.
namespace nw::test {

inline Tensor constant(std::initializer_list<double> values) {
  const std::vector<double> list(values);
  return tensor_of<double>(list, {static_cast<int64_t>(list.size())});
}
inline Tensor leaf(std::initializer_list<double> values) {
  return constant(values).set_requires_grad();
}
inline std::vector<double> values(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const Tensor dense = raw::contiguous(tensor);
  return {dense.data<double>(), dense.data<double>() + dense.numel()};
}
/// The text of the Error that `action` throws; empty: it throws none.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

}  // namespace nw::test
