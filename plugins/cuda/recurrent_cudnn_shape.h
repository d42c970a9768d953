#pragma once

#include <functional>
#include <vector>

#include "core/backend/recurrent_kernels.h"

namespace nw::cuda {

/// What a stack of recurrent layers is run for. The two ways of training share what forward keeps.
enum class RecurrentPass : uint8_t { Inference, Forward, Backward };

/// A stack of recurrent layers as cuDNN is told of it: all that the choice of its algorithm depends
/// on, but not how long each sequence is.
struct RecurrentShape {
  DType dtype = DType::Float32;
  int device = 0;
  RecurrentPass pass = RecurrentPass::Inference;
  bool tf32 = false;    // float32 numbers may be rounded
  bool packed = false;  // some sequences are shorter than others
  RecurrentCell cell = RecurrentCell::Tanh;
  bool bidirectional = false;
  bool biased = false;
  bool projects = false;
  int layers = 1;
  int steps = 0, batch = 0, features = 0, hidden = 0, state = 0;

  RecurrentShape(const RecurrentStack& stack, DType type, int device_index, RecurrentPass way,
                 bool rounds);

  /// Whether cuDNN takes it: something to do, and numbers that fit.
  bool is_plain() const;
  int cells() const { return layers * (bidirectional ? 2 : 1); }

  friend bool operator==(const RecurrentShape&, const RecurrentShape&) = default;

 private:
  bool fits_ = true;
};

struct RecurrentShapeHash {
  size_t operator()(const RecurrentShape& shape) const;
};

/// A GPU, as far as algorithms depend on it.
struct RecurrentHardware {
  int major, minor, processors;
  size_t version;  // of cuDNN, as cudnnGetVersion() gives it
};

/// How cuDNN goes about it: a product with the weights at each step; the weights held in the
/// processors of the whole GPU from step to step; the same for few units.
enum class RecurrentAlgorithm : uint8_t { Steps, Held, HeldSmall };

/// The algorithms that are worth a try, the fastest first, as PyTorch's experience has them; none:
/// cuDNN is not to be asked.
std::vector<RecurrentAlgorithm> algorithms_for(const RecurrentShape& shape,
                                               const RecurrentHardware& hardware);

/// How long each sequence is.
std::vector<int> lengths_of(const RecurrentStack& stack);

/// Numbers of one of our weights that lie side by side in the memory that cuDNN has for all of
/// them.
struct WeightPiece {
  size_t weight;  // its place among the weights of the stack
  int64_t from;   // the first of them there
  int64_t to;     // and in cuDNN's memory
  int64_t count;
};

/// Where the matrix and the bias of linear layer `id` of a cell lie in cuDNN's memory, in numbers.
struct WeightPlace {
  int64_t matrix;
  int64_t bias;
};
using FindWeight = std::function<WeightPlace(int cell, int id)>;

/// All weights of a stack, in as few pieces as they lie.
std::vector<WeightPiece> pieces_of(const RecurrentShape& shape, const FindWeight& find);

}  // namespace nw::cuda
