#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/module.h"

namespace nw::dist {

struct DataParallelOptions {
  /// Where the replicas run; the first is the module itself and must be where its parameters are.
  /// One device may be there several times: {cpu, cpu} is two replicas on the CPU. Empty: the
  /// module's device alone.
  std::vector<Device> device_ids = {};
  std::optional<Device> output_device = {};  // not set: the first of device_ids
  int64_t dim = 0;                           // along which inputs are parted and outputs joined
};

/// A module that works on parts of its input in several threads at once, as
/// torch.nn.DataParallel: the inputs are cut along `dim`, each replica gets a part, the outputs are
/// joined, and backward adds the replicas' gradients up in the module's parameters. Outputs
/// without dimensions become one vector. Of buffers, only what the first replica writes lasts, as
/// in PyTorch; likewise only the first draws from the caller's random numbers, the others from
/// streams that are seeded by it while training. state_dict: the module's keys behind "module.".
class DataParallel : public nn::Module {
 public:
  /// Makes modules of one architecture; called once for the module and once for each replica.
  using Make = std::function<std::unique_ptr<nn::Module>()>;

  /// Throws Error when a device is none that numbers can live on, or when `dim` is negative.
  explicit DataParallel(const Make& make, const DataParallelOptions& options = {});

  std::string kind() const override { return "DataParallel"; }
  /// Throws Error when the module is not on the first device; what a replica throws comes out.
  Tensors forward(const Tensors& inputs) override;
  nn::Module& module() { return *module_; }

 private:
  void check_devices() const;
  void replicate(size_t count);
  std::vector<Tensors> scatter(const Tensors& inputs) const;
  std::vector<Tensors> parallel_apply(const std::vector<Tensors>& parts);
  Tensors gather(const std::vector<Tensors>& outputs) const;

  std::shared_ptr<nn::Module> module_;
  std::vector<std::unique_ptr<nn::Module>> replicas_;  // for the second device and on
  std::vector<Device> devices_;
  Device output_device_;
  int64_t dim_;
};

}  // namespace nw::dist
