#include "tests/simulator/libraries/cudnn_conv.h"

// Which algorithm takes which convolution: cuDNN's tables of the configurations of
// cudnnConvolutionForward, BackwardData and BackwardFilter.
namespace nw::simulated::dnn {
namespace {

/// How an algorithm works decides what it can do.
enum class Kind { Implicit, Precomputed, Explicit, Fft, FftTiles, Winograd, WinogradInParts, None };

struct Known {
  Kind kind;
  bool repeats;
  bool on_tensor_cores;
};

// In the order of cudnnConvolutionFwdAlgo_t, …BwdDataAlgo_t and …BwdFilterAlgo_t.
constexpr Known kForward[] = {
    {Kind::Implicit, true, false}, {Kind::Precomputed, true, true},
    {Kind::Explicit, true, false}, {Kind::None, true, false},
    {Kind::Fft, true, false},      {Kind::FftTiles, true, false},
    {Kind::Winograd, true, false}, {Kind::WinogradInParts, true, true},
};
constexpr Known kInput[] = {
    {Kind::Implicit, false, false}, {Kind::Precomputed, true, true},
    {Kind::Fft, true, false},       {Kind::FftTiles, true, false},
    {Kind::Winograd, true, false},  {Kind::WinogradInParts, true, true},
};
constexpr Known kWeight[] = {
    {Kind::Implicit, false, false}, {Kind::Precomputed, true, true},
    {Kind::Fft, true, false},       {Kind::Explicit, false, false},
    {Kind::None, true, false},      {Kind::WinogradInParts, true, true},
    {Kind::FftTiles, true, false},
};
static_assert(std::size(kForward) == CUDNN_CONVOLUTION_FWD_ALGO_COUNT);
static_assert(std::size(kInput) == CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT);
static_assert(std::size(kWeight) == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT);

const Known* table_of(Pass pass) {
  return pass == Pass::Forward ? kForward : pass == Pass::Input ? kInput : kWeight;
}

bool all_are(const int* values, int count, int wanted) {
  return std::all_of(values, values + count, [&](int value) { return value == wanted; });
}

/// Transforms: no steps between windows, padding smaller than the window.
bool takes_transform(const ConvProblem& p) {
  const int rank = p.conv.rank;
  bool fits = !p.innermost && all_are(p.conv.stride, rank, 1) && all_are(p.conv.dilation, rank, 1);
  for (int d = 0; d < rank; ++d) fits = fits && p.conv.padding[d] < p.weight.sizes[d + 2];
  return fits && p.x.is_packed(false) && p.y.is_packed(false);
}

bool has_window(const ConvProblem& p, int size) {
  return p.conv.rank == 2 && all_are(p.weight.sizes + 2, 2, size);
}

bool is_in(int value, int least, int most) {
  return value >= least && value <= most;
}

bool takes_fft(const ConvProblem& p, int most) {
  bool fits = takes_transform(p) && p.x.type != Number::BFloat16 && p.x.type != Number::Float64;
  for (int d = 0; d < p.conv.rank; ++d) {
    fits = fits && is_in(p.x.sizes[d + 2] + 2 * p.conv.padding[d], 1, most);
  }
  return fits;
}

bool takes(Kind kind, const ConvProblem& p) {
  const bool float_or_half = p.x.type == Number::Float32 || p.x.type == Number::Float16;
  switch (kind) {
    case Kind::Implicit:
    case Kind::Precomputed:
      return true;
    case Kind::Explicit:
      return !p.innermost && all_are(p.conv.dilation, p.conv.rank, 1);
    case Kind::Fft:
      return p.conv.rank == 2 && takes_fft(p, 256);
    case Kind::FftTiles:
      return takes_fft(p, 1 << 20) && is_in(p.weight.sizes[2], 1, 32) &&
             is_in(p.weight.sizes[3], 1, 32);
    case Kind::Winograd:
      return float_or_half && takes_transform(p) && has_window(p, 3);
    case Kind::WinogradInParts:
      return p.x.type != Number::Float64 && takes_transform(p) &&
             (has_window(p, 3) || has_window(p, 5));
    case Kind::None:
      return false;
  }
  return false;
}

size_t workspace_of(Kind kind, const ConvProblem& p) {
  const auto numbers = [](int64_t count) { return static_cast<size_t>(count) * 4 + 256; };
  const int64_t window = p.weight.numel() / p.weight.sizes[0];
  const int64_t images = p.y.numel() / p.y.sizes[1] / p.y.sizes[0];
  switch (kind) {
    case Kind::Precomputed:
      return numbers(images) / 16 * 16 + 16;
    case Kind::Explicit:
      return numbers(window * images);
    case Kind::Fft:
    case Kind::FftTiles:
      return numbers(4 * (p.x.numel() + p.y.numel() + p.weight.numel()));
    case Kind::WinogradInParts:
      return numbers(2 * (p.x.numel() + p.y.numel()));
    default:
      return 0;
  }
}

cudnnMathType_t math_of(const Known& known, const ConvProblem& p) {
  const cudnnMathType_t allowed = p.conv.math;
  if (!known.on_tensor_cores || allowed == CUDNN_FMA_MATH) return CUDNN_FMA_MATH;
  if (p.x.type == Number::Float64) return CUDNN_FMA_MATH;
  return allowed;
}

bool are_types_listed(const ConvProblem& p) {
  if (p.weight.type != p.x.type || p.y.type != p.x.type) return false;
  const bool wide = p.x.type == Number::Float64;
  if (p.conv.compute != (wide ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT)) return false;
  return !(wide && p.innermost);
}

bool is_layout_listed(const ConvProblem& p) {
  return p.x.is_packed(p.innermost) && p.y.is_packed(p.innermost);
}

}  // namespace

cudnnStatus_t status_of(const ConvProblem& p) {
  const int rank = p.conv.rank;
  const bool set = p.x.is_set() && p.y.is_set() && p.weight.is_set() && rank > 0;
  if (!set || p.x.rank != rank + 2 || p.y.rank != p.x.rank || p.weight.rank != p.x.rank) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  bool fits = p.x.sizes[0] == p.y.sizes[0] && p.weight.sizes[0] == p.y.sizes[1] &&
              p.weight.sizes[1] * p.conv.groups == p.x.sizes[1] &&
              p.weight.sizes[0] % p.conv.groups == 0;
  for (int d = 0; d < rank; ++d) {
    const int room = p.x.sizes[d + 2] + 2 * p.conv.padding[d] -
                     ((p.weight.sizes[d + 2] - 1) * p.conv.dilation[d] + 1);
    fits = fits && room >= 0 && room / p.conv.stride[d] + 1 == p.y.sizes[d + 2];
  }
  if (!fits) return CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
  if (!are_types_listed(p)) return CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE;
  return is_layout_listed(p) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED_LAYOUT;
}

int count_of_algorithms(Pass pass) {
  switch (pass) {
    case Pass::Forward:
      return CUDNN_CONVOLUTION_FWD_ALGO_COUNT;
    case Pass::Input:
      return CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT;
    default:
      return CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;
  }
}

ConvAlgorithm algorithm_of(Pass pass, int number, const ConvProblem& problem) {
  const Known& known = table_of(pass)[number];
  ConvAlgorithm algorithm{number};
  algorithm.repeats = known.repeats;
  algorithm.supported = takes(known.kind, problem);
  if (!algorithm.supported) return algorithm;
  algorithm.math = math_of(known, problem);
  algorithm.could_use = known.on_tensor_cores ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
  algorithm.workspace_bytes = workspace_of(known.kind, problem);
  if (problem.conv.groups > 1) {
    if (known.kind == Kind::Fft) algorithm.refusal = CUDNN_STATUS_NOT_SUPPORTED;
    if (known.kind == Kind::FftTiles) algorithm.refusal = CUDNN_STATUS_BAD_PARAM;
  }
  return algorithm;
}

}  // namespace nw::simulated::dnn
