#include "app/cli/bench_net.h"

#include <chrono>

#include "core/autograd/engine.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/fetch.h"
#include "core/base/random.h"
#include "core/codegen/expression.h"
#include "core/codegen/python_code.h"
#include "core/nn/call.h"

namespace nw::cli {
namespace {

/// Draws a net block by block.
class Drawing {
 public:
  Drawing() { last_ = add("Input", {}); }

  /// Layers as Python writes them, one behind the other, starting behind `last()`.
  Drawing& chain(std::initializer_list<std::string_view> layers) {
    for (std::string_view layer : layers) follow(layer);
    return *this;
  }
  Drawing& follow(std::string_view layer) {
    const codegen::Expression expression = codegen::parse_model(layer);
    return follow(expression.block->id, expression.args);
  }
  /// A block that torch has as a function only.
  Drawing& follow(const std::string& block, const nn::Args& args) {
    const graph::NodeId id = add(block, args);
    wire(last_, id, "input");
    last_ = id;
    return *this;
  }
  /// last() + other.
  Drawing& plus(graph::NodeId other) {
    follow("Add", {});
    wire(other, last_, "other");
    return *this;
  }

  graph::NodeId last() const { return last_; }
  void go_to(graph::NodeId id) { last_ = id; }

  /// The drawing with a cross entropy at its end.
  graph::Graph finish() {
    follow("CrossEntropyLoss", {});
    return std::move(graph_);
  }

 private:
  graph::NodeId add(const std::string& block, const nn::Args& args) {
    graph::Node node;
    node.id = graph_.next_id();
    node.block = block;
    node.args = args;
    graph_.nodes.push_back(node);
    return node.id;
  }
  void wire(graph::NodeId from, graph::NodeId to, std::string_view role) {
    const nn::Block& source = *graph::find_block(*graph_.find(from));
    const nn::Block& target = *graph::find_block(*graph_.find(to));
    const std::string& port = role == "other" ? target.inputs[1].name : target.inputs[0].name;
    graph_.wires.push_back({{from, source.outputs[0].name}, {to, port}});
  }

  graph::Graph graph_;
  graph::NodeId last_ = graph::kNoNode;
};

constexpr int64_t kCharacters = 96;
constexpr int64_t kSteps = 64;

data::Signature classes_of(const Dims& sample, int64_t classes) {
  return {sample, {}, DType::Int64, classes};
}

data::Signature next_tokens() {
  return {{kSteps}, {kSteps}, DType::Int64, kCharacters, DType::Int64};
}

graph::Choice sgd() {
  return {"SGD", {{"lr", 0.01}, {"momentum", 0.9}}};
}

BenchNet mlp() {
  Drawing net;
  net.chain({"nn.Linear(784, 256)", "nn.ReLU()", "nn.Linear(256, 128)", "nn.ReLU()",
             "nn.Linear(128, 10)"});
  return {"mlp",       "MLP 784-256-128-10, Adam", 64, classes_of({784}, 10), 0, {"Adam", {}},
          net.finish()};
}

BenchNet small() {
  Drawing net;
  net.chain(
      {"nn.Linear(2, 16)", "nn.Tanh()", "nn.Linear(16, 16)", "nn.Tanh()", "nn.Linear(16, 2)"});
  return {"small", "tanh net 2-16-16-2, SGD", 32, classes_of({2}, 2), 0, sgd(), net.finish()};
}

BenchNet lenet() {
  Drawing net;
  net.chain({"nn.Conv2d(1, 6, 5, padding=2)", "nn.ReLU()", "nn.MaxPool2d(2)", "nn.Conv2d(6, 16, 5)",
             "nn.ReLU()", "nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(400, 120)", "nn.ReLU()",
             "nn.Linear(120, 84)", "nn.ReLU()", "nn.Linear(84, 10)"});
  return {"lenet", "LeNet 1×28×28, SGD", 64, classes_of({1, 28, 28}, 10), 0, sgd(), net.finish()};
}

/// A convolution that keeps the size, BatchNorm and ReLU.
void conv_bn_relu(Drawing& net, int64_t from, int64_t to, int64_t stride = 1) {
  net.follow(concat("nn.Conv2d(", from, ", ", to, ", 3, stride=", stride, ", padding=1)"));
  net.follow(concat("nn.BatchNorm2d(", to, ")")).follow("nn.ReLU()");
}

BenchNet cifar() {
  Drawing net;
  conv_bn_relu(net, 3, 32);
  conv_bn_relu(net, 32, 32);
  net.follow("nn.MaxPool2d(2)");
  conv_bn_relu(net, 32, 64);
  conv_bn_relu(net, 64, 64);
  net.chain({"nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(4096, 10)"});
  return {"cifar",     "CNN 32-32-64-64 3×32×32, SGD", 64, classes_of({3, 32, 32}, 10), 0, sgd(),
          net.finish()};
}

BenchNet vgg() {
  Drawing net;
  for (const auto& [from, to] : {std::pair<int64_t, int64_t>{3, 64}, {64, 128}, {128, 256}}) {
    conv_bn_relu(net, from, to);
    conv_bn_relu(net, to, to);
    net.follow("nn.MaxPool2d(2)");
  }
  net.chain({"nn.Flatten()", "nn.Linear(4096, 256)", "nn.ReLU()", "nn.Linear(256, 10)"});
  return {"vgg",       "VGG-like 64²-128²-256², SGD", 64, classes_of({3, 32, 32}, 10), 0, sgd(),
          net.finish()};
}

BenchNet lstm() {
  Drawing net;
  net.follow(concat("nn.Embedding(", kCharacters, ", 128)"))
      .follow("nn.LSTM(128, 128, num_layers=2, batch_first=True)")
      .follow(concat("nn.Linear(128, ", kCharacters, ")"))
      .follow("Transpose", {});
  return {"lstm",      "LSTM 2×128, T 64, Adam", 32, next_tokens(), kCharacters, {"Adam", {}},
          net.finish()};
}

BenchNet transformer() {
  Drawing net;
  net.follow(concat("nn.Embedding(", kCharacters, ", 128)"))
      .follow(
          "nn.TransformerEncoder(nn.TransformerEncoderLayer(128, 4, dim_feedforward=512, "
          "batch_first=True), 2)")
      .follow(concat("nn.Linear(128, ", kCharacters, ")"))
      .follow("Transpose", {});
  return {"transformer",
          "Transformer d 128, 4 heads, 2 layers",
          32,
          next_tokens(),
          kCharacters,
          {"Adam", {}},
          net.finish()};
}

/// Two convolutions and a way around them.
void residual(Drawing& net, int64_t from, int64_t to, int64_t stride) {
  const graph::NodeId before = net.last();
  conv_bn_relu(net, from, to, stride);
  net.follow(concat("nn.Conv2d(", to, ", ", to, ", 3, padding=1)"));
  net.follow(concat("nn.BatchNorm2d(", to, ")"));
  const graph::NodeId main = net.last();
  graph::NodeId around = before;
  if (from != to) {
    net.go_to(before);
    net.follow(concat("nn.Conv2d(", from, ", ", to, ", 1, stride=", stride, ")"));
    net.follow(concat("nn.BatchNorm2d(", to, ")"));
    around = net.last();
  }
  net.go_to(main);
  net.plus(around).follow("nn.ReLU()");
}

BenchNet resnet() {
  Drawing net;
  conv_bn_relu(net, 3, 64);
  int64_t from = 64;
  for (const int64_t to : {64, 128, 256, 512}) {
    residual(net, from, to, from == to ? 1 : 2);
    residual(net, to, to, 1);
    from = to;
  }
  net.chain({"nn.AdaptiveAvgPool2d(1)", "nn.Flatten()", "nn.Linear(512, 10)"});
  return {"resnet18",  "ResNet-18 for CIFAR, SGD", 32, classes_of({3, 32, 32}, 10), 0, sgd(),
          net.finish()};
}

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

Dims with_batch(const BenchNet& net, Dims sizes) {
  sizes.insert(0, net.batch);
  return sizes;
}

/// 0, 1, 2, … below `limit`, again and again.
Tensor counting(const Dims& sizes, int64_t limit) {
  const Tensor out = empty(sizes, DType::Int64);
  for (int64_t i = 0; i < out.numel(); ++i) out.data<int64_t>()[i] = i % limit;
  return out;
}

std::string shape_of(const Dims& sizes) {
  std::string text = "(";
  for (const int64_t size : sizes) text += std::to_string(size) + ", ";
  return text + ")";
}

std::string optimizer_code(const BenchNet& net) {
  nn::Args args;
  const optim::OptimizerSpec& spec = graph::find_optimizer(net.optimizer, args);
  std::string text = "torch." + spec.torch_name + "(";
  for (const auto& argument :
       nn::python_arguments(spec, net.optimizer.args, "model.parameters()")) {
    text += argument + ", ";
  }
  return text + ")";
}

std::string counting_code(const Dims& sizes, int64_t limit) {
  return concat("torch.arange(", numel(sizes), ").remainder(", limit, ").reshape(", shape_of(sizes),
                ")");
}

}  // namespace

std::span<const BenchNet> bench_nets() {
  static const std::vector<BenchNet> nets{mlp(), small(), lenet(),       cifar(),
                                          vgg(), lstm(),  transformer(), resnet()};
  return nets;
}

std::string torch_code(const BenchNet& net) {
  const Dims x = with_batch(net, net.data.sample);
  const Dims target = with_batch(net, net.data.target);
  return concat(
      "import torch\n", codegen::python_code(net.graph, net.data),
      "\noptimizer = ", optimizer_code(net), "\nx = ",
      net.tokens > 0 ? counting_code(x, net.tokens) : concat("torch.rand(", shape_of(x), ")"),
      "\ntarget = ", counting_code(target, net.data.classes), "\n");
}

BenchStep::BenchStep(const BenchNet& net, Device device, Recording recording) {
  manual_seed(0);
  model_ = graph::build(net.graph, net.data);
  model_->to(device);
  nn::Args args;
  const optim::OptimizerSpec& spec = graph::find_optimizer(net.optimizer, args);
  optimizer_ = spec.make(model_->parameters(), args);
  const Dims sizes = with_batch(net, net.data.sample);
  if (net.tokens > 0) {
    x_ = counting(sizes, net.tokens);
  } else {
    x_ = empty(sizes);
    kernels_of(x_).uniform(default_generator(), 0, 1, x_);
  }
  x_ = raw::to(x_, device);
  target_ = raw::to(counting(with_batch(net, net.data.target), net.data.classes), device);
  if (recording == Recording::Never || !backend_of(device).can_capture()) return;
  recordable_ = std::make_unique<optim::RecordableStep>(*optimizer_);
  recorded_ = std::make_unique<train::RecordedStep>(*model_, device, work());
}

train::StepWork BenchStep::work() {
  train::StepWork work;
  work.forward = [this](const Tensor& x, const Tensor& y) {
    return train::StepFigures{model_->loss(model_->call({x})[0], y, x), {}};
  };
  work.backward = [](const Tensor& loss) { autograd::backward(loss); };
  work.update.run = [this] { optimizer_->step(); };
  work.update.prepare = [this] { return recordable_->prepare(); };
  work.update.queue = [this] { recordable_->queue({}); };
  work.update.finish = [] {};
  return work;
}

BenchStep::BenchStep(const BenchNet& net, std::shared_ptr<dist::ProcessGroup> group)
    : BenchStep(net) {
  ddp_ = std::make_unique<dist::DistributedDataParallel>(
      model_, dist::DistributedOptions{.process_group = std::move(group)});
}

Tensor BenchStep::forward(StepTimes& times) {
  optimizer_->zero_grad();
  nn::Module& module = ddp_ ? static_cast<nn::Module&>(*ddp_) : *model_;
  const Tensor prediction = module.call({x_})[0];
  const auto begin = Clock::now();
  const Tensor loss = model_->loss(prediction, target_, x_);
  times.loss_us = microseconds_since(begin);
  return loss;
}

double BenchStep::run() {
  if (recorded_ != nullptr) {
    optimizer_->zero_grad();
    Fetch value(recorded_->forward(x_, target_, x_.size(0)).loss.detach());
    recorded_->backward();
    const double read = value.get().to_double();
    recorded_->update();
    return read;
  }
  StepTimes times;
  const Tensor loss = forward(times);
  Fetch value(loss.detach());
  autograd::backward(loss);
  const double read = value.get().to_double();
  optimizer_->step();
  return read;
}

StepTimes BenchStep::run_timed() {
  StepTimes times;
  autograd::backward(forward(times));
  const auto begin = Clock::now();
  optimizer_->step();
  times.update_us = microseconds_since(begin);
  return times;
}

}  // namespace nw::cli
