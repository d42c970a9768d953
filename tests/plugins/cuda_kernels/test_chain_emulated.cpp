#include "core/backend/chain_kernels.h"
#include "core/ops/elements.h"
#include "tests/plugins/cuda_kernels/kernel_check.h"

using namespace nw;
using namespace nw::test;

namespace nw::cuda {

// cuBLASLt's, which are not there without the plugin.
void activated_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, ElementKind f,
                      const Tensor& y) {
  on_cpu().chain->linear(x, weight, bias, f, y);
}

}  // namespace nw::cuda

namespace {

ElementOp any_function(DType dtype) {
  switch (draw().integer(0, 3)) {
    case 0:
      return ops::elements::kRelu;
    case 1:
      return ops::elements::kTanh;
    case 2:
      return ops::elements::kSigmoid;
    default: {
      const auto kind = static_cast<ActivationKind>(
          draw().integer(0, static_cast<int>(ActivationKind::Threshold)));
      switch (kind) {
        case ActivationKind::Softshrink:
          return ops::elements::softshrink(0.4, dtype);
        case ActivationKind::Softplus:
          return ops::elements::softplus(1.5, 3);
        case ActivationKind::Hardtanh:
          return ops::elements::hardtanh(-0.5, 0.7);
        default:
          return ops::elements::of({kind, 0.3, 1.2, 0.8});
      }
    }
  }
}

/// Steps that take what is left of the inputs and of earlier results, each once, until one value
/// remains.
Chain any_chain(DType dtype) {
  Chain chain;
  chain.inputs = static_cast<size_t>(draw().integer(1, 4));
  std::vector<uint8_t> open;
  for (size_t i = 0; i < chain.inputs; ++i) open.push_back(static_cast<uint8_t>(i));
  const auto take = [&] {
    const auto at = static_cast<size_t>(draw().integer(0, static_cast<int64_t>(open.size()) - 1));
    const uint8_t value = open[at];
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
    return value;
  };
  const auto room = [&] { return Chain::kMostSteps - chain.steps.size(); };
  while (open.size() > 1 || (room() > 0 && (chain.steps.empty() || draw().chance(0.4)))) {
    ChainStep step;
    const bool joins = open.size() > 1 && (room() < open.size() || draw().chance(0.6));
    step.op = joins ? (draw().chance(0.5) ? ops::elements::kAdd : ops::elements::kMul)
                    : any_function(dtype);
    step.a = take();
    if (joins) step.b = take();
    open.push_back(static_cast<uint8_t>(chain.values()));
    chain.steps.push_back(step);
  }
  return chain;
}

/// One op by the device's own kernels, as it runs without a chain.
Tensor run_alone(const ElementOp& op, const Tensor& a, const Tensor& b) {
  const Tensor out = empty(a.sizes(), a.dtype());
  switch (op.kind) {
    case ElementKind::Add:
      cuda::binary(BinaryOp::Add, a, b, out);
      break;
    case ElementKind::Mul:
      cuda::binary(BinaryOp::Mul, a, b, out);
      break;
    case ElementKind::Relu:
      cuda::unary(UnaryOp::Relu, a, out);
      break;
    case ElementKind::Tanh:
      cuda::unary(UnaryOp::Tanh, a, out);
      break;
    case ElementKind::Sigmoid:
      cuda::unary(UnaryOp::Sigmoid, a, out);
      break;
    case ElementKind::Activation:
      cuda::kActivationKernels.forward(op.f, a, out);
  }
  return out;
}

std::vector<Tensor> values_alone(const Chain& chain, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values = inputs;
  for (const ChainStep& step : chain.steps) {
    values.push_back(
        run_alone(step.op, values[step.a], step.op.takes_two() ? values[step.b] : Tensor()));
  }
  return values;
}

std::vector<Tensor> grads_alone(const Chain& chain, const Tensor& grad,
                                const std::vector<Tensor>& values) {
  std::vector<Tensor> grads(chain.values());
  grads.back() = grad;
  for (size_t i = chain.steps.size(); i-- > 0;) {
    const ChainStep& step = chain.steps[i];
    const size_t result = chain.inputs + i;
    const Tensor& above = grads[result];
    const auto by = [&](BinaryOp op, const Tensor& other) {
      const Tensor out = empty(above.sizes(), above.dtype());
      cuda::binary(op, above, other, out);
      return out;
    };
    switch (step.op.kind) {
      case ElementKind::Add:
        grads[step.a] = grads[step.b] = above;
        break;
      case ElementKind::Mul:
        grads[step.a] = by(BinaryOp::Mul, values[step.b]);
        grads[step.b] = by(BinaryOp::Mul, values[step.a]);
        break;
      case ElementKind::Relu:
        grads[step.a] = by(BinaryOp::ReluGrad, values[result]);
        break;
      case ElementKind::Tanh:
        grads[step.a] = by(BinaryOp::TanhGrad, values[result]);
        break;
      case ElementKind::Sigmoid:
        grads[step.a] = by(BinaryOp::SigmoidGrad, values[result]);
        break;
      case ElementKind::Activation:
        grads[step.a] = empty(above.sizes(), above.dtype());
        cuda::kActivationKernels.backward(step.op.slope, above, values[step.a], grads[step.a]);
    }
  }
  return grads;
}

Tensor dense(const Tensor& x) {
  const Tensor out = empty(x.sizes(), x.dtype());
  raw::copy_(out, x);
  return out;
}

}  // namespace

/// Chains in one pass against the same ops one after the other, by the same device's kernels.
class TestChainEmulated : public QObject {
  Q_OBJECT

 private slots:
  void cleanup() {
    const cuda::FaultNote& note = cuda::emulated_note();
    QVERIFY2(note.kind == 0, cuda::fault_text(note).c_str());
  }

  void forward_and_backward() {
    int long_ones = 0;
    for (int round = 0; round < 600; ++round) {
      const DType dtype = any_floating();
      const Chain chain = any_chain(dtype);
      long_ones += chain.values() > 4;
      const Dims sizes = any_sizes();
      const Tensor order = result(sizes, dtype);
      const auto alike = [&] {
        const Tensor there = empty({order.numel()}, dtype).as_strided(sizes, order.strides(), 0);
        return there;
      };
      std::vector<Tensor> inputs;
      for (size_t i = 0; i < chain.inputs; ++i) {
        Tensor x = arranged(draw(), numbers_of(sizes, dtype, true));
        if (draw().chance(0.5)) {
          x = alike();
          raw::copy_(x, numbers_of(sizes, dtype, true));
        } else if (draw().chance(0.3)) {
          x = raw::expand(numbers_of({}, dtype), sizes);
        }
        inputs.push_back(x);
      }
      std::vector<Tensor> plain;
      for (const Tensor& x : inputs) plain.push_back(dense(x));
      const std::vector<Tensor> expected = values_alone(chain, plain);
      std::vector<Tensor> made(chain.steps.size());
      for (Tensor& value : made) value = draw().chance(0.3) ? alike() : Tensor();
      made.back() = alike();
      cuda::kChainKernels.forward(chain, inputs, made);
      for (size_t i = 0; i < made.size(); ++i) {
        if (made[i].defined()) QVERIFY(equal_bits(made[i], expected[chain.inputs + i], "value"));
      }

      const Tensor grad = arranged(draw(), numbers_of(sizes, dtype, true));
      const std::vector<Tensor> slopes = grads_alone(chain, dense(grad), expected);
      std::vector<Tensor> known = inputs;
      known.resize(chain.values());
      for (size_t i = 0; i < made.size(); ++i) known[chain.inputs + i] = made[i];
      std::vector<Tensor> wanted(chain.values());
      for (size_t i = 0; i + 1 < wanted.size(); ++i) {
        if (draw().chance(0.5)) wanted[i] = alike();
      }
      if (!wanted[0].defined()) wanted[0] = alike();
      cuda::kChainKernels.backward(chain, grad, known, wanted);
      for (size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i].defined()) QVERIFY(equal_bits(wanted[i], slopes[i], "gradient"));
      }
    }
    QVERIFY(long_ones > 100);
  }
};

QTEST_GUILESS_MAIN(TestChainEmulated)
#include "test_chain_emulated.moc"
