#include "core/train/parallel.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

#include "core/backend/creation.h"
#include "core/base/file.h"
#include "core/dist/graph_walk.h"
#include "core/dist/rows.h"

namespace nw::train {
namespace {

/// Well mixed bits of three numbers. Source: Steele, Lea & Flood 2014 (SplitMix64).
uint64_t mixed(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t state = 0;
  for (const uint64_t number : {a, b, c}) {
    state = (state ^ number) + 0x9E3779B97F4A7C15u;
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBu;
    state ^= state >> 31;
  }
  return state;
}

/// While it lives, this thread draws from a stream of its own.
class OwnStream {
 public:
  explicit OwnStream(uint64_t seed) : before_(default_generator()) { manual_seed(seed); }
  ~OwnStream() { default_generator() = before_; }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;

 private:
  Generator before_;
};

/// A checkpoint as the bytes of its file, and back, by way of the folder for temporary files.
class CheckpointBytes {
 public:
  CheckpointBytes()
      : path_((std::filesystem::temp_directory_path() / "netwright-checkpoint-XXXXXX").string()) {
    const int descriptor = ::mkstemp(path_.data());
    NW_CHECK(descriptor >= 0, "[run] cannot make a file in ",
             std::filesystem::temp_directory_path().string(), " to hand the checkpoint to the ",
             "other ranks. Set TMPDIR to a folder that can be written to");
    ::close(descriptor);
  }
  ~CheckpointBytes() { ::unlink(path_.c_str()); }
  CheckpointBytes(const CheckpointBytes&) = delete;
  CheckpointBytes& operator=(const CheckpointBytes&) = delete;

  std::string write(const Checkpoint& checkpoint) const {
    save_checkpoint(checkpoint, path_);
    return read_file(path_);
  }
  Checkpoint read(std::string_view bytes) const {
    write_file_atomically(path_, bytes);
    return load_checkpoint(path_);
  }

 private:
  std::string path_;
};

/// Whether every parameter has a part in the loss, tried on tensors without numbers.
bool uses_all_parameters(const graph::Project& project, const data::Signature& signature) {
  const DeviceGuard without_numbers(kMeta);
  const std::unique_ptr<graph::Model> twin = graph::build(project.graph, signature);
  const auto of_two = [](Dims sizes) {
    sizes.insert(0, 2);
    return sizes;
  };
  const OwnStream untouched(0);
  const Tensor x = empty(of_two(signature.sample), signature.sample_dtype);
  const Tensor y = empty(of_two(signature.target), signature.target_dtype);
  const Tensor loss = twin->loss(twin->call({x})[0], y, x);
  std::vector<Tensor> params = twin->parameters();
  std::erase_if(params, [](const Tensor& param) { return !param.requires_grad(); });
  const std::vector<bool> used = dist::leads_to({loss}, params);
  return std::all_of(used.begin(), used.end(), [](bool one) { return one; });
}

}  // namespace

Ranks::Ranks(std::shared_ptr<dist::ProcessGroup> group, const graph::Project& project,
             RunControl& control)
    : group_(std::move(group)),
      seed_(static_cast<uint64_t>(project.run.seed)),
      control_(control),
      device_(group_->device_type() == DeviceType::Cpu ? kCpu
                                                       : device_from_string(project.run.device)) {}

data::Share Ranks::share() const {
  return {group_->rank(), group_->size()};
}

void Ranks::check_alike(const std::vector<int64_t>& numbers) {
  const Dims sizes{static_cast<int64_t>(numbers.size())};
  const Tensor first = dist::broadcasted(*group_, tensor_of<int64_t>(numbers, sizes), device_, 0);
  const bool alike = std::equal(numbers.begin(), numbers.end(), first.data<int64_t>());
  const std::array<int64_t, 1> others{alike ? 0 : 1};
  const Tensor count =
      dist::all_reduced(*group_, tensor_of<int64_t>(others, {1}), device_, dist::Reduction::Sum);
  NW_CHECK(count.data<int64_t>()[0] == 0,
           "[run] the ranks have different settings or data: ", count.data<int64_t>()[0], " of ",
           group_->size(), " differ from rank 0. Give all of ",
           "them the same project, options and files");
}

std::optional<Checkpoint> Ranks::of_first_rank(const std::optional<Checkpoint>& own) {
  const bool is_first = group_->rank() == 0;
  std::string bytes;
  std::optional<CheckpointBytes> file;
  if (is_first && own) bytes = file.emplace().write(*own);
  const std::array<int64_t, 1> size{static_cast<int64_t>(bytes.size())};
  const int64_t count =
      dist::broadcasted(*group_, tensor_of<int64_t>(size, {1}), device_, 0).data<int64_t>()[0];
  if (count == 0) return {};
  bytes.resize(static_cast<size_t>(count));
  const std::span<const uint8_t> own_bytes(reinterpret_cast<const uint8_t*>(bytes.data()),
                                           bytes.size());
  const Tensor sent =
      dist::broadcasted(*group_, tensor_of<uint8_t>(own_bytes, {count}), device_, 0);
  if (is_first) return own;
  return file.emplace().read({reinterpret_cast<const char*>(sent.raw()), bytes.size()});
}

/// The strongest wish of all ranks.
RunControl::Wish Ranks::agreed(RunControl::Wish own) {
  const std::array<int32_t, 1> wish{static_cast<int32_t>(own)};
  const Tensor all =
      dist::all_reduced(*group_, tensor_of<int32_t>(wish, {1}), device_, dist::Reduction::Max);
  return static_cast<RunControl::Wish>(all.data<int32_t>()[0]);
}

/// The same, which is known already after a batch of training.
RunControl::Wish Ranks::next_wish(RunControl::Batch batch) {
  const std::optional<Wishes> known = std::exchange(wishes_, std::nullopt);
  return known ? (*known)[static_cast<size_t>(batch)] : agreed(control_.wish(batch));
}

bool Ranks::admit(RunControl::Batch batch, const std::function<void()>& on_pause,
                  const std::function<void()>& on_resume) {
  using Wish = RunControl::Wish;
  // A rank that waits shows itself often enough for the others not to give up on it.
  const auto most = std::min(std::chrono::milliseconds(1000), group_->timeout() / 4);
  bool paused = false;
  Wish wish = Wish::Go;
  while ((wish = next_wish(batch)) == Wish::Wait) {
    if (!std::exchange(paused, true)) on_pause();
    control_.wait_while_paused(batch, most);
  }
  stopped_ = wish == Wish::Stop;
  if (stopped_) return false;
  if (paused && wish == Wish::Go) on_resume();
  control_.let_through(batch);
  return true;
}

void Ranks::take_model(graph::Model& model, const graph::Project& project,
                       const data::Signature& signature, std::vector<int64_t> gradient_order) {
  model_ = &model;
  const std::vector<Tensor> params = model.parameters();
  NW_CHECK(!params.empty(), "[run] a model without weights cannot be trained on several ranks");
  device_ = params[0].device();
  // The model is the caller's.
  const std::shared_ptr<nn::Module> shared(std::shared_ptr<void>(), &model);
  finds_unused_ = !uses_all_parameters(project, signature);
  ddp_ = std::make_unique<dist::DistributedDataParallel>(
      shared, dist::DistributedOptions{
                  .process_group = group_,
                  .find_unused_parameters = finds_unused_,
                  .gradient_order = std::move(gradient_order),
              });
}

std::vector<double> Ranks::sums(std::vector<double> own) {
  const auto count = static_cast<int64_t>(own.size());
  const Tensor all =
      dist::all_reduced(*group_, tensor_of<double>(own, {count}), device_, dist::Reduction::Sum);
  return {all.data<double>(), all.data<double>() + count};
}

Tensor Ranks::slope(const Tensor& root) const {
  return full(root.sizes(), factor_, root.dtype(), root.device());
}

std::string Ranks::no_recording() const {
  if (finds_unused_) return "some parameters have no part in the loss, and ranks agree on the host";
  if (model_->loss_weighs_targets()) return "what a rank's loss counts depends on its targets";
  return {};
}

bool Ranks::all_could(bool could) {
  return sums({could ? 1.0 : 0.0})[0] == static_cast<double>(group_->size());
}

/// The reducer's. A replayed step is done by the device alone: of it, all that the last look took
/// counts as computing.
dist::StepTimes Ranks::own_times(bool replayed) {
  if (replayed) return {.compute = look_seconds_, .bytes = step_bytes_};
  const dist::StepTimes times = ddp_->reducer().last_step();
  step_bytes_ = times.bytes;
  return times;
}

/// Makes them those of all ranks, and takes the others' times and wishes along: one exchange a
/// batch.
void Ranks::exchange(ShareFigures& figures, const dist::StepTimes& own) {
  constexpr size_t kFigures = 3, kLevels = 3, kTimes = 4;
  const auto ranks = static_cast<size_t>(group_->size());
  std::vector<double> numbers{figures.loss, static_cast<double>(figures.correct),
                              figures.ready ? 1.0 : 0.0};
  for (size_t kind = 0; kind < Wishes().size(); ++kind) {
    // How many ranks wish for that much or more.
    const auto wish = static_cast<size_t>(control_.wish(static_cast<RunControl::Batch>(kind)));
    for (size_t level = 1; level <= kLevels; ++level) numbers.push_back(wish >= level ? 1 : 0);
  }
  const size_t times = numbers.size();
  numbers.resize(times + kTimes * ranks);
  double* const mine = &numbers[times + kTimes * static_cast<size_t>(group_->rank())];
  mine[0] = own.compute;
  mine[1] = own.wait;
  mine[2] = own.reduce;
  mine[3] = static_cast<double>(own.bytes);
  numbers = sums(std::move(numbers));
  figures.loss = numbers[0];
  figures.correct = static_cast<int64_t>(numbers[1]);
  all_ready_ = numbers[2] == static_cast<double>(ranks);
  Wishes wishes{};
  for (size_t i = 0; i < wishes.size() * kLevels; ++i) {
    if (numbers[kFigures + i] == 0) continue;
    wishes[i / kLevels] = static_cast<RunControl::Wish>(i % kLevels + 1);
  }
  wishes_ = wishes;
  times_.resize(ranks);
  for (size_t r = 0; r < ranks; ++r) {
    const double* const of_rank = &numbers[times + kTimes * r];
    times_[r] = {of_rank[0], of_rank[1], of_rank[2], static_cast<uint64_t>(of_rank[3])};
  }
}

Look Ranks::look(const data::Batch& batch, int64_t step, const See& see) {
  const auto began = std::chrono::steady_clock::now();
  const OwnStream stream(
      mixed(seed_, static_cast<uint64_t>(step), static_cast<uint64_t>(group_->rank())));
  const double weight = batch.size() == 0 ? 0 : model_->loss_weight(batch.y, batch.size());
  const double whole =
      model_->loss_weighs_targets() ? sums({weight})[0] : static_cast<double>(batch.whole);
  // The ranks' gradients are averaged; what is wanted is the gradient of the joined batch.
  const bool adds_up = model_->loss_adds_up();
  factor_ = (adds_up ? 1.0 : weight / whole) * group_->size();
  ShareFigures figures;
  if (batch.size() == 0 || weight == 0) {
    ddp_->step_without_input();
  } else {
    figures = see(batch);
    figures.loss *= adds_up ? 1.0 : weight;
  }
  exchange(figures, own_times(figures.replayed));
  look_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const double loss = adds_up ? figures.loss : figures.loss / whole;
  return {full({}, loss, DType::Float32, kCpu), model_->loss_per_sample(loss, batch.whole),
          figures.correct};
}

Evaluation Ranks::evaluate(graph::Model& model, const data::Dataset& dataset, int64_t batch_size,
                           const std::function<bool()>& keep_going) {
  dist::broadcast_coalesced(*group_, model.buffers(), 0);
  std::vector<BatchFigures> batches =
      evaluate_batches(model, dataset, batch_size, keep_going, share());
  std::vector<double> numbers;
  for (const BatchFigures& one : batches) {
    const double loss = one.weight == 0 ? 0 : one.loss * (model.loss_adds_up() ? 1 : one.weight);
    numbers.insert(numbers.end(), {loss, one.weight, static_cast<double>(one.correct)});
  }
  if (!numbers.empty()) numbers = sums(std::move(numbers));
  for (size_t b = 0; b < batches.size(); ++b) {
    BatchFigures& one = batches[b];
    one.weight = numbers[3 * b + 1];
    one.loss = model.loss_adds_up() ? numbers[3 * b] : numbers[3 * b] / one.weight;
    one.correct = static_cast<int64_t>(numbers[3 * b + 2]);
  }
  return evaluation_of(model, batches);
}

}  // namespace nw::train
