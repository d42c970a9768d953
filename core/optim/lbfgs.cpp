#include <algorithm>
#include <cmath>
#include <deque>

#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/optim/group_options.h"
#include "core/optim/line_search.h"

namespace nw::optim {
namespace {

struct Options {
  explicit Options(const nn::Args& args)
      : lr(args.real("lr")),
        max_iter(args.integer("max_iter")),
        max_eval(args.is_none("max_eval") ? max_iter * 5 / 4 : args.integer("max_eval")),
        tolerance_grad(args.real("tolerance_grad")),
        tolerance_change(args.real("tolerance_change")),
        history_size(args.integer("history_size")),
        line_search(!args.is_none("line_search_fn")) {}

  double lr;
  int64_t max_iter, max_eval;
  double tolerance_grad, tolerance_change;
  int64_t history_size;
  bool line_search;
};

double total(const Tensor& x) {
  const Tensor out = empty(Dims{1}, x.dtype(), x.device());
  kernels_of(x).sum(x, out);
  return raw::to(out, kCpu).item();
}

double dot(const Tensor& a, const Tensor& b) {
  return total(apply(BinaryOp::Mul, a, b));
}

double largest(const Tensor& x) {
  const Tensor out = empty(Dims{1}, x.dtype(), x.device());
  kernels_of(x).reduce(ReduceOp::Max, apply(UnaryOp::Abs, x), out);
  return raw::to(out, kCpu).item();
}

/// The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno: steps by an inverse Hessian
/// that is estimated from the last gradients. One group of real parameters; step() needs a closure.
/// Source: torch.optim.LBFGS; Nocedal & Wright, Numerical Optimization, 2006, 7.2.
class LBFGS final : public GroupedOptimizer<Options> {
 public:
  static constexpr std::string_view kId = "LBFGS";
  using GroupedOptimizer::GroupedOptimizer;

  void step() override { ask_for_closure(); }
  Tensor step(const Closure& closure) override;
  OptimizerState state_dict() const override;
  void load_state_dict(const OptimizerState& state) override;

 private:
  struct Pair {
    Tensor grad_change;  // y
    Tensor step;         // s
    double scale;        // 1 / (y·s)
  };

  std::span<const Slot> layout() const override { return {}; }
  StepRule next_rule(size_t, const Tensor&, State&) override { ask_for_closure(); }
  [[noreturn]] static void ask_for_closure() {
    throw Error("[LBFGS] looks at the loss several times in a step: it needs a closure");
  }
  void prepare(size_t group, const Tensor& param, State&) override {
    NW_CHECK(group == 0, "[LBFGS] takes one group of parameters only");
    NW_CHECK(!is_complex(param.dtype()) && param.dtype() == params(0)[0].dtype(),
             "[LBFGS] expects real parameters of one dtype, gets ", describe(param));
  }

  double evaluate(const Closure& closure) {
    const autograd::EnableGrad with_grad;
    ++evaluations_;
    return closure().item();
  }
  /// Calls body(param, piece) with the piece of `flat` that belongs to each parameter.
  template <typename Body>
  void for_pieces(const Tensor& flat, const Body& body) const {
    int64_t offset = 0;
    for (const Tensor& param : params(0)) {
      const Dims& sizes = param.sizes();
      body(param, flat.as_strided(sizes, contiguous_strides(sizes), offset));
      offset += param.numel();
    }
  }
  Tensor flat_grad() const;
  Tensor flat_params() const;
  void set_params(const Tensor& flat) const;
  void move(double step, const Tensor& direction) const;
  Tensor new_direction(const Options& o, const Tensor& grad);
  bool advance(const Options& o, const Closure& closure, bool last, Tensor& grad, double& loss);

  int64_t iterations_ = 0;
  int64_t evaluations_ = 0;
  std::deque<Pair> history_;
  Tensor direction_;
  double step_size_ = 0;
  double hessian_scale_ = 1;
  Tensor previous_grad_;
  double previous_loss_ = 0;
};

Tensor LBFGS::flat_grad() const {
  int64_t count = 0;
  for (const Tensor& param : params(0)) count += param.numel();
  const Tensor out = zeros(Dims{count}, params(0)[0].dtype(), params(0)[0].device());
  for_pieces(out, [](const Tensor& param, const Tensor& piece) {
    if (param.grad().defined()) raw::copy_(piece, param.grad());
  });
  return out;
}

Tensor LBFGS::flat_params() const {
  int64_t count = 0;
  for (const Tensor& param : params(0)) count += param.numel();
  const Tensor out = empty(Dims{count}, params(0)[0].dtype(), params(0)[0].device());
  for_pieces(out, [](const Tensor& param, const Tensor& piece) { raw::copy_(piece, param); });
  return out;
}

void LBFGS::set_params(const Tensor& flat) const {
  for_pieces(flat, [](const Tensor& param, const Tensor& piece) { raw::copy_(param, piece); });
}

void LBFGS::move(double step, const Tensor& direction) const {
  const Tensor moved = flat_params();
  add_(moved, direction, step);
  set_params(moved);
}

/// Against the gradient, by the inverse Hessian that the history speaks of (two loops).
Tensor LBFGS::new_direction(const Options& o, const Tensor& grad) {
  if (iterations_ == 1) {
    history_.clear();
    hessian_scale_ = 1;
    return scaled(grad, -1);
  }
  Pair pair{blend(grad, 1, previous_grad_, -1), scaled(direction_, step_size_), 0};
  const double curvature = dot(pair.grad_change, pair.step);
  if (curvature > 1e-10) {
    if (static_cast<int64_t>(history_.size()) == o.history_size) history_.pop_front();
    pair.scale = 1 / curvature;
    hessian_scale_ = curvature / dot(pair.grad_change, pair.grad_change);
    history_.push_back(pair);
  }
  const Tensor q = scaled(grad, -1);
  std::vector<double> shares(history_.size());
  for (size_t i = history_.size(); i-- > 0;) {
    shares[i] = dot(history_[i].step, q) * history_[i].scale;
    add_(q, history_[i].grad_change, -shares[i]);
  }
  const Tensor out = scaled(q, hessian_scale_);
  for (size_t i = 0; i < history_.size(); ++i) {
    const double back = dot(history_[i].grad_change, out) * history_[i].scale;
    add_(out, history_[i].step, shares[i] - back);
  }
  return out;
}

/// One iteration. False when there is no use in another one.
bool LBFGS::advance(const Options& o, const Closure& closure, bool last, Tensor& grad,
                    double& loss) {
  ++iterations_;
  direction_ = new_direction(o, grad);
  previous_grad_ = raw::clone(grad);
  previous_loss_ = loss;
  const double first = iterations_ == 1 ? std::min(1.0, 1 / total(apply(UnaryOp::Abs, grad))) : 1;
  step_size_ = first * o.lr;
  const double slope = dot(grad, direction_);
  if (slope > -o.tolerance_change) return false;
  if (o.line_search) {
    const Tensor origin = flat_params();
    const auto look = [&](double step) {
      move(step, direction_);
      LinePoint point{step, evaluate(closure), flat_grad(), 0};
      set_params(origin);
      point.slope = dot(point.grad, direction_);
      return point;
    };
    const LineSearchResult found =
        strong_wolfe(look, LinePoint{0, loss, raw::clone(grad), slope}, step_size_,
                     largest(direction_), o.tolerance_change);
    loss = found.point.value;
    grad = found.point.grad;
    step_size_ = found.point.step;
    move(step_size_, direction_);
  } else {
    move(step_size_, direction_);
    if (last) return false;  // nobody would look at what a call of the closure gives
    loss = evaluate(closure);
    grad = flat_grad();
  }
  return true;
}

Tensor LBFGS::step(const Closure& closure) {
  NW_CHECK(closure != nullptr, "[LBFGS] expects a closure that computes the loss");
  const autograd::NoGrad no_grad;
  const Options& o = read(0);
  const int64_t evaluated_before = evaluations_;
  Tensor first_loss;
  {
    const autograd::EnableGrad with_grad;
    ++evaluations_;
    first_loss = closure();
  }
  double loss = first_loss.item();
  Tensor grad = flat_grad();
  if (largest(grad) <= o.tolerance_grad) return first_loss;
  for (int64_t i = 1; i <= o.max_iter; ++i) {
    if (!advance(o, closure, i == o.max_iter, grad, loss) || i == o.max_iter) break;
    const bool enough = evaluations_ - evaluated_before >= o.max_eval;
    const bool flat = largest(grad) <= o.tolerance_grad;
    const bool still = largest(direction_) * std::abs(step_size_) <= o.tolerance_change;
    if (enough || flat || still || std::abs(loss - previous_loss_) < o.tolerance_change) break;
  }
  return first_loss;
}

OptimizerState LBFGS::state_dict() const {
  OptimizerState out;
  int64_t next = 0;
  out.groups.push_back(group_state(0, next));
  out.groups[0].options.set("max_eval", {read(0).max_eval});
  if (evaluations_ == 0) return out;
  StateEntries entries;
  entries.set("func_evals", {evaluations_});
  entries.set("n_iter", {iterations_});
  if (iterations_ > 0) {
    StateValue::List changes, steps, scales;
    for (const Pair& pair : history_) {
      changes.push_back({pair.grad_change});
      steps.push_back({pair.step});
      scales.push_back({full({}, pair.scale, pair.step.dtype(), pair.step.device())});
    }
    entries.set("d", {direction_});
    entries.set("t", {step_size_});
    entries.set("old_dirs", {changes});
    entries.set("old_stps", {steps});
    entries.set("ro", {scales});
    entries.set("H_diag", {hessian_scale_});
    entries.set("prev_flat_grad", {previous_grad_});
    entries.set("prev_loss", {previous_loss_});
  }
  out.state.emplace_back(0, entries);
  return out;
}

void LBFGS::load_state_dict(const OptimizerState& state) {
  check_groups(state);
  std::deque<Pair> history;
  const StateEntries* entries = nullptr;
  for (const auto& [number, given] : state.state) {
    if (number == state.groups[0].params[0]) entries = &given;
  }
  const int64_t count = flat_grad().numel();
  const auto flat = [&](const StateValue& value) {
    const Tensor& given = value.tensor();
    NW_CHECK(given.sizes() == Dims{count}, "[LBFGS] expects ", count,
             " numbers in the state, gets ", describe(given));
    return raw::clone(raw::to(given, params(0)[0].dtype()));
  };
  const bool moved = entries != nullptr && entries->find("d") != nullptr;
  if (moved) {
    const auto& changes = entries->at("old_dirs").list();
    const auto& steps = entries->at("old_stps").list();
    const auto& scales = entries->at("ro").list();
    NW_CHECK(changes.size() == steps.size() && steps.size() == scales.size(),
             "[LBFGS] the lists in the state have different lengths");
    for (size_t i = 0; i < steps.size(); ++i) {
      history.push_back({flat(changes[i]), flat(steps[i]), scales[i].number()});
    }
    direction_ = flat(entries->at("d"));
    previous_grad_ = flat(entries->at("prev_flat_grad"));
    step_size_ = entries->at("t").number();
    hessian_scale_ = entries->at("H_diag").number();
    previous_loss_ = entries->at("prev_loss").number();
  }
  load_group(0, state.groups[0]);
  history_ = std::move(history);
  const auto whole = [&](const char* name) {
    return entries != nullptr ? static_cast<int64_t>(entries->at(name).number()) : int64_t{0};
  };
  evaluations_ = whole("func_evals");
  iterations_ = whole("n_iter");
}

}  // namespace

OptimizerSpec lbfgs_spec() {
  OptimizerSpec spec;
  spec.id = LBFGS::kId;
  spec.icon = "optimizer";
  spec.torch_name = "optim.LBFGS";
  spec.summary = "Learns the curvature from the last gradients and goes straight for the bottom.";
  spec.formula = "p = p − t·H·g,  H an inverse Hessian from the last steps";
  spec.when_to_use =
      "For small problems whose whole data set is one batch: few steps, very exact results.";
  spec.reference = "https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html";
  nn::Param max_iter{.name = "max_iter",
                     .type = nn::ParamType::Int,
                     .fallback = int64_t{20},
                     .help = "How many iterations a step has at most.",
                     .min = 1};
  nn::Param max_eval{.name = "max_eval",
                     .type = nn::ParamType::Int,
                     .fallback = nn::None{},
                     .help = "How often a step may compute the loss; None: 1.25 · max_iter.",
                     .min = 1,
                     .optional = true};
  nn::Param history = max_iter;
  history.name = "history_size";
  history.fallback = int64_t{100};
  history.help = "How many of the last steps count.";
  nn::Param search{.name = "line_search_fn",
                   .type = nn::ParamType::Choice,
                   .fallback = nn::None{},
                   .help = "How far a step goes: as lr says, or as a line search finds.",
                   .choices = {"strong_wolfe"},
                   .optional = true};
  spec.params = {
      lr_param(1.0),
      max_iter,
      max_eval,
      real_param("tolerance_grad", 1e-7, "Ends a step where the slope is as small as this."),
      real_param("tolerance_change", 1e-9, "Ends a step when nothing moves more than this."),
      history,
      search,
  };
  spec.needs_closure = true;
  spec.make = make_of<LBFGS>;
  return spec;
}

}  // namespace nw::optim
