#include "app/cli/model_run.h"

#include <algorithm>
#include <memory>

#include "app/cli/model_source.h"
#include "core/autograd/engine.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/codegen/expression.h"
#include "core/io/state_file.h"
#include "core/io/tensor_file.h"
#include "core/nn/python_arguments.h"
#include "core/optim/clip.h"
#include "core/optim/schedule.h"

namespace nw::cli {
namespace {

using Entries = std::vector<nn::StateDict::Entry>;

bool takes_part(DType dtype) {
  return is_floating(dtype) || dtype == DType::Complex64 || dtype == DType::Complex128;
}

std::string names_of(const std::vector<nn::Port>& ports) {
  std::string text;
  for (const nn::Port& port : ports) {
    text += (text.empty() ? "" : ", ") + port.name + (port.optional ? " (optional)" : "");
  }
  return text;
}

/// What `read` gives of an option's expression, with the option in front of its errors.
template <typename Read>
auto of_option(const char* option, const Read& read) {
  try {
    return read();
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    throw Error(concat(option, ": ", error.text()));
  }
}

/// Gives each port its tensor: by name where all names are names of ports, else by place.
Tensors assign(const Entries& given, const std::vector<nn::Port>& ports, const char* option) {
  const auto port_of = [&](const std::string& key) {
    return std::find_if(ports.begin(), ports.end(),
                        [&](const nn::Port& port) { return port.name == key; });
  };
  NW_CHECK(given.size() <= ports.size(), option, ": gets ", given.size(),
           " tensors, the model takes ", ports.size(), " (", names_of(ports), ")");
  const auto is_known = [&](const auto& entry) { return port_of(entry.key) != ports.end(); };
  const bool by_name = std::all_of(given.begin(), given.end(), is_known);
  for (const auto& entry : given) {
    const bool slip = !by_name && !entry.key.empty() && !is_known(entry);
    NW_CHECK(!slip || std::none_of(given.begin(), given.end(), is_known), option,
             ": the model has no input called ", entry.key, "; it takes ", names_of(ports));
  }
  Tensors tensors(ports.size());
  for (size_t i = 0; i < given.size(); ++i) {
    const size_t at = by_name ? static_cast<size_t>(port_of(given[i].key) - ports.begin()) : i;
    NW_CHECK(!tensors[at].defined(), option, ": has two tensors called ", given[i].key);
    tensors[at] = given[i].tensor;
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    NW_CHECK(tensors[i].defined() || ports[i].optional, option, ": the model needs ", ports[i].name,
             ", which is missing; it takes ", names_of(ports));
  }
  return tensors;
}

class Runner {
 public:
  explicit Runner(const ModelRun& request) : request_(request) {}

  nn::StateDict run() {
    build();
    read();
    record_state("initial.");
    model_.module->train(request_.training);
    if (loss_) loss_->train(request_.training);
    if (request_.steps > 0) {
      learn();
    } else {
      pass(request_.backward);
    }
    put_results();
    record_state("state.");
    return std::move(out_);
  }

 private:
  void build() {
    device_ = device_from_string(request_.device);
    NW_CHECK(device_ != kMeta, "--device: meta has no numbers; choose cpu or cuda:0");
    backend_of(device_);  // refuses a device that is not there, before anything else
    manual_seed(static_cast<uint64_t>(request_.seed));
    model_ = build_source(request_.model);
    if (!request_.loss.empty()) {
      const codegen::Expression loss =
          of_option("--loss", [&] { return codegen::parse_loss(request_.loss); });
      loss_ = of_option("--loss", [&] { return codegen::build_module(loss); });
      loss_ports_ = loss.block->inputs;
      // In a drawing the data set gives the target without a wire; here a file does.
      for (nn::Port& port : loss_ports_) port.optional = port.optional && port.name != "target";
    }
    convert();
    if (!request_.weights.empty()) load_weights();
  }

  void convert() {
    nn::Conversion conversion;
    if (!request_.dtype.empty()) {
      dtype_ = nn::torch_dtype(request_.dtype);
      NW_CHECK(dtype_ && takes_part(*dtype_),
               "--dtype: expects float32, float64, float16, bfloat16, complex64 or complex128, "
               "gets ",
               request_.dtype);
      conversion.dtype = dtype_;
    }
    conversion.device = device_;
    model_.module->to(conversion);
    if (loss_) loss_->to(conversion);
  }

  void load_weights() {
    const nn::StateDict state = io::load_state_for(*model_.module, request_.weights);
    try {
      model_.module->load_state_dict(state);
    } catch (const Error& error) {
      throw Error(concat(request_.weights, " does not fit the model:\n", error.text()));
    }
  }

  /// The tensors of all files, on the device, numbers in the model's dtype where one was asked for.
  Entries tensors_of(const std::vector<std::string>& files) const {
    Entries all;
    for (const std::string& file : files) {
      for (auto& [key, tensor] : io::load_tensors(file).entries) {
        const bool converts = dtype_ && takes_part(tensor.dtype());
        all.push_back({key, raw::to(converts ? raw::to(tensor, *dtype_) : tensor, device_)});
      }
    }
    return all;
  }

  void read() {
    inputs_ = assign(tensors_of(request_.inputs), model_.inputs, "--input");
    if (needs_gradients()) {
      for (const Tensor& input : inputs_) {
        if (input.defined() && takes_part(input.dtype())) input.set_requires_grad();
      }
    }
    if (!request_.grad_output.empty()) {
      const Entries grad = tensors_of({request_.grad_output});
      NW_CHECK(grad.size() == 1, request_.grad_output, ": expects one tensor, holds ", grad.size());
      grad_output_ = grad[0].tensor;
    }
    read_targets();
  }

  void read_targets() {
    const Entries given = tensors_of(request_.targets);
    if (loss_ == nullptr) {
      NW_CHECK(given.empty() || model_.drawn != nullptr,
               "--target: expects --loss, too, such as \"nn.CrossEntropyLoss()\"");
      NW_CHECK(given.size() <= 1, "--target: expects one tensor, gets ", given.size());
      if (!given.empty()) targets_.push_back(given[0].tensor);
      return;
    }
    const std::vector<nn::Port> rest(loss_ports_.begin() + 1, loss_ports_.end());
    NW_CHECK(!given.empty() || rest.empty(), "--loss: expects --target, too: the files with ",
             names_of(rest));
    targets_ = assign(given, rest, "--target");
  }

  bool needs_gradients() const { return request_.backward || request_.steps > 0; }
  bool has_loss() const { return loss_ != nullptr || !targets_.empty(); }

  void pass(bool backward) {
    outputs_ = call_model();
    loss_value_ = Tensor();
    if (has_loss()) loss_value_ = compute_loss();
    if (backward) go_back();
  }

  /// Says of an error in which layer it is, and what may help.
  Tensors call_model() {
    try {
      return model_.module->call(inputs_);
    } catch (const InternalError&) {
      throw;
    } catch (const Error& error) {
      throw Error(concat(misfit(model_.expression, inputs_), error.text(), dtype_remedy()));
    }
  }

  std::string dtype_remedy() const {
    for (const Tensor& parameter : model_.module->parameters()) {
      for (const Tensor& input : inputs_) {
        const bool counts = input.defined() && takes_part(input.dtype());
        if (dtype_ || !counts || input.dtype() == parameter.dtype()) continue;
        return concat(". The numbers are ", name(input.dtype()), ", the model's are ",
                      name(parameter.dtype()), ": --dtype converts both");
      }
    }
    return {};
  }

  Tensor compute_loss() {
    if (loss_ == nullptr) {
      auto& drawn = static_cast<graph::Model&>(*model_.module);
      return drawn.loss(outputs_[0], targets_[0], inputs_[0]);
    }
    Tensors arguments{outputs_[0]};
    for (const Tensor& target : targets_) arguments.push_back(target);
    return loss_->call(arguments)[0];
  }

  void go_back() {
    if (loss_value_.defined()) {
      NW_CHECK(loss_value_.numel() == 1 || grad_output_.defined(),
               "--backward: the loss has the sizes ", to_string(loss_value_.sizes()),
               ", a gradient starts from one number. Use reduction='mean', or give --grad-output");
      autograd::backward(loss_value_, grad_output_);
      return;
    }
    const Tensor& first = outputs_[0];
    NW_CHECK(takes_part(first.dtype()), "--backward: the output is ", name(first.dtype()),
             ", which has no gradient");
    autograd::backward(first, grad_output_.defined()
                                  ? grad_output_
                                  : full(first.sizes(), 1, first.dtype(), first.device()));
  }

  void learn() {
    NW_CHECK(has_loss(), "--steps: expects --target and --loss, which tell what to learn");
    NW_CHECK(!request_.optimizer.empty(),
             "--steps: expects --optimizer, such as \"optim.SGD(lr=0.1)\"");
    const codegen::OptimizerExpression wanted =
        of_option("--optimizer", [&] { return codegen::parse_optimizer(request_.optimizer); });
    const auto optimizer =
        wanted.spec->make(model_.module->parameters(), wanted.spec->complete(wanted.args));
    optim::Schedule schedule = schedule_of(*optimizer);
    std::vector<double> losses;
    std::vector<double> rates;
    const auto look = [&] {
      optimizer->zero_grad();
      for (const Tensor& input : inputs_) {
        if (input.defined()) input.set_grad(Tensor());
      }
      pass(true);
      clip();
      return loss_value_;
    };
    for (int64_t step = 1; step <= request_.steps; ++step) {
      rates.push_back(optimizer->learning_rate());
      const Tensor loss = optimizer->step(look);
      losses.push_back(raw::to(loss.detach(), DType::Float64).item());
      schedule.after_batch(step, 1);
      schedule.after_epoch({losses.back(), {}});
    }
    put("losses", tensor_of<double>(losses, {request_.steps}));
    put("learning_rates", tensor_of<double>(rates, {request_.steps}));
  }

  /// Each update counts as an epoch of one batch.
  optim::Schedule schedule_of(optim::Optimizer& optimizer) const {
    std::vector<optim::ScheduleItem> items;
    for (const std::string& text : request_.schedulers) {
      const auto schedulers =
          of_option("--scheduler", [&] { return codegen::parse_schedulers(text); });
      for (const auto& one : schedulers) {
        items.push_back({one.spec, one.args, one.spec->step_at});
      }
    }
    optim::Schedule schedule(items, optimizer, {request_.steps, 1});
    schedule.check_length();
    schedule.check_figures(true, false);
    return schedule;
  }

  void clip() const {
    const std::vector<Tensor> params = model_.module->parameters();
    if (request_.clip_norm) optim::clip_grad_norm_(params, *request_.clip_norm);
    if (request_.clip_value) optim::clip_grad_value_(params, *request_.clip_value);
  }

  void put(std::string key, const Tensor& tensor) {
    out_.entries.push_back({std::move(key), raw::clone(raw::to(tensor.detach(), kCpu))});
  }

  void put_results() {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i].defined()) put(output_name(i), outputs_[i]);
    }
    if (loss_value_.defined()) put("loss", loss_value_);
    const auto given = std::count_if(inputs_.begin(), inputs_.end(),
                                     [](const Tensor& input) { return input.defined(); });
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].defined() || !inputs_[i].grad().defined()) continue;
      if (i == 0) put("grad.input", inputs_[i].grad());
      const std::string& port = model_.inputs[i].name;
      if (port != "input" && given > 1) put("grad." + port, inputs_[i].grad());
    }
    for (const auto& [name, parameter] : model_.module->named_parameters()) {
      if (parameter.grad().defined()) put("grad." + name, parameter.grad());
    }
  }

  std::string output_name(size_t i) const {
    return i < model_.outputs.size() ? model_.outputs[i] : concat("output.", i);
  }

  void record_state(const std::string& prefix) {
    for (const auto& [key, tensor] : model_.module->state_dict().entries) {
      if (tensor.defined()) put(prefix + key, tensor);
    }
  }

  const ModelRun& request_;
  Device device_ = kCpu;
  std::optional<DType> dtype_;
  SourceModel model_;
  std::unique_ptr<nn::Module> loss_;
  std::vector<nn::Port> loss_ports_;
  Tensors inputs_;
  Tensors targets_;
  Tensor grad_output_;
  Tensors outputs_;
  Tensor loss_value_;
  nn::StateDict out_;
};

}  // namespace

nn::StateDict run_model(const ModelRun& request) {
  return Runner(request).run();
}

}  // namespace nw::cli
