#include "app/cli/bench_net.h"

#include "core/autograd/engine.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"

namespace nw::cli {
namespace {

struct Link {
  std::string block;
  nn::Args args = {};
};

/// A graph of blocks one after the other, from the data set to the loss.
graph::Graph chain(std::vector<Link> links) {
  graph::Graph graph;
  links.insert(links.begin(), Link{"Input"});
  links.push_back(Link{"CrossEntropyLoss"});
  for (Link& link : links) {
    graph::Node node;
    node.id = graph.next_id();
    node.block = std::move(link.block);
    node.args = std::move(link.args);
    if (!graph.nodes.empty()) {
      graph.wires.push_back({{graph.nodes.back().id, "output"}, {node.id, "input"}});
    }
    graph.nodes.push_back(std::move(node));
  }
  return graph;
}

Link linear(int64_t outputs) {
  return {"Linear", {{"out_features", outputs}}};
}

data::Signature classes_of(const Dims& sample, int64_t classes) {
  return {sample, {}, DType::Int64, classes};
}

graph::Choice sgd() {
  return {"SGD", {{"lr", 0.01}, {"momentum", 0.9}}};
}

BenchNet mlp() {
  return {"mlp",        "MLP 784-256-128-10, Adam",
          64,           classes_of({784}, 10),
          {"Adam", {}}, chain({linear(256), {"ReLU"}, linear(128), {"ReLU"}, linear(10)})};
}

BenchNet small() {
  return {"small", "tanh net 2-16-16-2, SGD",
          32,      classes_of({2}, 2),
          sgd(),   chain({linear(16), {"Tanh"}, linear(16), {"Tanh"}, linear(2)})};
}

BenchNet lenet() {
  const auto conv = [](int64_t channels, int64_t padding) {
    return Link{"Conv2d",
                {{"out_channels", channels}, {"kernel_size", int64_t{5}}, {"padding", padding}}};
  };
  const Link halve{"MaxPool2d", {{"kernel_size", int64_t{2}}}};
  return {"lenet",
          "LeNet 1×28×28, SGD",
          64,
          classes_of({1, 28, 28}, 10),
          sgd(),
          chain({conv(6, 2),
                 {"ReLU"},
                 halve,
                 conv(16, 0),
                 {"ReLU"},
                 halve,
                 {"Flatten"},
                 linear(120),
                 {"ReLU"},
                 linear(84),
                 {"ReLU"},
                 linear(10)})};
}

}  // namespace

std::span<const BenchNet> bench_nets() {
  static const std::vector<BenchNet> nets{mlp(), small(), lenet()};
  return nets;
}

BenchStep::BenchStep(const BenchNet& net) {
  manual_seed(0);
  model_ = graph::build(net.graph, net.data);
  nn::Args args;
  const optim::OptimizerSpec& spec = graph::find_optimizer(net.optimizer, args);
  optimizer_ = spec.make(model_->parameters(), args);
  Dims sizes = net.data.sample;
  sizes.insert(0, net.batch);
  x_ = empty(sizes);
  kernels_of(x_).uniform(default_generator(), 0, 1, x_);
  target_ = empty({net.batch}, DType::Int64);
  for (int64_t i = 0; i < net.batch; ++i) target_.data<int64_t>()[i] = i % net.data.classes;
}

double BenchStep::run() {
  optimizer_->zero_grad();
  const Tensor prediction = model_->forward({x_})[0];
  const Tensor loss = model_->loss(prediction, target_, x_);
  const double value = loss.item();
  autograd::backward(loss);
  optimizer_->step();
  return value;
}

}  // namespace nw::cli
