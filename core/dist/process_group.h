#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/tensor/tensor.h"

namespace nw::dist {

class Store;

/// How the numbers of the ranks become one. Average divides the sum by the size of the group.
enum class Reduction : uint8_t { Sum, Average, Product, Min, Max };

/// A collective under way. It keeps its tensors alive; their numbers may be used after wait().
class Work {
 public:
  virtual ~Work() = default;
  virtual bool is_completed() const = 0;
  /// Returns when it is done (on a GPU: queued before all that this thread queues next). Throws
  /// Error that names the operation, this rank and what is known of the cause: a timeout, a rank
  /// that went away.
  virtual void wait() = 0;
};

using WorkHandle = std::shared_ptr<Work>;

/// The processes of one training, each with a rank from 0 to size − 1, that exchange tensors. The
/// operations are torch.distributed's
/// (https://pytorch.org/docs/stable/distributed.html): every rank calls the same ones in the same
/// order with tensors of the same sizes and dtype, dense, on the group's kind of device. They are
/// queued and run in that order while the caller goes on; only send and recv are under way at once,
/// those with the same partner and tag in their order. Safe to call from several threads only when
/// the order is the same on each rank. Arguments that are wrong on this rank alone throw at once;
/// tensors that differ between ranks in number or dtype throw at wait(). After any failure at
/// wait() the group is broken: every later operation fails with the same cause.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  /// "gloo", "nccl".
  virtual std::string_view backend() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// What the tensors must live on.
  virtual DeviceType device_type() const = 0;
  virtual std::chrono::milliseconds timeout() const = 0;

  /// In place: every rank's `tensor` becomes the reduction of all, the same bits on each. Average
  /// of whole numbers and bools is refused, and so are all but Sum and Average of complex ones.
  virtual WorkHandle all_reduce(const Tensor& tensor, Reduction reduction = Reduction::Sum) = 0;
  /// Every rank's `tensor` becomes that of `root`.
  virtual WorkHandle broadcast(const Tensor& tensor, int root) = 0;
  /// outputs[r] becomes rank r's `input`; `size()` outputs of the input's size.
  virtual WorkHandle all_gather(const Tensor& input, std::span<const Tensor> outputs) = 0;
  /// `output` becomes the reduction of all ranks' inputs[rank()]; `size()` inputs of its size.
  virtual WorkHandle reduce_scatter(const Tensor& output, std::span<const Tensor> inputs,
                                    Reduction reduction = Reduction::Sum) = 0;
  /// Meets the recv of rank `to` with the same tag.
  virtual WorkHandle send(const Tensor& tensor, int to, uint32_t tag = 0) = 0;
  virtual WorkHandle recv(const Tensor& tensor, int from, uint32_t tag = 0) = 0;
  /// Done when every rank has come to it.
  virtual WorkHandle barrier() = 0;

  /// Makes every pending and later operation fail with `reason`; may be called from any thread, for
  /// example by who saw a rank die.
  virtual void abort(const std::string& reason) = 0;
  /// Bytes that this rank has sent to others since the start; for NCCL by the ring's formula.
  virtual uint64_t bytes_sent() const = 0;
};

/// What makes a group of one backend; `store` is shared by the ranks.
struct GroupOptions {
  std::string name;  // groups made on one store differ in it
  int rank = 0;
  int size = 1;
  std::shared_ptr<Store> store;
  std::chrono::milliseconds timeout{std::chrono::minutes(30)};
  Device device = kCpu;  // NCCL: this rank's GPU
  /// Gloo: the network interface or address to use. Empty: GLOO_SOCKET_IFNAME from the environment,
  /// or else the address by which the ranks reach the store.
  std::string interface;
};

using MakeProcessGroup = std::function<std::unique_ptr<ProcessGroup>(const GroupOptions&)>;

/// Adds a kind of group: "gloo" is there from the start, "nccl" comes with the CUDA plugin.
void register_process_group(std::string backend, MakeProcessGroup make);

/// Throws Error with a remedy unless there is such a backend.
void check_backend(const std::string& backend);

/// A group beside the default one; waits until all ranks of `options` have come. Throws Error with
/// a remedy for an unknown backend.
std::unique_ptr<ProcessGroup> make_process_group(const std::string& backend,
                                                 const GroupOptions& options);

}  // namespace nw::dist
