#include "plugins/cuda/recurrent_cudnn_shape.h"

#include <algorithm>
#include <limits>

namespace nw::cuda {
namespace {

/// cuDNN computes recurrent layers in bfloat16 from here on.
constexpr size_t kVersionWithBFloat16 = 91300;
constexpr int kProjection = 8;  // the id of an Lstm's projection

bool has_gates(const RecurrentShape& shape) {
  return shape.cell == RecurrentCell::Lstm || shape.cell == RecurrentCell::Gru;
}

bool is_small(const RecurrentShape& shape) {
  const bool learns = shape.pass != RecurrentPass::Inference;
  const int most = has_gates(shape) ? (learns ? 128 : 192) : (learns ? 256 : 384);
  return shape.hidden <= most;
}

bool is_worth_holding(const RecurrentShape& shape, const RecurrentHardware& gpu) {
  const bool fits = shape.layers == 1 && !shape.bidirectional && shape.hidden <= 1024 &&
                    shape.hidden % 128 == 0 && shape.features % 128 == 0;
  if (!fits || shape.dtype != DType::Float16) return false;
  const int batch = shape.batch;
  if (gpu.major == 7 && gpu.minor != 5) {
    const bool even = batch == 8 || (batch % 16 == 0 && batch != 80 && batch != 112);
    const int least_steps = batch <= 32 ? 10 : batch <= 96 ? 20 : 40;
    return even && batch <= 128 && shape.steps >= least_steps;
  }
  const bool large = gpu.major >= 8 && gpu.processors >= 98 && !(gpu.major == 8 && gpu.minor == 6);
  if (!large || shape.cell == RecurrentCell::Gru || batch % 8 != 0 || batch > 128) return false;
  return shape.cell == RecurrentCell::Lstm || batch < 96 || shape.hidden < 896;
}

}  // namespace

RecurrentShape::RecurrentShape(const RecurrentStack& stack, DType type, int device_index,
                               RecurrentPass way, bool rounds)
    : dtype(type),
      device(device_index),
      pass(way),
      tf32(rounds && type == DType::Float32),
      cell(stack.cell),
      bidirectional(stack.bidirectional),
      biased(stack.biased),
      projects(stack.projects) {
  const auto put = [&](int64_t size) {
    fits_ = fits_ && size <= std::numeric_limits<int>::max();
    return static_cast<int>(size);
  };
  layers = put(stack.layers);
  steps = put(stack.steps);
  batch = put(stack.batch);
  features = put(stack.features);
  hidden = put(stack.hidden);
  state = put(stack.state);
  // The shortest sequence ends last where all are of one length.
  packed = stack.batch_sizes.defined() && stack.steps > 0 &&
           stack.batch_sizes.data<int64_t>()[stack.steps - 1] != stack.batch;
}

bool RecurrentShape::is_plain() const {
  // A projection to the same size would be none to cuDNN.
  return fits_ && is_floating(dtype) && steps > 0 && batch > 0 && features > 0 &&
         projects == (state < hidden);
}

size_t RecurrentShapeHash::operator()(const RecurrentShape& shape) const {
  size_t hash = static_cast<size_t>(shape.dtype);
  const auto mix = [&](int value) {
    hash ^= static_cast<size_t>(value) + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  };
  mix(shape.device * 3 + static_cast<int>(shape.pass));
  mix(static_cast<int>(shape.cell) * 32 + (shape.tf32 ? 1 : 0) + (shape.packed ? 2 : 0) +
      (shape.bidirectional ? 4 : 0) + (shape.biased ? 8 : 0) + (shape.projects ? 16 : 0));
  for (const int size :
       {shape.layers, shape.steps, shape.batch, shape.features, shape.hidden, shape.state}) {
    mix(size);
  }
  return hash;
}

std::vector<RecurrentAlgorithm> algorithms_for(const RecurrentShape& shape,
                                               const RecurrentHardware& hardware) {
  const bool has_bfloat16 = hardware.major >= 8 && hardware.version >= kVersionWithBFloat16;
  if (shape.dtype == DType::BFloat16 && !has_bfloat16) return {};
  std::vector<RecurrentAlgorithm> algorithms;
  if (!shape.packed && !shape.projects && shape.dtype != DType::Float64) {
    if (is_small(shape)) algorithms.push_back(RecurrentAlgorithm::HeldSmall);
    if (is_worth_holding(shape, hardware)) algorithms.push_back(RecurrentAlgorithm::Held);
  }
  algorithms.push_back(RecurrentAlgorithm::Steps);
  return algorithms;
}

std::vector<int> lengths_of(const RecurrentStack& stack) {
  std::vector<int> lengths(static_cast<size_t>(stack.batch), static_cast<int>(stack.steps));
  if (!stack.batch_sizes.defined()) return lengths;
  const int64_t* alive = stack.batch_sizes.data<int64_t>();
  for (int64_t t = stack.steps - 1; t >= 0; --t) {
    const int64_t longer = t + 1 < stack.steps ? alive[t + 1] : 0;
    std::fill(lengths.begin() + longer, lengths.begin() + alive[t], static_cast<int>(t + 1));
  }
  return lengths;
}

std::vector<WeightPiece> pieces_of(const RecurrentShape& shape, const FindWeight& find) {
  std::vector<WeightPiece> pieces;
  const auto add = [&](size_t weight, int64_t from, int64_t to, int64_t count) {
    if (!pieces.empty()) {
      WeightPiece& last = pieces.back();
      if (last.weight == weight && last.from + last.count == from && last.to + last.count == to) {
        last.count += count;
        return;
      }
    }
    pieces.push_back({weight, from, to, count});
  };
  const auto gates = static_cast<int>(gate_count(shape.cell));
  const int directions = shape.bidirectional ? 2 : 1;
  size_t weight = 0;
  for (int cell = 0; cell < shape.cells(); ++cell) {
    const int64_t inputs = cell < directions ? shape.features : int64_t{directions} * shape.state;
    for (const bool bias : {false, true}) {
      if (bias && !shape.biased) continue;
      for (const bool of_state : {false, true}) {
        const int64_t width = bias ? 1 : of_state ? shape.state : inputs;
        const int64_t count = shape.hidden * width;
        for (int gate = 0; gate < gates; ++gate) {
          const WeightPlace place = find(cell, gate + (of_state ? gates : 0));
          add(weight, gate * count, bias ? place.bias : place.matrix, count);
        }
        ++weight;
      }
    }
    if (shape.projects) {
      add(weight++, 0, find(cell, kProjection).matrix, int64_t{shape.state} * shape.hidden);
    }
  }
  return pieces;
}

}  // namespace nw::cuda
