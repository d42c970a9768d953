#pragma once

#include <optional>

#include "core/nn/block.h"
#include "core/ops/pad.h"

namespace nw::nn {

/// Adds to both sides of the last N dimensions of x, or takes away where padding is negative. One
/// number stands for all sides; else torch's order: before and after of the last dimension first.
/// Other even counts pad fewer or more dimensions.
/// Source: torch.nn.ConstantPad1d … 3d, ZeroPad2d, ReflectionPad1d … 3d, ReplicationPad1d … 3d.
template <size_t N>
class PadNd : public UnaryModule {
 public:
  std::string kind() const override;
  std::string extra_repr() const override { return to_python(padding_); }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 protected:
  PadNd(std::string_view stem, std::vector<int64_t> padding, ops::PadMode mode, double value)
      : stem_(stem), padding_(std::move(padding)), mode_(mode), value_(value) {}

  const std::vector<int64_t>& padding() const { return padding_; }
  double value() const { return value_; }

 private:
  std::string_view stem_;  // a literal
  std::vector<int64_t> padding_;
  ops::PadMode mode_;
  double value_;
};

/// One number for all sides of N dimensions, or an even count of them for those that are told.
template <size_t N>
class Sides {
 public:
  Sides(int64_t all) : items_(2 * N, all) {}
  Sides(std::initializer_list<int64_t> items) : Sides(std::vector<int64_t>(items)) {}
  Sides(std::vector<int64_t> items) : items_(std::move(items)) {
    NW_CHECK(items_.size() % 2 == 0, "[padding] expects an even number of sides, gets ",
             items_.size());
  }
  const std::vector<int64_t>& items() const { return items_; }

 private:
  std::vector<int64_t> items_;
};

/// Pads with one number.
template <size_t N>
class ConstantPad : public PadNd<N> {
 public:
  /// Without a value it pads with 0.
  ConstantPad(const Sides<N>& padding, std::optional<double> value)
      : PadNd<N>("ConstantPad", padding.items(), ops::PadMode::Zeros, value.value_or(0)),
        has_value_(value.has_value()) {}
  std::string extra_repr() const override;

 private:
  bool has_value_;
};

template <size_t N>
class ZeroPad : public PadNd<N> {
 public:
  explicit ZeroPad(const Sides<N>& padding)
      : PadNd<N>("ZeroPad", padding.items(), ops::PadMode::Zeros, 0) {}
};

/// Pads with the mirrored input; the edge itself is not repeated.
template <size_t N>
class ReflectionPad : public PadNd<N> {
 public:
  explicit ReflectionPad(const Sides<N>& padding)
      : PadNd<N>("ReflectionPad", padding.items(), ops::PadMode::Reflect, 0) {}
};

/// Pads with the edge.
template <size_t N>
class ReplicationPad : public PadNd<N> {
 public:
  explicit ReplicationPad(const Sides<N>& padding)
      : PadNd<N>("ReplicationPad", padding.items(), ops::PadMode::Replicate, 0) {}
};

Block constant_pad_block(size_t spatial);
Block zero_pad_block();
Block reflection_pad_block(size_t spatial);
Block replication_pad_block(size_t spatial);

}  // namespace nw::nn
