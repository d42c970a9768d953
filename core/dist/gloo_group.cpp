#include "core/dist/gloo_group.h"

#include <map>
#include <tuple>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/dist/gloo_calls.h"
#include "core/dist/gloo_queue.h"
#include "core/dist/reduce_numbers.h"

namespace nw::dist {
namespace {

/// A tensor's numbers in a row; strided ones in a copy that goes back by write_back().
class Row {
 public:
  explicit Row(const Tensor& tensor) : tensor_(tensor), row_(raw::contiguous(tensor)) {}
  void* numbers() const { return row_.raw(); }
  void write_back() const {
    if (!row_.is_same(tensor_)) raw::copy_(tensor_, row_);
  }

 private:
  Tensor tensor_, row_;
};

class DoneWork final : public Work {
 public:
  explicit DoneWork(std::string problem) : problem_(std::move(problem)) {}
  bool is_completed() const override { return true; }
  void wait() override {
    if (!problem_.empty()) throw Error(problem_);
  }

 private:
  std::string problem_;
};

void check_tensor(std::string_view op, const Tensor& tensor) {
  NW_CHECK(tensor.defined(), "[", op, "] expects a tensor, gets an undefined one");
  NW_CHECK(tensor.device().type == DeviceType::Cpu, "[", op,
           "] of a gloo group expects tensors on the CPU, gets one on ",
           to_string(tensor.device()));
}

void check_reduction(std::string_view op, DType dtype, Reduction reduction) {
  NW_CHECK(combine_of(dtype, reduction) != nullptr, "[", op, "] can only add or average ",
           name(dtype), " numbers");
  NW_CHECK(reduction != Reduction::Average || is_floating(dtype) || is_complex(dtype), "[", op,
           "] cannot average ", name(dtype), " numbers: add them");
}

void check_rank(std::string_view op, std::string_view what, int rank, int size) {
  NW_CHECK(rank >= 0 && rank < size, "[", op, "] expects ", what, " from 0 to ", size - 1,
           ", gets ", rank);
}

/// Of all_gather and reduce_scatter: one tensor for each rank, like `one`.
void check_list(std::string_view op, const Tensor& one, std::span<const Tensor> list, int size) {
  check_tensor(op, one);
  NW_CHECK(list.size() == static_cast<size_t>(size), "[", op, "] expects a list of ", size,
           " tensors, gets ", list.size());
  for (const Tensor& each : list) {
    check_tensor(op, each);
    NW_CHECK(each.dtype() == one.dtype() && each.sizes() == one.sizes(), "[", op,
             "] expects tensors of one size and dtype, gets ", describe(one), " and ",
             describe(each));
  }
}

/// A collective under way: what it is, and the rows of what this rank gives or gets changed.
struct Collective {
  Collective(const GlooCall& given_call, std::vector<Tensor> given)
      : call(given_call), tensors(std::move(given)) {}

  void open() {
    for (const Tensor& tensor : tensors) rows.emplace_back(tensor);
  }
  std::vector<const void*> numbers() const {
    std::vector<const void*> out;
    for (const Row& row : rows) out.push_back(row.numbers());
    return out;
  }

  GlooCall call;
  std::vector<Tensor> tensors;
  std::vector<Row> rows;  // once it is its turn
};

/// A send or recv under way.
struct Transfer {
  Transfer(const Tensor& given, int with) : peer(with), row(given) {
    ours = call_of(CallKind::Send, given);
  }

  int peer;
  uint64_t data_slot = 0;
  Row row;
  GlooCall ours, theirs;
  GlooBuffer header, data;
};

class GlooGroup final : public ProcessGroup {
 public:
  explicit GlooGroup(const GroupOptions& options)
      : rank_(options.rank), size_(options.size), timeout_(options.timeout) {
    if (size_ == 1) return;
    NW_CHECK(options.store, "[init_process_group] expects a store by which the ranks meet");
    mesh_ = std::make_unique<GlooMesh>(options);
    frames_ = std::make_unique<GlooFrames>(*mesh_);
    queue_ = std::make_unique<GlooQueue>(*mesh_, timeout_);
  }

  std::string_view backend() const override { return "gloo"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  DeviceType device_type() const override { return DeviceType::Cpu; }
  std::chrono::milliseconds timeout() const override { return timeout_; }
  uint64_t bytes_sent() const override { return mesh_ ? mesh_->bytes_sent.load() : 0; }

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
  template <typename Run>
  WorkHandle queue(const GlooCall& call, std::vector<Tensor> tensors, Run run);
  GlooLinks links() const { return {*mesh_, *frames_}; }
  WorkHandle alone(CallKind kind);
  std::shared_ptr<Transfer> transfer(std::string_view op, const Tensor& tensor, int peer,
                                     uint32_t tag);

  const int rank_, size_;
  const std::chrono::milliseconds timeout_;
  std::unique_ptr<GlooMesh> mesh_;  // of a group of more than one, as are the next two
  std::unique_ptr<GlooFrames> frames_;
  std::unique_ptr<GlooQueue> queue_;
  uint64_t begun_ = 0;  // operations of the queue

  std::mutex mutex_;                                               // of all that follows
  std::map<std::tuple<bool, int, uint32_t>, uint32_t> transfers_;  // sent?, peer, tag
  std::string aborted_;                                            // of a group of one
};

/// Queues run(collective); every rank gives its tensors, in a broadcast only the root.
template <typename Run>
WorkHandle GlooGroup::queue(const GlooCall& call, std::vector<Tensor> tensors, Run run) {
  const auto one = std::make_shared<Collective>(call, std::move(tensors));
  GlooTask task;
  task.op = name(call.kind);
  task.text = [one] { return describe(one->call); };
  task.may_rest = fits_in_frames(*mesh_, call);
  task.begin = [this, one] {
    one->call.count = begun_++;
    one->open();
    const bool gives = one->call.kind != CallKind::Broadcast || one->call.root == rank_;
    begin(links(), one->call, gives ? one->numbers() : std::vector<const void*>());
  };
  task.run = [this, one, run = std::move(run)] {
    run(*one);
    frames_->finish_sending();
  };
  return queue_->queue(std::move(task));
}

/// In a group of one, where there is nobody to exchange with.
WorkHandle GlooGroup::alone(CallKind kind) {
  const std::lock_guard lock(mutex_);
  return std::make_shared<DoneWork>(
      aborted_.empty() ? std::string() : concat("[", name(kind), "] failed: ", aborted_));
}

WorkHandle GlooGroup::all_reduce(const Tensor& tensor, Reduction reduction) {
  check_tensor("all_reduce", tensor);
  check_reduction("all_reduce", tensor.dtype(), reduction);
  if (size_ == 1) return alone(CallKind::AllReduce);
  tensor.storage()->bump_version();
  GlooCall call = call_of(CallKind::AllReduce, tensor);
  call.reduction = reduction;
  return queue(call, {tensor}, [this](const Collective& one) {
    dist::all_reduce(links(), one.call, one.rows[0].numbers());
    one.rows[0].write_back();
  });
}

WorkHandle GlooGroup::broadcast(const Tensor& tensor, int root) {
  check_tensor("broadcast", tensor);
  check_rank("broadcast", "a root", root, size_);
  if (size_ == 1) return alone(CallKind::Broadcast);
  if (rank_ != root) tensor.storage()->bump_version();
  GlooCall call = call_of(CallKind::Broadcast, tensor);
  call.root = root;
  return queue(call, {tensor}, [this](const Collective& one) {
    dist::broadcast(links(), one.call, one.rows[0].numbers());
    if (rank_ != one.call.root) one.rows[0].write_back();
  });
}

WorkHandle GlooGroup::all_gather(const Tensor& input, std::span<const Tensor> outputs) {
  check_list("all_gather", input, outputs, size_);
  for (const Tensor& output : outputs) output.storage()->bump_version();
  if (size_ == 1) {
    raw::copy_(outputs[0], input);
    return alone(CallKind::AllGather);
  }
  const std::vector<Tensor> list(outputs.begin(), outputs.end());
  const GlooCall call = call_of(CallKind::AllGather, input);
  return queue(call, {input}, [this, list](const Collective& one) {
    const Tensor& mine = one.tensors[0];
    const Tensor all = empty({size_, mine.numel()}, mine.dtype(), kCpu);
    dist::all_gather(links(), one.call, one.rows[0].numbers(), all.raw());
    const Dims rows = contiguous_strides(mine.sizes());
    for (int64_t rank = 0; rank < size_; ++rank) {
      raw::copy_(list[static_cast<size_t>(rank)],
                 all.as_strided(mine.sizes(), rows, rank * mine.numel()));
    }
  });
}

WorkHandle GlooGroup::reduce_scatter(const Tensor& output, std::span<const Tensor> inputs,
                                     Reduction reduction) {
  check_list("reduce_scatter", output, inputs, size_);
  check_reduction("reduce_scatter", output.dtype(), reduction);
  output.storage()->bump_version();
  if (size_ == 1) {
    raw::copy_(output, inputs[0]);
    return alone(CallKind::ReduceScatter);
  }
  const std::vector<Tensor> list(inputs.begin(), inputs.end());
  GlooCall call = call_of(CallKind::ReduceScatter, output);
  call.reduction = reduction;
  return queue(call, list, [this, output](const Collective& one) {
    const Row result(output);
    dist::reduce_scatter(links(), one.call, one.numbers(), result.numbers());
    result.write_back();
  });
}

WorkHandle GlooGroup::barrier() {
  if (size_ == 1) return alone(CallKind::Barrier);
  return queue({}, {}, [this](const Collective& one) { dist::barrier(links(), one.call); });
}

/// Checks, and gives those of one partner and tag their numbers.
std::shared_ptr<Transfer> GlooGroup::transfer(std::string_view op, const Tensor& tensor, int peer,
                                              uint32_t tag) {
  check_tensor(op, tensor);
  check_rank(op, "a rank", peer, size_);
  NW_CHECK(peer != rank_, "[", op, "] expects another rank than its own, gets ", peer);
  auto out = std::make_shared<Transfer>(tensor, peer);
  const std::lock_guard lock(mutex_);
  const uint32_t count = transfers_[{op == "send", peer, tag}]++;
  out->ours.count = count;
  out->data_slot = slot(Channel::SendData, tag, count);
  const bool sends = op == "send";
  out->header = mesh_->buffer(sends ? &out->ours : &out->theirs, sizeof(GlooCall));
  out->data = mesh_->buffer(out->row.numbers(), out->ours.bytes());
  return out;
}

/// "send to rank 3 of 12 float32 elements (tag 0)"
std::function<std::string()> text_of(std::string_view what, const Transfer& one, uint32_t tag) {
  return [what, peer = one.peer, call = one.ours, tag] {
    return concat(what, " rank ", peer, " of ", call.numel, " ", name(call.dtype),
                  " elements (tag ", tag, ")");
  };
}

WorkHandle GlooGroup::send(const Tensor& tensor, int to, uint32_t tag) {
  const std::shared_ptr<Transfer> one = transfer("send", tensor, to, tag);
  GlooTask task{"send", text_of("send to", *one, tag), to, {}, {}};
  task.begin = [one, to, tag] {
    one->header->send(to, slot(Channel::SendHeader, tag));
    if (one->ours.numel > 0) one->data->send(to, one->data_slot);
  };
  task.run = [this, one] {
    mesh_->wait_send(*one->header);
    if (one->ours.numel > 0) mesh_->wait_send(*one->data);
    mesh_->bytes_sent += sizeof(GlooCall) + one->ours.bytes();
  };
  return queue_->start(std::move(task));
}

WorkHandle GlooGroup::recv(const Tensor& tensor, int from, uint32_t tag) {
  const std::shared_ptr<Transfer> one = transfer("recv", tensor, from, tag);
  tensor.storage()->bump_version();
  GlooTask task{"recv", text_of("recv from", *one, tag), from, {}, {}};
  task.begin = [one, from, tag] { one->header->recv(from, slot(Channel::SendHeader, tag)); };
  // The numbers may come once it is known that there is room for them.
  task.run = [this, one, from] {
    mesh_->wait_recv(*one->header);
    check_same(one->ours, rank_, one->theirs, from);
    if (one->ours.numel == 0) return;
    one->data->recv(from, one->data_slot);
    mesh_->wait_recv(*one->data);
    one->row.write_back();
  };
  return queue_->start(std::move(task));
}

void GlooGroup::abort(const std::string& reason) {
  if (queue_) return queue_->abort(reason);
  const std::lock_guard lock(mutex_);
  if (aborted_.empty()) aborted_ = reason;
}

}  // namespace

std::unique_ptr<ProcessGroup> make_gloo_group(const GroupOptions& options) {
  return std::make_unique<GlooGroup>(options);
}

}  // namespace nw::dist
