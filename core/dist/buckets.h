#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/dist/process_group.h"

namespace nw::dist {

/// Which parameters are reduced together, by their numbers, in the order in which the buckets go.
using BucketPlan = std::vector<std::vector<size_t>>;

/// Fills buckets with parameters in the order of `order`, each of one dtype and device, until they
/// reach their limit: the first ones of `limits` for the first buckets of a kind, the last one for
/// all others. Buckets come in the order of their first members, as torch assigns them
/// (compute_bucket_assignment_by_size in torch/csrc/distributed/c10d/reducer.cpp).
BucketPlan plan_buckets(std::span<const Tensor> params, std::span<const size_t> order,
                        std::span<const int64_t> limits_bytes);

/// The plan of rank 0, on every rank. `count`: how many parameters there are.
BucketPlan agreed_plan(ProcessGroup& group, const BucketPlan& own, size_t count, Device device);

}  // namespace nw::dist
