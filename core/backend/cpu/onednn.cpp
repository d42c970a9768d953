#include "core/backend/cpu/onednn.h"

#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

/// Multiply-adds from which oneDNN's matrix product beats our own.
constexpr double kGemmFrom = 1e9;
/// Multiply-adds of a convolution that a thread should get at least.
constexpr int64_t kConvGrain = int64_t{1} << 18;

struct Context {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

/// oneDNN's engine and stream of this thread. It computes on this thread alone: we divide the work.
Context& context() {
  static thread_local Context own;
  if (omp_get_max_threads() != 1) omp_set_num_threads(1);
  return own;
}

[[noreturn]] void rethrow(const dnnl::error& failure) {
  if (failure.status == dnnl_out_of_memory) throw Error("[memory] not enough for a convolution");
  throw InternalError(concat("[oneDNN] ", failure.what()));
}

/// One operand of a primitive: how we lay it out, how the primitive wants it.
struct Operand {
  int index;  // DNNL_ARG_…
  memory ours;
  memory theirs;
  dnnl::reorder convert;  // empty when both are laid out alike
  bool is_output = false;
};

/// A primitive that is ready to run on plain tensors.
class Plan {
 public:
  void set_primitive(const dnnl::primitive& primitive, const memory::desc& scratchpad) {
    primitive_ = primitive;
    scratchpad_ = memory(scratchpad, context().engine, nullptr);
  }

  void add(int index, const memory::desc& ours, const memory::desc& theirs, bool is_output) {
    const dnnl::engine& engine = context().engine;
    Operand operand{
        index, memory(ours, engine, nullptr), memory(theirs, engine, nullptr), {}, is_output};
    if (ours != theirs) {
      operand.convert = is_output ? dnnl::reorder(operand.theirs, operand.ours)
                                  : dnnl::reorder(operand.ours, operand.theirs);
      converted_bytes_ += padded(theirs.get_size());
    }
    operands_.push_back(std::move(operand));
  }

  /// `data`: one pointer for each operand, in the order of add().
  void run(std::initializer_list<const void*> data) {
    Context& own = context();
    const auto bytes = converted_bytes_ + scratchpad_.get_desc().get_size();
    const Scratch<char> scratch(static_cast<int64_t>(bytes));
    char* next = scratch.data();
    dnnl_exec_arg_t arguments[kMostArguments];
    int count = 0;
    auto from = data.begin();
    for (Operand& operand : operands_) {
      void* pointer = const_cast<void*>(*from++);
      operand.ours.set_data_handle(pointer);
      if (operand.convert) {
        operand.theirs.set_data_handle(next);
        next += padded(operand.theirs.get_desc().get_size());
        if (!operand.is_output) operand.convert.execute(own.stream, operand.ours, operand.theirs);
      } else {
        operand.theirs.set_data_handle(pointer);
      }
      arguments[count++] = {operand.index, operand.theirs.get()};
    }
    scratchpad_.set_data_handle(next);
    arguments[count++] = {DNNL_ARG_SCRATCHPAD, scratchpad_.get()};
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(primitive_.get(), own.stream.get(), count, arguments),
        "could not run a primitive");
    for (Operand& operand : operands_) {
      if (operand.convert && operand.is_output) {
        operand.convert.execute(own.stream, operand.theirs, operand.ours);
      }
    }
  }

 private:
  static constexpr size_t kMostArguments = 8;
  static size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

  dnnl::primitive primitive_;
  memory scratchpad_;
  std::vector<Operand> operands_;
  size_t converted_bytes_ = 0;
};

enum class Pass : uint8_t { Forward, GradInput, GradWeight };

struct ConvKey {
  ConvGeometry geometry;
  Pass pass;
  bool bias;

  friend bool operator==(const ConvKey&, const ConvKey&) = default;
};

struct ConvKeyHash {
  size_t operator()(const ConvKey& key) const {
    size_t hash =
        static_cast<size_t>(key.pass) * 4 + (key.bias ? 1 : 0) + (key.geometry.innermost ? 2 : 0);
    const auto mix = [&](int64_t value) {
      hash = (hash ^ static_cast<size_t>(value)) * size_t{0x9e3779b97f4a7c15};
      hash ^= hash >> 29;
    };
    const ConvGeometry& g = key.geometry;
    for (int64_t value : {g.batch, g.in_channels, g.out_channels, g.groups}) mix(value);
    for (const Spatial& axes : {g.window.in, g.window.out, g.window.kernel, g.window.stride,
                                g.window.padding, g.window.dilation}) {
      for (int64_t value : axes) mix(value);
    }
    return hash;
  }
};

/// Sizes of a convolution as oneDNN takes them. Two-dimensional unless there is depth, which its
/// faster kernels are written for.
struct ConvShape {
  memory::dims x, weight, bias, y, stride, dilation, pad_before, pad_after;
  Tag layout, plain_weight;

  explicit ConvShape(const ConvGeometry& g) {
    const WindowGeometry& w = g.window;
    const bool deep = w.in[0] != 1 || w.kernel[0] != 1 || w.padding[0] != 0;
    x = {g.batch, g.in_channels};
    y = {g.batch, g.out_channels};
    bias = {g.out_channels};
    weight = {g.out_channels / g.groups, g.in_channels / g.groups};
    if (g.groups > 1) weight.insert(weight.begin(), g.groups);
    for (size_t i = deep ? 0 : 1; i < 3; ++i) {
      x.push_back(w.in[i]);
      y.push_back(w.out[i]);
      weight.push_back(w.kernel[i]);
      stride.push_back(w.stride[i]);
      dilation.push_back(w.dilation[i] - 1);
      pad_before.push_back(w.padding[i]);
      const int64_t span = (w.kernel[i] - 1) * w.dilation[i] + 1;
      pad_after.push_back((w.out[i] - 1) * w.stride[i] + span - w.in[i] - w.padding[i]);
    }
    layout = g.innermost ? (deep ? Tag::ndhwc : Tag::nhwc) : (deep ? Tag::ncdhw : Tag::nchw);
    plain_weight =
        g.groups > 1 ? (deep ? Tag::goidhw : Tag::goihw) : (deep ? Tag::oidhw : Tag::oihw);
  }
};

memory::desc floats(const memory::dims& sizes, Tag tag) {
  return memory::desc(sizes, memory::data_type::f32, tag);
}

/// Lets oneDNN choose the layouts, and converts ours to them; but with the channels innermost x and
/// y are as fast as in any layout, and stay.
class ConvPlanner {
 public:
  explicit ConvPlanner(const ConvKey& key) : key_(key), shape_(key.geometry) {
    attributes_.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  }

  Plan make() const {
    Plan plan;
    const memory::desc x = floats(shape_.x, shape_.layout);
    const memory::desc y = floats(shape_.y, shape_.layout);
    const memory::desc weight = floats(shape_.weight, shape_.plain_weight);
    const memory::desc bias = floats(shape_.bias, Tag::x);
    if (key_.pass == Pass::Forward) {
      const auto chosen = forward();
      plan.set_primitive(dnnl::convolution_forward(chosen), chosen.scratchpad_desc());
      plan.add(DNNL_ARG_SRC, x, chosen.src_desc(), false);
      plan.add(DNNL_ARG_WEIGHTS, weight, chosen.weights_desc(), false);
      if (key_.bias) plan.add(DNNL_ARG_BIAS, bias, chosen.bias_desc(), false);
      plan.add(DNNL_ARG_DST, y, chosen.dst_desc(), true);
    } else if (key_.pass == Pass::GradInput) {
      const dnnl::convolution_backward_data::desc wanted(
          dnnl::algorithm::convolution_direct, data(shape_.x), any(shape_.weight), data(shape_.y),
          shape_.stride, shape_.dilation, shape_.pad_before, shape_.pad_after);
      const dnnl::convolution_backward_data::primitive_desc chosen(wanted, attributes_,
                                                                   context().engine, forward());
      plan.set_primitive(dnnl::convolution_backward_data(chosen), chosen.scratchpad_desc());
      plan.add(DNNL_ARG_DIFF_DST, y, chosen.diff_dst_desc(), false);
      plan.add(DNNL_ARG_WEIGHTS, weight, chosen.weights_desc(), false);
      plan.add(DNNL_ARG_DIFF_SRC, x, chosen.diff_src_desc(), true);
    } else {
      const auto chosen = grad_weight();
      plan.set_primitive(dnnl::convolution_backward_weights(chosen), chosen.scratchpad_desc());
      plan.add(DNNL_ARG_DIFF_DST, y, chosen.diff_dst_desc(), false);
      plan.add(DNNL_ARG_SRC, x, chosen.src_desc(), false);
      plan.add(DNNL_ARG_DIFF_WEIGHTS, weight, chosen.diff_weights_desc(), true);
      if (key_.bias) plan.add(DNNL_ARG_DIFF_BIAS, bias, chosen.diff_bias_desc(), true);
    }
    return plan;
  }

 private:
  static memory::desc any(const memory::dims& sizes) { return floats(sizes, Tag::any); }
  memory::desc data(const memory::dims& sizes) const {
    return floats(sizes, key_.geometry.innermost ? shape_.layout : Tag::any);
  }

  dnnl::convolution_forward::primitive_desc forward() const {
    using Desc = dnnl::convolution_forward::desc;
    constexpr auto kTraining = dnnl::prop_kind::forward_training;
    constexpr auto kDirect = dnnl::algorithm::convolution_direct;
    const Desc wanted =
        key_.bias && key_.pass == Pass::Forward
            ? Desc(kTraining, kDirect, data(shape_.x), any(shape_.weight), any(shape_.bias),
                   data(shape_.y), shape_.stride, shape_.dilation, shape_.pad_before,
                   shape_.pad_after)
            : Desc(kTraining, kDirect, data(shape_.x), any(shape_.weight), data(shape_.y),
                   shape_.stride, shape_.dilation, shape_.pad_before, shape_.pad_after);
    return {wanted, attributes_, context().engine};
  }

  dnnl::convolution_backward_weights::primitive_desc grad_weight() const {
    using Desc = dnnl::convolution_backward_weights::desc;
    constexpr auto kDirect = dnnl::algorithm::convolution_direct;
    const Desc wanted =
        key_.bias
            ? Desc(kDirect, data(shape_.x), any(shape_.weight), any(shape_.bias), data(shape_.y),
                   shape_.stride, shape_.dilation, shape_.pad_before, shape_.pad_after)
            : Desc(kDirect, data(shape_.x), any(shape_.weight), data(shape_.y), shape_.stride,
                   shape_.dilation, shape_.pad_before, shape_.pad_after);
    return {wanted, attributes_, context().engine, forward()};
  }

  const ConvKey& key_;
  ConvShape shape_;
  dnnl::primitive_attr attributes_;
};

/// The plan for a geometry; made on first use.
Plan& plan_for(const ConvKey& key) {
  constexpr size_t kMostPlans = 512;
  static thread_local std::unordered_map<ConvKey, Plan, ConvKeyHash> plans;
  const auto found = plans.find(key);
  if (found != plans.end()) return found->second;
  if (plans.size() >= kMostPlans) plans.clear();
  return plans.emplace(key, ConvPlanner(key).make()).first->second;
}

void run(const ConvKey& key, std::initializer_list<const void*> data) {
  try {
    plan_for(key).run(data);
  } catch (const dnnl::error& failure) {
    rethrow(failure);
  }
}

/// Into how many parts a batch is divided among the threads.
int64_t batch_pieces(const ConvGeometry& geometry) {
  const int64_t work = geometry.out_numel() * geometry.weight_numel() / geometry.out_channels;
  const int64_t grain = std::max<int64_t>(kConvGrain / std::max<int64_t>(work, 1), 1);
  return std::clamp<int64_t>(geometry.batch / grain, 1, num_threads());
}

/// Calls body(geometry of the part, its first sample, its number) for each part of the batch.
template <typename Body>
void for_batches(const ConvGeometry& geometry, const Body& body) {
  const int64_t pieces = batch_pieces(geometry);
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ConvGeometry part = geometry;
      const int64_t first = geometry.batch * i / pieces;
      part.batch = geometry.batch * (i + 1) / pieces - first;
      body(part, first, i);
    }
  });
}

char transposed(int64_t column_stride) {
  return column_stride == 1 ? 'N' : 'T';
}

}  // namespace

bool onednn_gemm(const Gemm<float>& gemm) {
  const double terms =
      static_cast<double>(gemm.m) * static_cast<double>(gemm.n) * static_cast<double>(gemm.k);
  if (terms < kGemmFrom) return false;
  context();
  float beta = 0;
  if (gemm.bias != nullptr) {
    beta = 1;
    for (int64_t i = 0; i < gemm.m; ++i) {
      std::copy(gemm.bias, gemm.bias + gemm.n, gemm.c + i * gemm.c_row);
    }
  }
  const char a_kind = transposed(gemm.a_col);
  const char b_kind = transposed(gemm.b_col);
  const int64_t a_lead = a_kind == 'N' ? gemm.a_row : gemm.a_col;
  const int64_t b_lead = b_kind == 'N' ? gemm.b_row : gemm.b_col;
  return dnnl_sgemm(a_kind, b_kind, gemm.m, gemm.n, gemm.k, 1, gemm.a, a_lead, gemm.b, b_lead, beta,
                    gemm.c, gemm.c_row) == dnnl_success;
}

bool onednn_can_grad_weight(const ConvGeometry& geometry) {
  const WindowGeometry& w = geometry.window;
  return w.stride[0] == 1 || w.padding[0] <= w.stride[0];
}

void onednn_conv(const ConvGeometry& geometry, const float* x, const float* weight,
                 const float* bias, float* y) {
  for_batches(geometry, [&](const ConvGeometry& part, int64_t first, int64_t) {
    const float* from = x + first * geometry.in_numel();
    float* to = y + first * geometry.out_numel();
    const ConvKey key{part, Pass::Forward, bias != nullptr};
    if (bias != nullptr) {
      run(key, {from, weight, bias, to});
    } else {
      run(key, {from, weight, to});
    }
  });
}

void onednn_conv_grad_input(const ConvGeometry& geometry, const float* grad, const float* weight,
                            float* grad_x) {
  for_batches(geometry, [&](const ConvGeometry& part, int64_t first, int64_t) {
    run({part, Pass::GradInput, false},
        {grad + first * geometry.out_numel(), weight, grad_x + first * geometry.in_numel()});
  });
}

void onednn_conv_grad_weight(const ConvGeometry& geometry, const float* grad, const float* x,
                             float* grad_weight, float* grad_bias) {
  // Each piece adds up its own samples; the first one right into the result.
  const int64_t weights = geometry.weight_numel();
  const int64_t all = weights + (grad_bias != nullptr ? geometry.out_channels : 0);
  const int64_t parts = batch_pieces(geometry);
  const Scratch<float> partial((parts - 1) * all);
  for_batches(geometry, [&](const ConvGeometry& part, int64_t first, int64_t piece) {
    float* to = piece == 0 ? grad_weight : partial.data() + (piece - 1) * all;
    float* to_bias = piece == 0 ? grad_bias : to + weights;
    const float* from = grad + first * geometry.out_numel();
    const float* input = x + first * geometry.in_numel();
    const ConvKey key{part, Pass::GradWeight, grad_bias != nullptr};
    if (grad_bias != nullptr) {
      run(key, {from, input, to, to_bias});
    } else {
      run(key, {from, input, to});
    }
  });
  for (int64_t i = 0; i + 1 < parts; ++i) {
    const float* more = partial.data() + i * all;
    fast<float>().axpy(more, 1, 1.0, grad_weight, weights);
    if (grad_bias != nullptr) {
      fast<float>().axpy(more + weights, 1, 1.0, grad_bias, geometry.out_channels);
    }
  }
}

}  // namespace nw::cpu
