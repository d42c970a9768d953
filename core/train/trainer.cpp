#include "core/train/trainer.h"

#include <cmath>
#include <new>
#include <utility>

#include "core/backend/math_mode.h"
#include "core/backend/out_of_memory.h"
#include "core/data/loader.h"
#include "core/graph/model.h"
#include "core/train/evaluate.h"
#include "core/train/fit.h"
#include "core/train/live_state.h"
#include "core/train/pace.h"
#include "core/train/parallel.h"
#include "core/train/run_control.h"
#include "core/train/run_data.h"
#include "core/train/training_step.h"

namespace nw::train {
namespace {

using Datasets = std::shared_ptr<const data::Dataset>;

/// How the run ends, and why when not by itself.
struct Ending {
  Outcome outcome = Outcome::Completed;
  std::string text;
};

}  // namespace

struct Trainer::Impl {
  Impl(graph::Project given_project, Sink given_sink, std::optional<Checkpoint> given_resume,
       std::shared_ptr<dist::ProcessGroup> group)
      : project(std::move(given_project)),
        sink(std::move(given_sink)),
        resume(std::move(given_resume)) {
    if (group != nullptr && group->size() > 1) {
      ranks = std::make_unique<Ranks>(std::move(group), project, control);
    }
  }

  void run();
  void prepare();
  void make_model();
  void make_updates();
  void take_up();
  bool train_epochs();
  void start_epoch();
  bool train_epoch();
  bool train_batch(const data::Batch& batch);
  bool finish_epoch(double began);
  std::optional<Evaluation> evaluate_on(const Datasets& dataset);
  bool diverged(double loss, std::string_view which);
  bool admit(RunControl::Batch batch);
  bool stop_requested();
  bool classifies() const { return signature.classes > 0 && live.model->learns_targets(); }
  std::string place() const;
  std::string what_fits();
  Device device() const { return device_from_string(project.run.device); }
  void emit(const Event& event) noexcept { sink(event); }

  graph::Project project;
  Sink sink;
  std::optional<Checkpoint> resume;
  std::unique_ptr<Ranks> ranks;  // null: there is one only
  RunControl control;
  RunClock clock;
  Pace pace;
  data::Signature signature;
  RunData data;
  std::unique_ptr<data::Loader> loader;
  int64_t step = 0;
  int64_t epoch = 0;
  int64_t batch = 0;  // of the epoch
  Ending ending;
  Finished finished;

  LiveState live;
  std::unique_ptr<TrainingStep> training;
  bool has_reported = false;  // how the steps are done
};

/// Data, model and optimiser, in the order in which the canonical script draws.
void Trainer::Impl::prepare() {
  const graph::RunSettings& run = project.run;
  if (ranks) resume = ranks->of_first_rank(resume);
  const std::vector<std::string> problems = graph::problems_of(run);
  NW_CHECK(problems.empty(), problems.front());
  signature = signature_of(run);
  if (stop_requested()) return;
  data = load_data(run);
  if (ranks) {
    ranks->check_alike({run.seed, run.epochs, run.batch_size, size_of(data.train),
                        size_of(data.validation), size_of(data.test)});
  }
  if (stop_requested()) return;
  make_model();
  loader = std::make_unique<data::Loader>(data.train, run.batch_size, true,
                                          ranks ? ranks->share() : data::Share(), device());
  make_updates();
  epoch = 1;
  if (resume) take_up();
  const Turnstile::Batch inside(live.turnstile);
  if (ranks) {
    ranks->take_model(*live.model, project, signature,
                      resume ? resume->gradient_order : std::vector<int64_t>());
  }
  training = std::make_unique<TrainingStep>(
      TrainingStep::Run{.model = *live.model,
                        .updates = *live.updates,
                        .ranks = ranks.get(),
                        .device = device(),
                        .classifies = classifies(),
                        .meanwhile = [this] { loader->prefetch(); }});
}

/// Goes to where the checkpoint was made.
void Trainer::Impl::take_up() {
  NW_CHECK(
      resume->batch_size == project.run.batch_size && resume->train_samples == size_of(data.train),
      "[run] the checkpoint was made with batches of ", resume->batch_size, " out of ",
      resume->train_samples, " training samples, this run has batches of ", project.run.batch_size,
      " out of ", size_of(data.train),
      "; a run goes on with the data, validation share and batch size "
      "that it had");
  NW_CHECK(resume->epoch >= 1 && resume->batch <= loader->batch_count(),
           "[run] the checkpoint stands at a batch that an epoch does not have");
  const Turnstile::Batch inside(live.turnstile);
  live.load(*resume);
  step = resume->step;
  epoch = resume->epoch;
  default_generator() = resume->epoch_generator;
}

void Trainer::Impl::make_model() {
  manual_seed(static_cast<uint64_t>(project.run.seed));
  std::unique_ptr<graph::Model> built = graph::build(project.graph, signature);
  built->to(device());
  built->set_autocast(graph::autocast_of(project.run));
  const Turnstile::Batch inside(live.turnstile);
  live.model = std::move(built);
}

void Trainer::Impl::make_updates() {
  auto made = std::make_unique<Updates>(project, signature, *live.model, loader->batch_count());
  made->schedule().check_figures(data.validation != nullptr,
                                 data.validation != nullptr && classifies());
  const Turnstile::Batch inside(live.turnstile);
  live.updates = std::move(made);
}

bool Trainer::Impl::stop_requested() {
  // Of several ranks, each stops where all do.
  if (!(ranks ? ranks->stopped() : control.stopped())) return false;
  ending.outcome = Outcome::Stopped;
  return true;
}

bool Trainer::Impl::admit(RunControl::Batch kind) {
  const auto on_pause = [this] {
    clock.pause();
    emit(Paused{step});
  };
  const auto on_resume = [this] { emit(Resumed{step}); };
  const bool go =
      ranks ? ranks->admit(kind, on_pause, on_resume) : control.admit(kind, on_pause, on_resume);
  clock.resume();
  return go || !stop_requested();
}

/// "step 120 (epoch 1, batch 120)".
std::string Trainer::Impl::place() const {
  return concat("step ", step, " (epoch ", epoch, ", batch ", batch, ")");
}

/// True, with the ending noted, when the loss is no number.
bool Trainer::Impl::diverged(double loss, std::string_view which) {
  if (std::isfinite(loss)) return false;
  ending.outcome = Outcome::Diverged;
  ending.text =
      concat("The ", which, " became ", std::isnan(loss) ? "NaN" : "infinite", " at ", place(),
             "; the weights are kept as they were then. Lower the learning rate (now ",
             nn::to_python(live.updates->optimizer().learning_rate()),
             "), or look for values in the data that are no numbers.");
  return true;
}

/// One update. False when the loss is no number: then the weights stay as they
/// are.
bool Trainer::Impl::train_batch(const data::Batch& samples) {
  const int64_t count = samples.whole;
  const double learning_rate = live.updates->optimizer().learning_rate();
  StepDone done;
  {
    const Turnstile::Batch inside(live.turnstile);
    const Look seen = training->look(samples, step);
    if (diverged(seen.loss_per_sample, "loss")) return false;
    training->update();
    live.updates->after_batch(epoch, batch);
    const double now = clock.seconds();
    pace.trained(now, count);
    done = {step,
            epoch,
            batch,
            seen.loss_per_sample,
            static_cast<double>(seen.correct) / static_cast<double>(count),
            pace.samples_per_second(now),
            pace.seconds_left(now),
            learning_rate,
            ranks ? ranks->last_times() : std::vector<dist::StepTimes>()};
    live.end_batch(done, seen.correct, count);
  }
  emit(done);
  return true;
}

/// Draws the epoch's order; in the epoch of a checkpoint, leaves out what was
/// done before it.
void Trainer::Impl::start_epoch() {
  const Turnstile::Batch inside(live.turnstile);
  live.begin_epoch(step, epoch);
  loader->start(default_generator());
  if (resume) {
    live.skip_to(*resume);
    loader->skip(resume->batch);
    if (resume->batch > 0) default_generator() = resume->generator;
    resume.reset();
  }
  live.progress.generator = default_generator();
}

bool Trainer::Impl::train_epoch() {
  const double began = clock.seconds();
  data::Batch samples;
  const int64_t batches = loader->batch_count();
  start_epoch();
  for (batch = live.progress.batch + 1; batch <= batches; ++batch) {
    if (!admit(RunControl::Batch::Training)) return false;
    const bool has_batch = loader->next(samples);
    NW_ASSERT(has_batch);
    ++step;
    if (!train_batch(samples)) return false;
  }
  batch = batches;
  return finish_epoch(began);
}

bool Trainer::Impl::finish_epoch(double began) {
  EpochDone done{epoch, step, live.sums.mean_loss(), live.sums.accuracy(), {}, {}, 0};
  const auto validated = evaluate_on(data.validation);
  if (validated) {
    done.validation_loss = validated->loss;
    if (classifies()) done.validation_accuracy = validated->accuracy;
  }
  done.seconds = clock.seconds() - began;
  if (!std::exchange(has_reported, true)) done.note = training->report();
  if (stop_requested()) {
    emit(done);
    return false;
  }
  {
    // A checkpoint that the sink takes now stands at the next epoch's
    // beginning.
    const Turnstile::Batch inside(live.turnstile);
    live.updates->after_epoch({done.validation_loss, done.validation_accuracy});
    live.end_epoch(done);
  }
  emit(done);
  if (stop_requested()) return false;
  return !validated || !diverged(validated->loss, "validation loss");
}

/// Nothing when there is no such data set or the run was stopped meanwhile.
std::optional<Evaluation> Trainer::Impl::evaluate_on(const Datasets& dataset) {
  if (size_of(dataset) == 0) return {};
  const double since = clock.seconds();
  bool whole = true;
  const auto keep_going = [&] { return whole = admit(RunControl::Batch::Evaluation); };
  graph::Model& evaluated = live.updates->evaluated();
  const int64_t batch_size = project.run.batch_size;
  const Evaluation result = ranks ? ranks->evaluate(evaluated, *dataset, batch_size, keep_going)
                                  : evaluate(evaluated, *dataset, batch_size, keep_going);
  pace.evaluated(since, clock.seconds(), result.samples);
  if (!whole) return {};
  return result;
}

bool Trainer::Impl::train_epochs() {
  const int64_t epochs = project.run.epochs;
  emit(Started{epochs, loader->batch_count(), size_of(data.train), size_of(data.validation),
               size_of(data.test), classifies(), live.updates->averages(),
               !live.updates->schedule().empty()});
  const int64_t left = std::max<int64_t>(epochs + 1 - epoch, 0);
  const int64_t done = resume ? resume->samples : 0;
  pace.begin(clock.seconds(), std::max<int64_t>(left * size_of(data.train) - done, 0),
             left * size_of(data.validation) + size_of(data.test));
  for (; epoch <= epochs; ++epoch) {
    if (!train_epoch()) return false;
  }
  epoch = epochs;
  return true;
}

/// Of a run that has not enough memory: the batch_size that would do, for who
/// reads the error.
std::string Trainer::Impl::what_fits() {
  if (live.model == nullptr || ranks) return {};
  try {
    const Turnstile::Batch inside(live.turnstile);
    training.reset();  // and what it has recorded
    loader.reset();    // and the batch that it has sent ahead
    const int64_t fits = largest_batch(*live.model, *data.train, project.run.batch_size);
    return fits > 0 ? concat("; the largest batch_size that fits is about ", fits)
                    : "; not even a batch_size of 1 fits";
  } catch (const Error&) {
    return {};
  }
}

void Trainer::Impl::run() {
  const AllowTf32 tf32(project.run.allow_tf32);
  try {
    prepare();
    if (!stop_requested() && train_epochs()) {
      const auto tested = evaluate_on(data.test);
      if (tested && !diverged(tested->loss, "test loss")) {
        finished.test_loss = tested->loss;
        if (classifies()) finished.test_accuracy = tested->accuracy;
      }
    }
  } catch (const OutOfMemory& error) {
    ending = {Outcome::Failed, concat(error.text(), what_fits())};
  } catch (const Error& error) {
    ending = {Outcome::Failed, step > 0 ? concat(error.text(), ", at ", place()) : error.text()};
  } catch (const std::bad_alloc&) {
    ending = {Outcome::Failed, "[run] there is not enough memory; choose a smaller batch_size"};
  } catch (const std::exception& error) {
    ending = {Outcome::Failed, concat("[run] ", error.what())};
  }
  if (ranks && ending.outcome == Outcome::Failed) ranks->abort(ending.text);
  finished.outcome = ending.outcome;
  finished.text = ending.text;
  finished.step = step;
  finished.seconds = clock.seconds();
  emit(finished);
}

Trainer::Trainer(graph::Project project, Sink sink, std::optional<Checkpoint> resume,
                 std::shared_ptr<dist::ProcessGroup> group)
    : impl_(std::make_unique<Impl>(std::move(project), std::move(sink), std::move(resume),
                                   std::move(group))) {}

Trainer::~Trainer() = default;

void Trainer::run() {
  impl_->run();
}
void Trainer::pause() {
  impl_->control.pause();
}
void Trainer::resume() {
  impl_->control.resume();
}
void Trainer::stop() {
  impl_->control.stop();
}
void Trainer::step() {
  impl_->control.step();
}

nn::StateDict Trainer::state_dict(Weights which) const {
  const Turnstile::Visit visit(impl_->live.turnstile);
  return impl_->live.weights(which == Weights::Trained);
}

std::optional<Checkpoint> Trainer::checkpoint() const {
  const Turnstile::Visit visit(impl_->live.turnstile);
  std::optional<Checkpoint> out = impl_->live.checkpoint();
  if (!out) return {};
  out->batch_size = impl_->project.run.batch_size;
  out->train_samples = size_of(impl_->data.train);
  if (impl_->ranks) out->gradient_order = impl_->ranks->gradient_order();
  return out;
}

}  // namespace nw::train
