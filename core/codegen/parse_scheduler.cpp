#include "core/codegen/expression.h"
#include "core/nn/python_arguments.h"

namespace nw::codegen {
namespace {

using nn::fail_at;
using nn::Syntax;
using Kind = Syntax::Kind;
using Label = Syntax::Label;

/// Some of torch's schedulers are made of functions, or run others one after the other.
void refuse_composed(const Syntax& syntax) {
  if (syntax.kind != Kind::Call) return;
  const std::string_view name = nn::last_name(syntax.text);
  if (name == "LambdaLR" || name == "MultiplicativeLR") {
    fail_at(syntax.place, concat("expected a scheduler that numbers describe, found ", name,
                                 ", which takes a function; PolynomialLR, LinearLR, ExponentialLR "
                                 "or several in a ChainedScheduler may do the same"));
  }
  if (name == "SequentialLR") {
    fail_at(syntax.place,
            concat("expected a scheduler that works from the first step on, found ", name,
                   "; schedulers of a run work together: write them in a "
                   "ChainedScheduler, or MultiStepLR for steps at milestones"));
  }
}

SchedulerExpression scheduler_of(const Syntax& syntax) {
  refuse_composed(syntax);
  SchedulerExpression out;
  out.spec = &nn::described(optim::schedulers(), syntax, "a scheduler");
  const bool has_optimizer = !syntax.items.empty() && syntax.items[0].label == Label::None &&
                             syntax.items[0].kind == Kind::Name;
  out.args = nn::arguments_of(*out.spec, syntax, has_optimizer ? 1 : 0);
  return out;
}

}  // namespace

std::vector<SchedulerExpression> parse_schedulers(std::string_view text) {
  const Syntax syntax = nn::parse_python(text);
  if (syntax.kind != Kind::Call || nn::last_name(syntax.text) != "ChainedScheduler") {
    return {scheduler_of(syntax)};
  }
  const bool is_list = syntax.items.size() == 1 &&
                       (syntax.items[0].kind == Kind::List || syntax.items[0].kind == Kind::Tuple);
  if (!is_list) fail_at(syntax.place, "expected ChainedScheduler([…]) with a list of schedulers");
  std::vector<SchedulerExpression> out;
  for (const Syntax& item : syntax.items[0].items) out.push_back(scheduler_of(item));
  return out;
}

}  // namespace nw::codegen
