#include "core/base/error.h"
#include "core/data/sources/sources.h"

namespace nw::data {

namespace {

nn::Registry<DatasetSpec> register_all() {
  nn::Registry<DatasetSpec> registry;
  registry.add(fashion_mnist());
  registry.add(idx_files());
  registry.add(two_moons());
  registry.add(spirals());
  registry.add(circles());
  registry.add(exclusive_or());
  registry.add(noisy_sine());
  return registry;
}

nn::Registry<DatasetSpec>& registry() {
  static nn::Registry<DatasetSpec> all = register_all();
  return all;
}

}  // namespace

const nn::Registry<DatasetSpec>& datasets() {
  return registry();
}

void add_dataset(DatasetSpec dataset) {
  registry().add(std::move(dataset));
}

nn::Args checked(const nn::Description& description, const nn::Args& args) {
  const auto problems = description.problems(args);
  NW_CHECK(problems.empty(), problems.front());
  return description.complete(args);
}

}  // namespace nw::data
