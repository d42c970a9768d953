#include "core/codegen/update_code.h"

#include <algorithm>

#include "core/codegen/python_code.h"
#include "core/nn/call.h"

namespace nw::codegen {
namespace {

using optim::ScheduleItem;
using optim::StepAt;

std::string assignment(const std::string& name, const nn::Value& value) {
  return name + " = " + nn::to_python(value) + "\n";
}

/// "optimizer", "step_size=2", …; what the length of the run tells stands as the script's own
/// words.
std::vector<std::string> arguments_of(const ScheduleItem& item, UpdateCode& code) {
  auto arguments = nn::python_arguments(*item.spec, item.args, "optimizer");
  for (std::string& argument : arguments) std::replace(argument.begin(), argument.end(), '\'', '"');
  if (item.spec->fit == nullptr) return arguments;
  nn::Args fitted = item.args;
  item.spec->fit(1, 1, fitted);
  for (const auto& [name, value] : fitted) {
    if (item.args.has(name) && !item.args.is_none(name)) continue;
    arguments.push_back(name + (name == "epochs" ? "=epochs" : "=batches"));
    code.needs_batches = code.needs_batches || name != "epochs";
  }
  return arguments;
}

void add_step(const ScheduleItem& item, const std::string& name, UpdateCode& code) {
  switch (item.step_at) {
    case StepAt::Batch:
      code.after_batch.push_back(name + ".step()");
      return;
    case StepAt::Fraction:
      code.after_batch.push_back(name + ".step(epoch - 1 + batch / batches)");
      code.counts_batches = code.needs_batches = true;
      return;
    case StepAt::Epoch:
      break;
  }
  if (!item.spec->needs_metric) {
    code.after_epoch.push_back(name + ".step()");
    return;
  }
  const bool more = item.spec->more_is_better != nullptr &&
                    item.spec->more_is_better(item.spec->complete(item.args));
  (more ? code.needs_accuracy : code.needs_loss) = true;
  code.after_epoch.push_back(name +
                             (more ? ".step(validation_accuracy)" : ".step(validation_loss)"));
}

void add_schedulers(const graph::RunSettings& run, UpdateCode& code) {
  const std::vector<ScheduleItem> items = graph::find_schedule(run);
  for (size_t i = 0; i < items.size(); ++i) {
    NW_CHECK(!items[i].spec->torch_name.empty(), "[", items[i].spec->id,
             "] has no counterpart in PyTorch");
    const bool warmup = i == 0 && run.warmup.has_value();
    const size_t number = i + (run.warmup ? 0 : 1);
    const std::string name = warmup                       ? "warmup"
                             : run.schedulers.size() == 1 ? "scheduler"
                                                          : concat("scheduler", number);
    code.setup += name + " = " +
                  formatted_call("torch." + items[i].spec->torch_name, arguments_of(items[i], code),
                                 0, name.size() + 3) +
                  "\n";
    add_step(items[i], name, code);
  }
}

void add_average(double decay, UpdateCode& code) {
  code.settings += assignment("ema_decay", decay);
  const std::vector<std::string> arguments{
      "model", "avg_fn=lambda mean, new, _: mean * ema_decay + new * (1 - ema_decay)",
      "use_buffers=True"};
  code.setup +=
      "averaged = " + formatted_call("torch.optim.swa_utils.AveragedModel", arguments, 0, 11) +
      "\n";
  code.after_batch.emplace_back("averaged.update_parameters(model)");
  code.evaluated = "averaged";
  code.kept = "averaged.module";
}

}  // namespace

UpdateCode update_code(const graph::RunSettings& run) {
  UpdateCode code;
  add_schedulers(run, code);
  if (run.clip_norm) {
    code.settings += assignment("clip_norm", *run.clip_norm);
    code.clip.emplace_back("nn.utils.clip_grad_norm_(model.parameters(), clip_norm)");
  }
  if (run.clip_value) {
    code.settings += assignment("clip_value", *run.clip_value);
    code.clip.emplace_back("nn.utils.clip_grad_value_(model.parameters(), clip_value)");
  }
  if (run.ema_decay) add_average(*run.ema_decay, code);
  if (code.needs_batches) {
    code.setup = "batches = (len(train) + batch_size - 1) // batch_size\n" + code.setup;
  }
  return code;
}

}  // namespace nw::codegen
