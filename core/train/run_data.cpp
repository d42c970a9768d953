#include "core/train/run_data.h"

#include <cmath>
#include <tuple>

#include "core/data/loader.h"
#include "core/data/split.h"

namespace nw::train {

int64_t size_of(const std::shared_ptr<const data::Dataset>& dataset) {
  return dataset == nullptr ? 0 : dataset->size();
}

data::Signature signature_of(const graph::RunSettings& run) {
  nn::Args args;
  const data::DatasetSpec& spec = graph::find_data(run.data, args);
  return spec.signature(args);
}

RunData load_data(const graph::RunSettings& run) {
  nn::Args args;
  const data::DatasetSpec& spec = graph::find_data(run.data, args);
  data::Splits splits = spec.load(args);
  RunData out{std::move(splits.train), nullptr, std::move(splits.test)};
  NW_CHECK(size_of(out.train) > 0, "[", run.data.id,
           "] has no samples to train on; choose a data set that has some");
  const double share = run.validation * static_cast<double>(out.train->size());
  const auto held_back = static_cast<int64_t>(std::floor(share));
  if (held_back > 0) {
    Generator generator(static_cast<uint64_t>(run.seed));
    std::tie(out.train, out.validation) = data::random_split(out.train, held_back, generator);
  }
  data::check_batch_size(run.batch_size, size_of(out.train));
  return out;
}

}  // namespace nw::train
