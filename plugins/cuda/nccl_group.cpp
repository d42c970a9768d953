#include "plugins/cuda/nccl_group.h"

#include <nccl.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/dist/store.h"
#include "plugins/cuda/keeper.h"
#include "plugins/cuda/libraries.h"
#include "plugins/cuda/memory_source.h"
#include "plugins/cuda/nccl_calls.h"
#include "plugins/cuda/nccl_comm.h"
#include "plugins/cuda/nccl_work.h"
#include "plugins/cuda/recorded_groups.h"

namespace nw::cuda {
namespace {

using dist::Reduction;
using dist::WorkHandle;
using Clock = NcclState::Clock;

constexpr std::chrono::milliseconds kLookEvery{50};

class NcclGroup final : public dist::ProcessGroup {
 public:
  explicit NcclGroup(const dist::GroupOptions& options);
  ~NcclGroup() override;

  std::string_view backend() const override { return "nccl"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  DeviceType device_type() const override { return DeviceType::Cuda; }
  std::chrono::milliseconds timeout() const override { return timeout_; }
  uint64_t bytes_sent() const override { return bytes_sent_; }

  WorkHandle all_reduce(const Tensor& tensor, Reduction reduction) override;
  WorkHandle broadcast(const Tensor& tensor, int root) override;
  WorkHandle all_gather(const Tensor& input, std::span<const Tensor> outputs) override;
  WorkHandle reduce_scatter(const Tensor& output, std::span<const Tensor> inputs,
                            Reduction reduction) override;
  WorkHandle send(const Tensor& tensor, int to, uint32_t tag) override;
  WorkHandle recv(const Tensor& tensor, int from, uint32_t tag) override;
  WorkHandle barrier() override;
  void abort(const std::string& reason) override;

 private:
  void connect(const dist::GroupOptions& options);
  void check(std::string_view op, const Tensor& tensor) const;
  void check_list(std::string_view op, const Tensor& one, std::span<const Tensor> list) const;
  void check_rank(std::string_view op, int rank) const;
  template <typename Call>
  WorkHandle queue(std::string text, std::vector<Tensor> tensors, const Call& call,
                   std::function<void()> finish = nullptr, bool host_waits = false);
  void watch(const std::stop_token& stop);
  bool look_after();
  void note_ring(const Tensor& tensor, double shares);

  const int rank_, size_, device_;
  const std::chrono::milliseconds timeout_;
  std::unique_ptr<NcclComm> comm_;
  cudaStream_t stream_ = nullptr;
  std::shared_ptr<NcclState> state_ = std::make_shared<NcclState>(device_, timeout_);
  std::atomic<uint64_t> bytes_sent_{0};
  std::jthread watcher_;
};

NcclGroup::NcclGroup(const dist::GroupOptions& options)
    : rank_(options.rank),
      size_(options.size),
      device_(options.device.index),
      timeout_(options.timeout) {
  NW_CHECK(options.device.type == DeviceType::Cuda,
           "[init_process_group] the backend nccl expects a GPU for each rank, "
           "gets ",
           to_string(options.device), "; use gloo for the CPU");
  backend_of(options.device);  // refuses one that is not there
  const DeviceScope scope(device_);
  connect(options);
  NW_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  watcher_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

NcclGroup::~NcclGroup() {
  watcher_.request_stop();
  watcher_.join();
  while (state_->problem().empty() && look_after()) std::this_thread::sleep_for(kAskEvery);
  comm_ = nullptr;
  cudaStreamDestroy(stream_);
}

void NcclGroup::connect(const dist::GroupOptions& options) {
  NW_CHECK(size_ == 1 || options.store,
           "[init_process_group] expects a store by which the ranks meet");
  ncclUniqueId id{};
  const std::string key = "nccl/" + options.name;
  if (rank_ == 0) {
    check_nccl(NW_SYMBOL(nccl(), ncclGetUniqueId)(&id), "ncclGetUniqueId");
    if (size_ > 1) options.store->set(key, std::string(id.internal, sizeof(id.internal)));
  } else {
    const std::string sent = options.store->get(key, timeout_);
    NW_CHECK(sent.size() == sizeof(id.internal), "[init_process_group] rank 0 sent no id of NCCL");
    std::memcpy(id.internal, sent.data(), sizeof(id.internal));
  }
  if (size_ > 1) {
    // Of a rank that goes away while others wait the store can tell, and NCCL cannot.
    if (options.store->add(key + "/ranks", 1) == size_) options.store->set(key + "/all ranks", "1");
    options.store->get(key + "/all ranks", timeout_);
  }
  comm_ = std::make_unique<NcclComm>(size_, id, rank_, timeout_);
}

void NcclGroup::check(std::string_view op, const Tensor& tensor) const {
  NW_CHECK(tensor.defined(), "[", op, "] expects a tensor, gets an undefined one");
  NW_CHECK(tensor.device() == (Device{DeviceType::Cuda, device_}), "[", op,
           "] of an nccl group expects tensors on ", to_string(Device{DeviceType::Cuda, device_}),
           ", gets one on ", to_string(tensor.device()));
  nccl_type(op, tensor.dtype());
}

void NcclGroup::check_list(std::string_view op, const Tensor& one,
                           std::span<const Tensor> list) const {
  check(op, one);
  NW_CHECK(list.size() == static_cast<size_t>(size_), "[", op, "] expects a list of ", size_,
           " tensors, gets ", list.size());
  for (const Tensor& each : list) {
    check(op, each);
    NW_CHECK(each.dtype() == one.dtype() && each.sizes() == one.sizes(), "[", op,
             "] expects tensors of one size and dtype, gets ", describe(one), " and ",
             describe(each));
  }
}

void NcclGroup::check_rank(std::string_view op, int rank) const {
  NW_CHECK(rank >= 0 && rank < size_, "[", op, "] expects a rank from 0 to ", size_ - 1, ", gets ",
           rank);
}

/// Runs `call(comm, stream)` in the group's stream, behind what this thread has queued. What is
/// recorded is watched each time that the recording is replayed.
template <typename Call>
WorkHandle NcclGroup::queue(std::string text, std::vector<Tensor> tensors, const Call& call,
                            std::function<void()> finish, bool host_waits) {
  const std::string problem = state_->problem();
  NW_CHECK(problem.empty(), "[", text, "] failed: ", problem);
  const DeviceScope scope(device_);
  const bool recorded = Keeper::current() != nullptr;
  CudaEvent(device_, current_stream(device_)).follow_on(stream_);
  comm_->run(text, [&](ncclComm_t comm) { return call(comm, stream_); });
  std::shared_ptr<NcclPending> pending;
  if (recorded) {
    for (const Tensor& tensor : tensors) keep_for_recording(tensor);
    note_recorded(state_);
    pending = std::make_shared<NcclPending>(
        NcclPending{std::move(text), {}, std::make_unique<CudaEvent>(device_, stream_), {}});
  } else {
    // Holds the tensors until they are done with. The allocator is not told of the other stream:
    // it would ask that for a moment to wait for when they are freed, which may be while a
    // recording goes on there.
    pending = state_->watch(std::move(text), std::move(tensors), stream_);
  }
  return std::make_shared<NcclWork>(state_, std::move(pending), host_waits, std::move(finish));
}

void NcclGroup::note_ring(const Tensor& tensor, double shares) {
  const double bytes = static_cast<double>(tensor.numel()) *
                       static_cast<double>(item_bytes(tensor.dtype())) * shares;
  bytes_sent_ += static_cast<uint64_t>(bytes);
}

WorkHandle NcclGroup::all_reduce(const Tensor& tensor, Reduction reduction) {
  check("all_reduce", tensor);
  const ncclRedOp_t op = nccl_reduction("all_reduce", tensor.dtype(), reduction);
  tensor.storage()->bump_version();
  note_ring(tensor, 2.0 * (size_ - 1) / size_);
  const Tensor row = raw::contiguous(tensor);
  const auto finish = [tensor, row] {
    if (!row.is_same(tensor)) raw::copy_(tensor, row);
  };
  return queue(
      "all_reduce", {row},
      [&](ncclComm_t comm, cudaStream_t stream) {
        return NW_SYMBOL(nccl(), ncclAllReduce)(row.raw(), row.raw(), nccl_count(row),
                                                nccl_type("all_reduce", row.dtype()), op, comm,
                                                stream);
      },
      finish);
}

WorkHandle NcclGroup::broadcast(const Tensor& tensor, int root) {
  check("broadcast", tensor);
  check_rank("broadcast", root);
  if (rank_ != root) tensor.storage()->bump_version();
  note_ring(tensor, static_cast<double>(size_ - 1) / size_);
  const Tensor row = raw::contiguous(tensor);
  const auto finish = [tensor, row] {
    if (!row.is_same(tensor)) raw::copy_(tensor, row);
  };
  return queue(
      "broadcast", {row},
      [&](ncclComm_t comm, cudaStream_t stream) {
        return NW_SYMBOL(nccl(), ncclBroadcast)(row.raw(), row.raw(), nccl_count(row),
                                                nccl_type("broadcast", row.dtype()), root, comm,
                                                stream);
      },
      finish);
}

WorkHandle NcclGroup::all_gather(const Tensor& input, std::span<const Tensor> outputs) {
  check_list("all_gather", input, outputs);
  for (const Tensor& output : outputs) output.storage()->bump_version();
  note_ring(input, size_ - 1);
  const Tensor row = raw::contiguous(input);
  const Tensor all = empty(Dims{size_, input.numel()}, input.dtype(), input.device());
  const std::vector<Tensor> list(outputs.begin(), outputs.end());
  const auto finish = [all, list] {
    int64_t offset = 0;
    for (const Tensor& one : list) {
      raw::copy_(one, all.as_strided(one.sizes(), contiguous_strides(one.sizes()), offset));
      offset += one.numel();
    }
  };
  return queue(
      "all_gather", {row, all},
      [&](ncclComm_t comm, cudaStream_t stream) {
        return NW_SYMBOL(nccl(), ncclAllGather)(row.raw(), all.raw(), nccl_count(row),
                                                nccl_type("all_gather", row.dtype()), comm, stream);
      },
      finish);
}

WorkHandle NcclGroup::reduce_scatter(const Tensor& output, std::span<const Tensor> inputs,
                                     Reduction reduction) {
  check_list("reduce_scatter", output, inputs);
  const ncclRedOp_t op = nccl_reduction("reduce_scatter", output.dtype(), reduction);
  output.storage()->bump_version();
  note_ring(output, size_ - 1);
  const Tensor all = empty(Dims{size_, output.numel()}, output.dtype(), output.device());
  int64_t offset = 0;
  for (const Tensor& one : inputs) {
    raw::copy_(all.as_strided(one.sizes(), contiguous_strides(one.sizes()), offset), one);
    offset += one.numel();
  }
  const Tensor row = empty(Dims{output.numel()}, output.dtype(), output.device());
  const auto finish = [output, row] {
    raw::copy_(output, row.as_strided(output.sizes(), contiguous_strides(output.sizes()), 0));
  };
  return queue(
      "reduce_scatter", {all, row},
      [&](ncclComm_t comm, cudaStream_t stream) {
        return NW_SYMBOL(nccl(), ncclReduceScatter)(all.raw(), row.raw(), nccl_count(row),
                                                    nccl_type("reduce_scatter", row.dtype()), op,
                                                    comm, stream);
      },
      finish);
}

WorkHandle NcclGroup::send(const Tensor& tensor, int to, uint32_t tag) {
  check("send", tensor);
  check_rank("send", to);
  NW_CHECK(to != rank_, "[send] expects another rank than its own, gets ", to);
  note_ring(tensor, 1);
  const Tensor row = raw::contiguous(tensor);
  return queue(concat("send to rank ", to, " (tag ", tag, ")"), {row},
               [&](ncclComm_t comm, cudaStream_t stream) {
                 return NW_SYMBOL(nccl(), ncclSend)(
                     row.raw(), nccl_count(row), nccl_type("send", row.dtype()), to, comm, stream);
               });
}

WorkHandle NcclGroup::recv(const Tensor& tensor, int from, uint32_t tag) {
  check("recv", tensor);
  check_rank("recv", from);
  NW_CHECK(from != rank_, "[recv] expects another rank than its own, gets ", from);
  tensor.storage()->bump_version();
  const Tensor row =
      tensor.is_contiguous() ? tensor : empty(tensor.sizes(), tensor.dtype(), tensor.device());
  const auto finish = [tensor, row] {
    if (!row.is_same(tensor)) raw::copy_(tensor, row);
  };
  return queue(
      concat("recv from rank ", from, " (tag ", tag, ")"), {row},
      [&](ncclComm_t comm, cudaStream_t stream) {
        return NW_SYMBOL(nccl(), ncclRecv)(row.raw(), nccl_count(row),
                                           nccl_type("recv", row.dtype()), from, comm, stream);
      },
      finish);
}

WorkHandle NcclGroup::barrier() {
  refuse_recording("a barrier");
  const Tensor one = zeros(Dims{1}, DType::Float32, Device{DeviceType::Cuda, device_});
  return queue(
      "barrier", {one},
      [&](ncclComm_t comm, cudaStream_t stream) {
        return NW_SYMBOL(nccl(), ncclAllReduce)(one.raw(), one.raw(), 1, ncclFloat32, ncclSum, comm,
                                                stream);
      },
      nullptr, true);
}

void NcclGroup::abort(const std::string& reason) {
  if (state_->break_by(reason)) comm_->abort();
}

void NcclGroup::watch(const std::stop_token& stop) {
  while (!stop.stop_requested() && state_->problem().empty()) {
    std::this_thread::sleep_for(kLookEvery);
    look_after();
  }
}

/// Breaks the group for what failed or takes too long. Whether something is under way.
bool NcclGroup::look_after() {
  try {
    comm_->check_health();
    const std::shared_ptr<NcclPending> oldest = state_->oldest();
    if (oldest == nullptr) return false;
    NW_CHECK(Clock::now() < oldest->deadline, "[", oldest->text, "] rank ", rank_,
             " waited for the others for more than ", timeout_.count(), " ms");
  } catch (const Error& error) {
    abort(error.text());
  }
  return true;
}

}  // namespace

std::unique_ptr<dist::ProcessGroup> make_nccl_group(const dist::GroupOptions& options) {
  return std::make_unique<NcclGroup>(options);
}

}  // namespace nw::cuda
