#include "app/cli/overrides.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "core/base/error.h"
#include "core/codegen/expression.h"
#include "core/optim/optimizer.h"

namespace nw::cli {
namespace {

std::string option_name(std::string param) {
  std::replace(param.begin(), param.end(), '_', '-');
  return "--" + param;
}

std::string placeholder(const nn::Param& param) {
  switch (param.type) {
    case nn::ParamType::Int:
    case nn::ParamType::IntTuple:
      return "N";
    case nn::ParamType::Real:
    case nn::ParamType::RealTuple:
      return "X";
    default:
      return "TEXT";
  }
}

/// The typed value of an option's text. Throws CLI::ValidationError.
nn::Value checked_value(const nn::Param& param, const std::string& option,
                        const std::string& text) {
  std::string problem;
  try {
    nn::Value value = nn::parse_value(param, text);
    problem = nn::problem_of(param, value);
    if (problem.empty()) return value;
  } catch (const Error& error) {
    problem = error.text();
  }
  throw CLI::ValidationError(option, problem);
}

/// What `read` gives of an option's text. Throws CLI::ValidationError.
template <typename Read>
auto checked_expression(const std::string& option, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw CLI::ValidationError(option, error.text());
  }
}

}  // namespace

void Overrides::add_options(CLI::App& verb) {
  for (const nn::Param& param : graph::run_settings_description().params) {
    std::string help = param.help;
    if (!param.unit.empty()) help += " [" + param.unit + "]";
    for (size_t i = 0; i < param.choices.size(); ++i) {
      help += (i == 0 ? " One of " : ", ") + param.choices[i];
    }
    verb.add_option(option_name(param.name), values_[param.name], help)
        ->type_name(placeholder(param));
  }
  verb.add_option("--optimizer", optimizer_, "Such as \"Adam(lr=1e-3)\"")->type_name("EXPRESSION");
  verb.add_option("--scheduler", schedulers_,
                  "Changes the learning rate, such as \"StepLR(step_size=2)\"; may be given more "
                  "than once; none: no scheduler")
      ->type_name("EXPRESSION")
      ->expected(1)
      ->take_all();
  verb.add_option("--lr", learning_rate_, "Learning rate of the optimiser")->type_name("X");
}

void Overrides::apply(graph::RunSettings& settings) const {
  const nn::Description& description = graph::run_settings_description();
  nn::Args args = graph::to_args(settings);
  for (const auto& [name, text] : values_) {
    if (text.empty()) continue;
    args.set(name, checked_value(*description.find(name), option_name(name), text));
  }
  graph::apply_args(args, settings);
  apply_choices(settings);
  if (!learning_rate_.empty()) apply_learning_rate(settings);
}

void Overrides::apply_choices(graph::RunSettings& settings) const {
  if (!optimizer_.empty()) {
    const auto chosen =
        checked_expression("--optimizer", [this] { return codegen::parse_optimizer(optimizer_); });
    settings.optimizer = {chosen.spec->id, chosen.args};
  }
  if (!schedulers_.empty()) settings.schedulers.clear();
  for (const std::string& text : schedulers_) {
    if (text == "none" || text == "None") continue;
    const auto chosen =
        checked_expression("--scheduler", [&] { return codegen::parse_schedulers(text); });
    for (const auto& one : chosen) settings.schedulers.push_back({one.spec->id, one.args});
  }
}

void Overrides::apply_learning_rate(graph::RunSettings& settings) const {
  const optim::OptimizerSpec* optimizer = optim::optimizers().find(settings.optimizer.id);
  if (!optimizer) return;  // the run itself says that the project's optimiser is unknown
  const nn::Param* param = optimizer->find("lr");
  if (!param) {
    throw CLI::ValidationError("--lr", optimizer->id + " has no learning rate");
  }
  settings.optimizer.args.set("lr", checked_value(*param, "--lr", learning_rate_));
}

}  // namespace nw::cli
