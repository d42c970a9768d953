#pragma once

#include <memory>
#include <utility>

#include "core/base/random.h"
#include "core/data/dataset.h"

namespace nw::data {

using Halves = std::pair<std::shared_ptr<const Dataset>, std::shared_ptr<const Dataset>>;

/// Two parts that share no sample, drawn as torch.utils.data.random_split(whole, [n − second_count,
/// second_count]) draws them. The second part is meant to validate; a part of no samples is null
/// and draws all the same. Throws Error unless 0 ≤ second_count ≤ n.
Halves random_split(const std::shared_ptr<const Dataset>& whole, int64_t second_count,
                    Generator& generator);

}  // namespace nw::data
