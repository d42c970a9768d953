#include "core/dist/buckets.h"

#include <algorithm>

#include "core/backend/creation.h"
#include "core/dist/rows.h"

namespace nw::dist {

BucketPlan plan_buckets(std::span<const Tensor> params, std::span<const size_t> order,
                        std::span<const int64_t> limits_bytes) {
  struct Open {
    DType dtype;
    Device device;
    size_t limit = 0;  // which of the limits
    int64_t bytes = 0;
    size_t first = 0;  // place in `order` of the first member
    std::vector<size_t> members = {};
  };
  std::vector<Open> open;  // one for each kind
  std::vector<std::pair<size_t, std::vector<size_t>>> closed;
  const auto close = [&](Open& bucket) {
    closed.emplace_back(bucket.first, std::move(bucket.members));
    bucket.members.clear();
    bucket.bytes = 0;
    bucket.limit = std::min(bucket.limit + 1, limits_bytes.size() - 1);
  };
  for (size_t place = 0; place < order.size(); ++place) {
    const Tensor& param = params[order[place]];
    auto bucket = std::find_if(open.begin(), open.end(), [&](const Open& one) {
      return one.dtype == param.dtype() && one.device == param.device();
    });
    if (bucket == open.end()) {
      open.push_back({param.dtype(), param.device()});
      bucket = open.end() - 1;
    }
    if (bucket->members.empty()) bucket->first = place;
    bucket->members.push_back(order[place]);
    bucket->bytes += param.numel() * static_cast<int64_t>(item_bytes(param.dtype()));
    if (bucket->bytes >= limits_bytes[bucket->limit]) close(*bucket);
  }
  for (Open& bucket : open) {
    if (!bucket.members.empty()) close(bucket);
  }
  std::sort(closed.begin(), closed.end());
  BucketPlan plan;
  for (auto& [first, members] : closed) plan.push_back(std::move(members));
  return plan;
}

BucketPlan agreed_plan(ProcessGroup& group, const BucketPlan& own, size_t count, Device device) {
  // For each parameter, in the order of the plan: which one, and whether a bucket ends with it.
  std::vector<int64_t> numbers;
  for (const std::vector<size_t>& bucket : own) {
    for (const size_t member : bucket) {
      numbers.push_back(static_cast<int64_t>(member));
      numbers.push_back(member == bucket.back());
    }
  }
  NW_ASSERT(numbers.size() == 2 * count);
  const Tensor mine = tensor_of<int64_t>(numbers, {static_cast<int64_t>(numbers.size())});
  const Tensor agreed = broadcasted(group, mine, device, 0);
  BucketPlan plan(1);
  for (size_t i = 0; i < count; ++i) {
    plan.back().push_back(static_cast<size_t>(agreed.data<int64_t>()[2 * i]));
    if (agreed.data<int64_t>()[2 * i + 1] != 0) plan.emplace_back();
  }
  plan.pop_back();
  return plan;
}

}  // namespace nw::dist
