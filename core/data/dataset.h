#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/nn/block.h"
#include "core/tensor/tensor.h"

namespace nw::data {

/// Samples of one shape with their targets, addressed by index. Immutable: threads may read it
/// together.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  /// Sizes of one sample, without the batch: (1, 28, 28).
  virtual Dims sample_sizes() const = 0;
  /// Float32 for values, Int64 for tokens.
  virtual DType sample_dtype() const { return DType::Float32; }
  /// Sizes of one target: empty for a class index, (1) for a regression value.
  virtual Dims target_sizes() const = 0;
  /// Int64 for classes, Float32 for values.
  virtual DType target_dtype() const = 0;
  /// 0 when the target is not a class.
  virtual int64_t class_count() const { return 0; }
  virtual std::vector<std::string> class_names() const { return {}; }
  /// Writes the samples at `indices` into x (n, sample…) and their targets into y (n,
  /// target…).
  virtual void read(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const = 0;
};

/// What a data set offers: samples to learn from and samples kept for the test (may be null).
struct Splits {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> test;
};

/// Shapes of a data set, known without reading its samples; feeds shape inference at each edit.
struct Signature {
  Dims sample;
  Dims target;
  DType target_dtype = DType::Int64;
  int64_t classes = 0;
  DType sample_dtype = DType::Float32;
  int64_t train_samples = 0;  // to learn from and to validate; 0: not known before they are read
};

/// Description of a source of data: "FashionMNIST", "IDX", "two-moons", … with its parameters
/// (folder, samples, noise).
struct DatasetSpec : nn::Description {
  /// Reads headers only; throws Error naming file, place and remedy.
  Signature (*signature)(const nn::Args& args) = nullptr;
  /// Throws Error naming file, place and remedy.
  Splits (*load)(const nn::Args& args) = nullptr;
  /// Python (with np, torch, gzip in scope) that reads the same samples from the same files into x
  /// and t, x_test and t_test (None without a test). Null: they are not in files of their own.
  std::string (*python)(const nn::Args& args) = nullptr;
};

/// Every data source. Filled by core/data/register_datasets.cpp.
const nn::Registry<DatasetSpec>& datasets();
/// Adds a plugin's data source. Only at start, before anything holds what datasets() gave.
void add_dataset(DatasetSpec dataset);

/// Some samples of another data set, in an order of their own.
std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole,
                                      std::vector<int64_t> indices);

}  // namespace nw::data
