#include <QtTest>
#include <cmath>
#include <cstdio>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/base/warning.h"
#include "core/nn/block.h"
#include "core/ops/autocast.h"
#include "core/ops/promotion.h"
#include "core/tensor/half.h"
#include "tests/support/block_case.h"
#include "tests/support/fake_device.h"
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

/// What dtypes come out on a GPU, of tensors that have none of its numbers.
constexpr const char* kOnGpu = R"(
from torch._subclasses.fake_tensor import FakeTensorMode, FakeTensor
def mapped(value, change):
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(item, change) for item in value)
    return change(value) if isinstance(value, torch.Tensor) else value
def flat(y):
    if isinstance(y, torch.Tensor):
        return [y]
    return [] if y is None else [tensor for part in y for tensor in flat(part)]
def run_block(make, _, seed, training, forwards, inputs, keywords, *rest, **others):
    module = make().train(training)
    mode = FakeTensorMode(allow_fallback_kernels=False)
    fakes = {}
    def fake(x):
        if id(x) not in fakes:
            fakes[id(x)] = (x, FakeTensor(mode, x.detach().to("meta"), torch.device("cuda:0")))
        return fakes[id(x)][1]
    def fed(x):
        return fake(x.to(torch.float16) if NARROW and x.is_floating_point() else x)
    for part in module.modules():
        for store in (part._parameters, part._buffers):
            for name, value in store.items():
                if value is not None:
                    store[name] = fake(value)
    inputs, keywords = mapped(inputs, fed), {k: mapped(v, fed) for k, v in keywords.items()}
    torch.set_autocast_enabled(True)
    torch.set_autocast_gpu_dtype(torch.float16)
    try:
        with mode:
            outputs = module(*inputs, **keywords)
    finally:
        torch.set_autocast_enabled(False)
        torch.clear_autocast_cache()
    return {"dtypes": " ".join(str(y.dtype).split(".")[1] for y in flat(outputs))}
)";

struct Ours {
  std::string error;
  std::shared_ptr<nn::Module> module;
  std::vector<Tensor> outputs;
};

Ours run_ours(const BlockCase& drawn, Fed fed, Device device, bool enabled = true) {
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
    const Autocast cast(device.type, {}, enabled);
    for (int i = 0; i < drawn.forwards; ++i) {
      ours.outputs.clear();
      for (const Tensor& y : ours.module->call(inputs)) {
        if (y.defined()) ours.outputs.push_back(y);
      }
    }
  } catch (const InternalError& error) {
    ours.error = "our own fault: " + error.text();
  } catch (const Error& error) {
    ours.error = error.text();
  }
  return ours;
}

/// In place a leaf would be edited, which is another matter.
bool works_in_place(const BlockCase& drawn) {
  const nn::Value* inplace = drawn.args.find("inplace");
  return inplace != nullptr && *inplace == nn::Value(true);
}

/// How far apart tensors are, as a share of the second ones' length.
class Distance {
 public:
  void add(const Tensor& ours, const Tensor& theirs) {
    const Tensor a = raw::contiguous(raw::to(ours, DType::Float64));
    const Tensor b = raw::contiguous(raw::to(theirs, DType::Float64));
    for (int64_t i = 0; i < a.numel(); ++i) add(a.data<double>()[i], b.data<double>()[i]);
  }
  double share() const {
    const double least = 0.05 * std::sqrt(static_cast<double>(std::max<int64_t>(count_, 1)));
    return std::sqrt(apart_) / std::max(std::sqrt(length_), least);
  }

 private:
  void add(double x, double y) {
    ++count_;
    if (std::isfinite(y)) length_ += y * y;
    if (x == y || (std::isnan(x) && std::isnan(y))) return;
    apart_ += std::isfinite(x) && std::isfinite(y) ? (x - y) * (x - y) : INFINITY;
  }

  double apart_ = 0;
  double length_ = 0;
  int64_t count_ = 0;
};

/// Where two differ in dtype or sizes; empty: nowhere.
std::string of_another_kind(const std::string& what, const Tensor& ours, const Tensor& theirs) {
  if (!ours.defined()) return what + " is missing";
  if (ours.dtype() == theirs.dtype() && ours.sizes() == theirs.sizes()) return {};
  return what + ": ours " + describe(ours) + ", torch " + describe(theirs);
}

/// Dividing by a small deviation, once or layer by layer, makes much of one rounding.
double tolerance_of(const nn::Block& block) {
  for (const char* part : {"Norm", "Transformer", "RNN", "LSTM", "GRU"}) {
    if (block.id.find(part) != std::string::npos) return 0.5;
  }
  return 0.08;
}

/// Sums of rounded numbers in another order are some steps of bfloat16 apart. Places, which ties
/// decide, are not compared.
std::string differing(const std::string& what, const Tensor& ours, const Tensor& theirs,
                      double tolerance) {
  if (const std::string text = of_another_kind(what, ours, theirs); !text.empty()) return text;
  Distance distance;
  if (is_floating(ours.dtype())) distance.add(ours, theirs);
  if (distance.share() <= tolerance) return {};
  return concat(what, ": apart by ", distance.share(), " of its length");
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

Oracle::Reply ask_on_gpu(Oracle& oracle, const BlockCase& drawn, Fed fed) {
  Oracle::Inputs inputs;
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    if (drawn.inputs[i].defined()) inputs.emplace_back("x" + std::to_string(i), drawn.inputs[i]);
  }
  const std::string narrow = concat("NARROW = ", fed == Fed::Narrow ? "True" : "False", "\n");
  return oracle.run(narrow + kOnGpu + python_of(drawn, {}), inputs, {});
}

std::string dtypes_of(const std::vector<Tensor>& tensors) {
  std::string text;
  for (const Tensor& tensor : tensors) {
    text += (text.empty() ? "" : " ") + std::string(name(tensor.dtype()));
  }
  return text;
}

}  // namespace

/// Every block under torch.autocast, the numbers and their dtypes, forward and backward; on a GPU,
/// which here only pretends to be one on both sides, the dtypes.
class TestAutocastOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    set_warning_handler([](const std::string&) {});  // of kernels that the stand-in has not
    fake_gpus();
  }

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
      if (!drawn.regular || works_in_place(drawn)) continue;
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

  void gpu_data() { add_blocks(); }
  void gpu() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    const Device device = device_from_string("cuda:0");
    Draw draw(test_seed() + std::hash<std::string>()(block.id));
    for (int i = 0; i < kLeastCases; ++i) {
      const BlockCase drawn = draw_case(draw, block, DType::Float32);
      if (!drawn.regular || works_in_place(drawn)) continue;
      const Fed fed = draw.chance(0.5) ? Fed::Wide : Fed::Narrow;
      const Oracle::Reply torch = ask_on_gpu(oracle_, drawn, fed);
      const Ours ours = run_ours(drawn, fed, device);
      const std::string text = drawn.text() + (fed == Fed::Narrow ? " fed with float16" : "");
      if (!torch.ok()) {  // functions that want a real GPU, and what it refuses
        const bool refused = torch.error.find("unsafe to autocast") != std::string::npos;
        QVERIFY2(!refused || !ours.error.empty(), text.c_str());
        continue;
      }
      if (!ours.error.empty()) {  // sizes that PyTorch looks at on a real GPU only
        const Ours plain = run_ours(drawn, fed, device, false);
        QVERIFY2(!plain.error.empty(), (text + "\n  " + ours.error).c_str());
        continue;
      }
      QCOMPARE(dtypes_of(ours.outputs), torch.texts.at("dtypes"));
      ++compared_on_gpu_;
    }
  }
  void most_could_be_compared_on_a_gpu() {
    std::printf("%d cases have the dtypes of PyTorch on a GPU\n", compared_on_gpu_);
    QVERIFY(compared_on_gpu_ > 250);
  }

 private:
  static void add_blocks() {
    QTest::addColumn<QString>("id");
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.torch_name.empty() || block.make == nullptr) continue;
      // PyTorch 1.13 takes other pixels in bfloat16 than in float32.
      if (block.id == "UpsamplingNearest2d" || block.id == "Upsample") continue;
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
      const std::string problem =
          differing(name, ours.outputs[i], torch[name], tolerance_of(*drawn.block));
      if (!problem.empty()) return problem;
    }
    ++compared;
    // PyTorch 1.13's gradient of its weight in bfloat16 is made of memory that nobody wrote.
    if (drawn.block->id.ends_with("Conv3d")) return {};
    if (torch.texts.count("backward") == 0 || !torch.texts.at("backward").empty()) return {};
    for (size_t i = 0; i < ours.outputs.size(); ++i) {
      if (ours.outputs[i].requires_grad()) autograd::backward(ours.outputs[i], grads[i], true);
    }
    return compare_gradients(ours, torch);
  }

  /// All together: small ones of deep nets are mostly rounding.
  static std::string compare_gradients(const Ours& ours, const Oracle::Reply& torch) {
    std::vector<Tensor> params = ours.module->parameters();
    std::erase_if(params, [](const Tensor& param) { return !param.defined(); });
    Distance all;
    for (const auto& [name, theirs] : torch.tensors) {
      if (!name.starts_with("gp")) continue;
      const size_t place = std::stoul(name.substr(2));
      if (place >= params.size()) return "ours has no parameter for " + name;
      const Tensor& grad = params[place].grad();
      if (const std::string text = of_another_kind(name, grad, theirs); !text.empty()) return text;
      all.add(grad, theirs);
    }
    if (all.share() <= 0.5) return {};
    return concat("gradients: apart by ", all.share(), " of their length");
  }

  Oracle oracle_;
  int compared_on_gpu_ = 0;
};

QTEST_GUILESS_MAIN(TestAutocastOracle)
#include "test_autocast_oracle.moc"
