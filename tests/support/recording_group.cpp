#include "tests/support/recording_group.h"

#include <vector>

#include "tests/support/recording_device.h"

namespace nw::test {
namespace {

using dist::Reduction;
using dist::WorkHandle;

/// Work that is done where what is queued next begins.
class Queued final : public dist::Work {
 public:
  bool is_completed() const override { return true; }
  void wait() override {}
};

std::vector<Tensor> seen_by_host(std::span<const Tensor> list) {
  std::vector<Tensor> out;
  for (const Tensor& one : list) out.push_back(test::seen_by_host(one));
  return out;
}

class RecordingGroup final : public dist::ProcessGroup {
 public:
  explicit RecordingGroup(std::shared_ptr<ProcessGroup> inner) : inner_(std::move(inner)) {}

  std::string_view backend() const override { return "recording"; }
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  DeviceType device_type() const override { return DeviceType::Cuda; }
  std::chrono::milliseconds timeout() const override { return inner_->timeout(); }
  uint64_t bytes_sent() const override { return inner_->bytes_sent(); }
  void abort(const std::string& reason) override { inner_->abort(reason); }

  WorkHandle all_reduce(const Tensor& tensor, Reduction reduction) override {
    tensor.storage()->bump_version();
    return queue([inner = inner_, own = test::seen_by_host(tensor), reduction] {
      return inner->all_reduce(own, reduction);
    });
  }
  WorkHandle broadcast(const Tensor& tensor, int root) override {
    tensor.storage()->bump_version();
    return queue([inner = inner_, own = test::seen_by_host(tensor), root] {
      return inner->broadcast(own, root);
    });
  }
  WorkHandle all_gather(const Tensor& input, std::span<const Tensor> outputs) override {
    return queue([inner = inner_, own = test::seen_by_host(input), all = seen_by_host(outputs)] {
      return inner->all_gather(own, all);
    });
  }
  WorkHandle reduce_scatter(const Tensor& output, std::span<const Tensor> inputs,
                            Reduction reduction) override {
    return queue([inner = inner_, own = test::seen_by_host(output), all = seen_by_host(inputs),
                  reduction] { return inner->reduce_scatter(own, all, reduction); });
  }
  WorkHandle send(const Tensor& tensor, int to, uint32_t tag) override {
    return queue([inner = inner_, own = test::seen_by_host(tensor), to, tag] {
      return inner->send(own, to, tag);
    });
  }
  WorkHandle recv(const Tensor& tensor, int from, uint32_t tag) override {
    return queue([inner = inner_, own = test::seen_by_host(tensor), from, tag] {
      return inner->recv(own, from, tag);
    });
  }
  WorkHandle barrier() override {
    return queue([inner = inner_] { return inner->barrier(); });
  }

 private:
  template <typename Call>
  static WorkHandle queue(Call call) {
    do_or_record([call = std::move(call)] { call()->wait(); });
    return std::make_shared<Queued>();
  }

  std::shared_ptr<ProcessGroup> inner_;
};

}  // namespace

std::shared_ptr<dist::ProcessGroup> recording_group(std::shared_ptr<dist::ProcessGroup> inner) {
  return std::make_shared<RecordingGroup>(std::move(inner));
}

}  // namespace nw::test
