#pragma once

#include "core/nn/block.h"
#include "core/nn/layers/extents.h"
#include "core/ops/pad.h"

namespace nw::nn {

/// Adds to both sides of the last N dimensions of x, or takes away where padding is negative. One
/// number stands for all sides; else torch's order: before and after of the last dimension first.
/// Source: torch.nn.ConstantPad1d … 3d, ZeroPad2d, ReflectionPad1d … 3d, ReplicationPad1d … 3d.
template <size_t N>
class PadNd : public UnaryModule {
 public:
  std::string kind() const override;
  std::string extra_repr() const override { return padding_.tuple_text(); }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 protected:
  PadNd(std::string_view stem, const Extents<2 * N>& padding, ops::PadMode mode, double value)
      : stem_(stem), padding_(padding), mode_(mode), value_(value) {}

  const Extents<2 * N>& padding() const { return padding_; }
  double value() const { return value_; }

 private:
  std::string_view stem_;  // a literal
  Extents<2 * N> padding_;
  ops::PadMode mode_;
  double value_;
};

/// Pads with one number.
template <size_t N>
class ConstantPad : public PadNd<N> {
 public:
  ConstantPad(const Extents<2 * N>& padding, double value)
      : PadNd<N>("ConstantPad", padding, ops::PadMode::Zeros, value) {}
  std::string extra_repr() const override;
};

template <size_t N>
class ZeroPad : public PadNd<N> {
 public:
  explicit ZeroPad(const Extents<2 * N>& padding)
      : PadNd<N>("ZeroPad", padding, ops::PadMode::Zeros, 0) {}
};

/// Pads with the mirrored input; the edge itself is not repeated.
template <size_t N>
class ReflectionPad : public PadNd<N> {
 public:
  explicit ReflectionPad(const Extents<2 * N>& padding)
      : PadNd<N>("ReflectionPad", padding, ops::PadMode::Reflect, 0) {}
};

/// Pads with the edge.
template <size_t N>
class ReplicationPad : public PadNd<N> {
 public:
  explicit ReplicationPad(const Extents<2 * N>& padding)
      : PadNd<N>("ReplicationPad", padding, ops::PadMode::Replicate, 0) {}
};

Block constant_pad_block(size_t spatial);
Block zero_pad_block();
Block reflection_pad_block(size_t spatial);
Block replication_pad_block(size_t spatial);

}  // namespace nw::nn
