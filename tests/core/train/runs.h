#pragma once

#include <QString>
#include <functional>
#include <vector>

#include "core/train/trainer.h"
#include "tests/core/graph/graphs.h"

namespace nw::test {

/// What one run told, in order.
struct Story {
  std::vector<train::Event> events;

  template <typename T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const train::Event& event : events) {
      if (const T* item = std::get_if<T>(&event)) found.push_back(*item);
    }
    return found;
  }
  const train::Finished& end() const { return std::get<train::Finished>(events.back()); }
  std::vector<double> losses() const {
    std::vector<double> losses;
    for (const train::StepDone& step : all<train::StepDone>()) losses.push_back(step.loss);
    return losses;
  }
};

/// Called on the run's thread after each event was noted.
using Watch = std::function<void(train::Trainer&, const train::Event&)>;

/// Runs the project on this thread to its end. `state` gets the weights at the end.
inline Story run(graph::Project project, const Watch& watch = {}, nn::StateDict* state = nullptr) {
  Story story;
  train::Trainer* self = nullptr;
  train::Trainer trainer(std::move(project), [&](const train::Event& event) {
    story.events.push_back(event);
    if (watch) watch(*self, event);
  });
  self = &trainer;
  trainer.run();
  if (state != nullptr) *state = trainer.state_dict();
  return story;
}

/// A small classifier of two spirals: 2-16-16-2, 640 samples to train on, 160 to validate, 200 to
/// test.
inline graph::Project spirals(double dropout = 0) {
  graph::Project project;
  project.graph = mlp({16, 16}, 2, "Tanh", dropout);
  project.run.data = {"spirals", {}};
  project.run.optimizer = {"SGD", {{"lr", 0.1}, {"momentum", 0.9}}};
  project.run.epochs = 3;
  project.run.batch_size = 32;
  project.run.validation = 0.2;
  project.run.seed = 5;
  return project;
}

/// The numbers of all tensors one after the other.
inline std::vector<float> numbers(const nn::StateDict& state) {
  std::vector<float> all;
  for (const auto& entry : state.entries) {
    const float* data = entry.tensor.data<float>();
    all.insert(all.end(), data, data + entry.tensor.numel());
  }
  return all;
}

}  // namespace nw::test
