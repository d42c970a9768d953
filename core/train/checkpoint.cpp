#include "core/train/checkpoint.h"

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/io/saved_optimizer.h"

namespace nw::train {
namespace {

using io::SavedDict;
using io::SavedValue;

constexpr const char* kFormat = "netwright-checkpoint";
constexpr int64_t kVersion = 1;

/// How far a GPU has come in the generator's numbers.
int64_t gpu_place_of(const Generator& generator) {
  return static_cast<int64_t>(generator.philox_offset());
}

Tensor bytes_of(const Generator& generator) {
  const auto state = generator.state();
  return tensor_of<uint8_t>(state, {static_cast<int64_t>(state.size())});
}

/// Reads the members of a dict; every mistake names the file.
class Members {
 public:
  Members(const SavedDict& dict, std::string place) : place_(std::move(place)), dict_(&dict) {}
  Members(const SavedValue& value, std::string place) : place_(std::move(place)) {
    dict_ = value.as<SavedDict>();
    const SavedValue* format = dict_ != nullptr ? dict_->find("format") : nullptr;
    const auto* word = format != nullptr ? format->as<std::string>() : nullptr;
    NW_CHECK(word != nullptr && *word == kFormat, "[", place_,
             "] is no checkpoint of a run. Choose one that `train --checkpoint` wrote");
    NW_CHECK(get<int64_t>("version") == kVersion, "[", place_, "] is of version ",
             get<int64_t>("version"), ", this program knows ", kVersion, ". Use a newer Netwright");
  }

  bool has(const char* name) const { return dict_->find(name) != nullptr; }
  Members inside(const char* name) const { return {get<SavedDict>(name), place_}; }
  optim::Schedule::State schedulers() const {
    optim::Schedule::State out;
    for (const SavedValue& value : get<io::SavedList>("schedulers").items) {
      const auto* dict = value.as<SavedDict>();
      NW_CHECK(dict != nullptr, "[", place_, "] is damaged: 'schedulers' is of another kind");
      const Members one(*dict, place_);
      out.emplace_back(one.get<std::string>("id"),
                       io::to_state_entries(one.at("state"), one.named("schedulers")));
    }
    return out;
  }

  const SavedValue& at(const char* name) const {
    const SavedValue* value = dict_->find(name);
    NW_CHECK(value != nullptr, "[", place_, "] is damaged: it has no '", name, "'");
    return *value;
  }
  template <typename T>
  const T& get(const char* name) const {
    const T* data = at(name).as<T>();
    NW_CHECK(data != nullptr, "[", place_, "] is damaged: '", name, "' is of another kind");
    return *data;
  }
  int64_t count(const char* name) const {
    const int64_t value = get<int64_t>(name);
    NW_CHECK(value >= 0, "[", place_, "] is damaged: '", name, "' is ", value);
    return value;
  }
  std::vector<int64_t> integers(const char* name) const {
    const auto& numbers = get<Tensor>(name);
    NW_CHECK(numbers.dtype() == DType::Int64, "[", place_, "] is damaged: '", name,
             "' holds no whole numbers");
    const Tensor dense = raw::contiguous(numbers);
    return {dense.data<int64_t>(), dense.data<int64_t>() + dense.numel()};
  }
  /// Checkpoints of earlier versions have none.
  void set_gpu_place(const char* name, Generator& generator) const {
    if (!has(name)) return;
    const int64_t place = count(name);
    NW_CHECK(place % 4 == 0, "[", place_, "] is damaged: '", name, "' is ", place);
    generator.set_philox_offset(static_cast<uint64_t>(place));
  }
  Generator generator(const char* name) const {
    const auto& bytes = get<Tensor>(name);
    NW_CHECK(bytes.dtype() == DType::UInt8, "[", place_, "] is damaged: '", name,
             "' is no state of random numbers");
    const Tensor dense = raw::contiguous(bytes);
    Generator generator;
    generator.set_state({dense.data<uint8_t>(), static_cast<size_t>(dense.numel())});
    return generator;
  }
  std::string named(const char* name) const { return concat("[", place_, "] '", name, "'"); }

 private:
  std::string place_;
  const SavedDict* dict_ = nullptr;
};

/// On the CPU, wherever the run is.
Tensor copy_of(const Tensor& tensor) {
  return tensor.device() == kCpu ? raw::clone(tensor) : raw::to(tensor, kCpu);
}

optim::StateValue copy_of(const optim::StateValue& value) {
  const auto* tensor = std::get_if<Tensor>(&value.held);
  return tensor != nullptr && tensor->defined() ? optim::StateValue{copy_of(*tensor)} : value;
}

SavedValue saved(const optim::Schedule::State& schedulers) {
  io::SavedList list;
  for (const auto& [id, state] : schedulers) {
    SavedDict one;
    one.set("id", {id});
    one.set("state", io::to_saved(state));
    list.items.push_back({std::move(one)});
  }
  return {std::move(list)};
}

SavedValue saved(const Averaging::State& average) {
  SavedDict dict;
  dict.set("model", io::to_saved(average.model));
  dict.set("n_averaged", {average.updates});
  return {std::move(dict)};
}

}  // namespace

nn::StateDict copy_of(nn::StateDict state) {
  for (nn::StateDict::Entry& entry : state.entries) entry.tensor = copy_of(entry.tensor);
  return state;
}

optim::OptimizerState copy_of(const optim::OptimizerState& state) {
  optim::OptimizerState copy{{}, state.groups};
  for (const auto& [number, entries] : state.state) {
    optim::StateEntries copied;
    for (const auto& [name, value] : entries) copied.set(name, copy_of(value));
    copy.state.emplace_back(number, std::move(copied));
  }
  return copy;
}

void save_checkpoint(const Checkpoint& checkpoint, const std::string& path) {
  SavedDict dict;
  dict.set("format", {std::string(kFormat)});
  dict.set("version", {kVersion});
  dict.set("model", io::to_saved(checkpoint.model));
  dict.set("optimizer", io::to_saved(checkpoint.optimizer));
  if (!checkpoint.schedulers.empty()) dict.set("schedulers", saved(checkpoint.schedulers));
  if (!checkpoint.scaler.empty()) dict.set("scaler", io::to_saved(checkpoint.scaler));
  if (checkpoint.average) dict.set("average", saved(*checkpoint.average));
  dict.set("step", {checkpoint.step});
  dict.set("epoch", {checkpoint.epoch});
  dict.set("batch", {checkpoint.batch});
  dict.set("epoch_loss", {checkpoint.loss});
  dict.set("epoch_correct", {checkpoint.correct});
  dict.set("epoch_samples", {checkpoint.samples});
  dict.set("rng", {bytes_of(checkpoint.generator)});
  dict.set("epoch_rng", {bytes_of(checkpoint.epoch_generator)});
  dict.set("gpu_rng", {gpu_place_of(checkpoint.generator)});
  dict.set("gpu_epoch_rng", {gpu_place_of(checkpoint.epoch_generator)});
  if (!checkpoint.gradient_order.empty()) {
    const auto count = static_cast<int64_t>(checkpoint.gradient_order.size());
    dict.set("gradient_order", {tensor_of<int64_t>(checkpoint.gradient_order, {count})});
  }
  dict.set("packed_curves", {checkpoint.curves.numbers()});
  dict.set("batch_size", {checkpoint.batch_size});
  dict.set("train_samples", {checkpoint.train_samples});
  io::save_value({std::move(dict)}, path);
}

Checkpoint load_checkpoint(const std::string& path) {
  const SavedValue value = io::load_value(path);
  const Members members(value, file_name(path));
  Checkpoint out;
  out.model = io::to_state(members.at("model"), members.named("model"));
  out.optimizer = io::to_optimizer_state(members.at("optimizer"), members.named("optimizer"));
  if (members.has("schedulers")) out.schedulers = members.schedulers();
  if (members.has("scaler")) {
    out.scaler = io::to_state_entries(members.at("scaler"), members.named("scaler"));
  }
  if (members.has("average")) {
    const Members average = members.inside("average");
    out.average = Averaging::State{io::to_state(average.at("model"), members.named("average")),
                                   average.count("n_averaged")};
  }
  out.step = members.count("step");
  out.epoch = members.count("epoch");
  out.batch = members.count("batch");
  out.loss = members.get<double>("epoch_loss");
  out.correct = members.count("epoch_correct");
  out.samples = members.count("epoch_samples");
  out.generator = members.generator("rng");
  out.epoch_generator = members.generator("epoch_rng");
  members.set_gpu_place("gpu_rng", out.generator);
  members.set_gpu_place("gpu_epoch_rng", out.epoch_generator);
  if (members.has("gradient_order")) out.gradient_order = members.integers("gradient_order");
  for (const char* name : {"packed_curves", "curves"}) {  // the latter of earlier versions
    if (members.has(name)) out.curves = Curves(members.get<Tensor>(name));
  }
  out.batch_size = members.count("batch_size");
  out.train_samples = members.count("train_samples");
  return out;
}

}  // namespace nw::train
