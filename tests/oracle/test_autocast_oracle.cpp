#include <QtTest>
#include <cmath>
#include <cstdio>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/block.h"
#include "core/ops/autocast.h"
#include "core/ops/promotion.h"
#include "core/tensor/half.h"
#include "tests/support/block_case.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 40;
constexpr int kLeastCases = 6;
constexpr int kPatienceMs = 8'000;

/// What goes into the module: float32 as from a loader, or 16 bits as from the layer before.
enum class Fed : uint8_t { Wide, Narrow };

/// Wraps a module so that its forward alone runs under autocast, and feeds it as asked.
constexpr const char* kMixed = R"(
def mixed(module, device, dtype, narrow):
    plain = module.forward
    def lower(x):
        if isinstance(x, (tuple, list)):
            return type(x)(lower(item) for item in x)
        return x.to(dtype) if isinstance(x, torch.Tensor) and x.is_floating_point() else x
    def forward(*inputs, **keywords):
        if narrow:
            inputs = [lower(x) for x in inputs]
            keywords = {name: lower(x) for name, x in keywords.items()}
        with torch.autocast(device, dtype=dtype):
            return plain(*inputs, **keywords)
    module.forward = forward
    return module
)";

struct Ours {
  std::string error;
  std::shared_ptr<nn::Module> module;
  std::vector<Tensor> outputs;
};

Ours run_ours(const BlockCase& drawn, Fed fed, Device device) {
  Ours ours;
  try {
    manual_seed(drawn.seed);
    ours.module = drawn.block->make(drawn.block->complete(drawn.args));
    ours.module->train(drawn.training);
    if (device != kCpu) ours.module->to(device);
    Tensors inputs;
    for (const Tensor& x : drawn.inputs) {
      Tensor given = x.defined() && device != kCpu ? raw::to(x, device) : x;
      if (fed == Fed::Narrow && given.defined() && is_floating(given.dtype())) {
        given = ops::to(given, autocast_dtype(device.type));
      }
      inputs.push_back(given);
    }
    const Autocast cast(device.type);
    for (const Tensor& y : ours.module->call(inputs)) {
      if (y.defined()) ours.outputs.push_back(y);
    }
  } catch (const InternalError& error) {
    ours.error = "our own fault: " + error.text();
  } catch (const Error& error) {
    ours.error = error.text();
  }
  return ours;
}

/// How far apart two tensors are, as a share of the second one's length.
double distance(const Tensor& ours, const Tensor& theirs) {
  const Tensor a = raw::contiguous(raw::to(ours, DType::Float64));
  const Tensor b = raw::contiguous(raw::to(theirs, DType::Float64));
  double apart = 0;
  double length = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    const double x = a.data<double>()[i];
    const double y = b.data<double>()[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
    apart += (x - y) * (x - y);
  }
  for (int64_t i = 0; i < b.numel(); ++i) {
    const double y = b.data<double>()[i];
    if (std::isfinite(y)) length += y * y;
  }
  const double least = 1e-2 * std::sqrt(static_cast<double>(std::max<int64_t>(b.numel(), 1)));
  return std::sqrt(apart) / std::max(std::sqrt(length), least);
}

std::string differing(const std::string& what, const Tensor& ours, const Tensor& theirs) {
  if (!ours.defined()) return what + " is missing";
  if (ours.dtype() != theirs.dtype() || ours.sizes() != theirs.sizes()) {
    return what + ": ours " + describe(ours) + ", torch " + describe(theirs);
  }
  // Sums of rounded numbers in another order: some steps of bfloat16.
  const double apart = distance(ours, theirs);
  if (apart <= 0.03) return {};
  return concat(what, ": apart by ", apart, " of its length");
}

Oracle::Reply ask(Oracle& oracle, const BlockCase& drawn, Fed fed, const char* device,
                  const std::vector<Tensor>& grads) {
  Oracle::Inputs inputs;
  std::vector<std::string> names;
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    if (drawn.inputs[i].defined()) inputs.emplace_back("x" + std::to_string(i), drawn.inputs[i]);
  }
  for (size_t i = 0; i < grads.size(); ++i) {
    names.push_back("g" + std::to_string(i));
    inputs.emplace_back(names.back(), grads[i]);
  }
  std::string code = python_of(drawn, names);
  const std::string made = "run_block(lambda: ";
  const size_t at = code.find(made) + made.size();
  const size_t end = code.find(", torch.float32, " + std::to_string(drawn.seed), at);
  const std::string rest =
      concat(", '", device, "', torch.bfloat16, ", fed == Fed::Narrow ? "True" : "False", ")");
  code = code.substr(0, at) + "mixed(" + code.substr(at, end - at) + rest + code.substr(end);
  return oracle.run(kMixed + code, inputs, {});
}

}  // namespace

/// Every block under torch.autocast, the numbers and their dtypes, forward and backward.
class TestAutocastOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str()); }

  void cpu_data() { add_blocks(); }
  void cpu() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test_seed() + std::hash<std::string>()(block.id));
    int compared = 0;
    int refused = 0;
    QElapsedTimer clock;
    clock.start();
    for (int i = 0; i < kCases && (i < kLeastCases || clock.elapsed() < kPatienceMs); ++i) {
      const BlockCase drawn = draw_case(draw, block, DType::Float32);
      if (!drawn.regular) continue;
      const Fed fed = draw.chance(0.5) ? Fed::Wide : Fed::Narrow;
      const std::string problem = compare(draw, drawn, fed, compared, refused);
      QVERIFY2(problem.empty(),
               (drawn.text() + (fed == Fed::Narrow ? " fed with bfloat16" : "") + "\n  " + problem)
                   .c_str());
    }
    std::printf("%-24s %3d equal PyTorch's under autocast, %3d refused by it\n", block.id.c_str(),
                compared, refused);
    std::fflush(stdout);
    QVERIFY2(compared > 0, "nothing was compared");
  }

 private:
  static void add_blocks() {
    QTest::addColumn<QString>("id");
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.torch_name.empty() || block.make == nullptr) continue;
      QTest::newRow(block.id.c_str()) << QString::fromStdString(block.id);
    }
  }

  std::string compare(Draw& draw, const BlockCase& drawn, Fed fed, int& compared, int& refused) {
    const Ours ours = run_ours(drawn, fed, kCpu);
    std::vector<Tensor> grads;
    for (const Tensor& y : ours.outputs) {
      grads.push_back(y.requires_grad() ? draw.numbers(y.sizes(), y.dtype()) : y.detach());
    }
    const Oracle::Reply torch = ask(oracle_, drawn, fed, "cpu", grads);
    if (!torch.ok()) {  // PyTorch 1.13 lacks code for many functions of 16 bits
      ++refused;
      return {};
    }
    if (!ours.error.empty()) return "torch accepts, ours: " + ours.error;
    for (size_t i = 0; i < ours.outputs.size(); ++i) {
      const std::string name = "y" + std::to_string(i);
      const std::string problem = differing(name, ours.outputs[i], torch[name]);
      if (!problem.empty()) return problem;
    }
    ++compared;
    if (torch.texts.count("backward") == 0 || !torch.texts.at("backward").empty()) return {};
    for (size_t i = 0; i < ours.outputs.size(); ++i) {
      if (ours.outputs[i].requires_grad()) autograd::backward(ours.outputs[i], grads[i], true);
    }
    const std::vector<Tensor> params = ours.module->parameters();
    for (const auto& [name, theirs] : torch.tensors) {
      if (!name.starts_with("gp")) continue;
      const std::string problem =
          differing("gradient " + name, params[std::stoul(name.substr(2))].grad(), theirs);
      if (!problem.empty()) return problem;
    }
    return {};
  }

  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestAutocastOracle)
#include "test_autocast_oracle.moc"
