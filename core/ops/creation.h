#pragma once

#include "core/backend/creation.h"
#include "core/base/random.h"

/// New tensors full of something. Random numbers are PyTorch's, bit for bit, on the CPU; on meta
/// nothing is drawn.
namespace nw::ops {

Tensor ones(const Dims& sizes, DType dtype = DType::Float32, Device device = default_device());
Tensor zeros_like(const Tensor& like);
Tensor ones_like(const Tensor& like);
Tensor full_like(const Tensor& like, const Scalar& value);
/// A tensor without dimensions.
Tensor scalar_tensor(const Scalar& value, DType dtype = DType::Float32,
                     Device device = default_device());
/// 1 on the diagonal of (rows, columns), else 0.
Tensor eye(int64_t rows, int64_t columns, DType dtype = DType::Float32,
           Device device = default_device());
/// start, start + step, … below (for a negative step above) end.
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype,
              Device device = default_device());
/// The same in int64, or in float32 when one of the numbers is real.
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step = 1);
/// 0 … end − 1
Tensor arange(const Scalar& end);
/// `steps` numbers at equal distances from `start` to `end`, both included.
Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, DType dtype = DType::Float32,
                Device device = default_device());

/// U[0, 1); complex numbers have it in both parts.
Tensor rand(const Dims& sizes, DType dtype = DType::Float32, Device device = default_device(),
            Generator& generator = default_generator());
/// N(0, 1); complex numbers have a variance of ½ in each part.
Tensor randn(const Dims& sizes, DType dtype = DType::Float32, Device device = default_device(),
             Generator& generator = default_generator());
/// Whole numbers from low … high − 1.
Tensor randint(int64_t low, int64_t high, const Dims& sizes, DType dtype = DType::Int64,
               Device device = default_device(), Generator& generator = default_generator());
/// 0 … n − 1 in a random order.
Tensor randperm(int64_t n, DType dtype = DType::Int64, Device device = default_device(),
                Generator& generator = default_generator());
/// 1 with the probability that stands in its place (0 … 1, floating point), else 0.
Tensor bernoulli(const Tensor& p, Generator& generator = default_generator());
/// N(mean, std²) for each pair of numbers, which broadcast.
Tensor normal(const Tensor& mean, const Tensor& std, Generator& generator = default_generator());

/// Writes U[from, to), N(mean, std²) or 1 with probability p, else 0, into x in place. x may not
/// require a gradient outside NoGrad.
Tensor uniform_(const Tensor& x, double from = 0, double to = 1,
                Generator& generator = default_generator());
Tensor normal_(const Tensor& x, double mean = 0, double std = 1,
               Generator& generator = default_generator());
Tensor bernoulli_(const Tensor& x, double p = 0.5, Generator& generator = default_generator());
/// Writes numbers with the density rate · e^(−rate · x) into x (floating point) in place; also on a
/// GPU they are the CPU's.
Tensor exponential_(const Tensor& x, double rate = 1, Generator& generator = default_generator());

/// Whether a class may be drawn more than once.
enum class Replacement : uint8_t { No, Yes };
/// `samples` classes of each row of p (n) or (rows, n) -> int64 (samples) or (rows, samples), drawn
/// in proportion to the numbers of the row, which are finite and at least 0; floating point. Not on
/// meta.
Tensor multinomial(const Tensor& p, int64_t samples, Replacement replacement = Replacement::No,
                   Generator& generator = default_generator());

}  // namespace nw::ops
