#include "core/codegen/expression.h"
#include "core/nn/python_arguments.h"

namespace nw::codegen {
namespace {

using nn::fail_at;
using nn::Syntax;
using Kind = Syntax::Kind;
using Label = Syntax::Label;

SchedulerExpression scheduler_of(const Syntax& syntax) {
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
