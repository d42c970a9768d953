#pragma once

#include "core/base/random.h"
#include "core/tensor/tensor.h"

/// Elementwise functions between layers. y has x's sizes and dtype. Floating point; tanh and
/// sigmoid of complex numbers, too. Gradients at kinks are torch's.
namespace nw::ops {

/// max(0, x); the gradient at 0 is 0.
Tensor relu(const Tensor& x);
Tensor tanh(const Tensor& x);
/// 1 / (1 + e⁻ˣ)
Tensor sigmoid(const Tensor& x);

/// scale · (x above 0, else alpha · (e^(input_scale·x) − 1)); at 0 the gradient is that from below.
Tensor elu(const Tensor& x, double alpha = 1, double scale = 1, double input_scale = 1);
/// elu with the alpha and scale that keep mean 0 and variance 1.
Tensor selu(const Tensor& x);
/// max(0, x) + min(0, alpha · (e^(x/alpha) − 1)); throws Error for alpha 0.
Tensor celu(const Tensor& x, double alpha = 1);
/// x above 0, else slope · x; the gradient at 0 is the slope.
Tensor leaky_relu(const Tensor& x, double slope = 0.01);
/// Leaky ReLU whose slope is drawn anew for each number that is at most 0, from [lower, upper);
/// what is trained with it is used with leaky_relu of their middle. Throws Error where lower is
/// above upper.
Tensor rrelu(const Tensor& x, double lower, double upper, Generator& generator);
/// The same on x itself.
Tensor rrelu_(const Tensor& x, double lower, double upper, Generator& generator);
/// The same with a learnt slope: weight (1) or one for each channel, x (N, C, *).
Tensor prelu(const Tensor& x, const Tensor& weight);
/// x above `limit`, else `value`.
Tensor threshold(const Tensor& x, double limit, double value);

enum class GeluForm : uint8_t { Exact, Tanh };
/// x · Φ(x), or its approximation by tanh.
Tensor gelu(const Tensor& x, GeluForm form = GeluForm::Exact);
/// x · sigmoid(x)
Tensor silu(const Tensor& x);
/// x · tanh(softplus(x))
Tensor mish(const Tensor& x);
/// ln(1 + e^(beta·x)) / beta, and x where beta·x is above the threshold.
Tensor softplus(const Tensor& x, double beta = 1, double threshold = 20);
/// x / (1 + |x|)
Tensor softsign(const Tensor& x);
/// ln sigmoid(x), without underflow.
Tensor log_sigmoid(const Tensor& x);
/// x − tanh(x)
Tensor tanhshrink(const Tensor& x);

/// clamp(x, least, most); the gradient at both is 0.
Tensor hardtanh(const Tensor& x, double least = -1, double most = 1);
/// hardtanh from 0 to 6.
Tensor relu6(const Tensor& x);
/// clamp(x/6 + 1/2, 0, 1)
Tensor hardsigmoid(const Tensor& x);
/// x · hardsigmoid(x)
Tensor hardswish(const Tensor& x);
/// 0 from −limit to limit, else x; or x moved towards 0 by the limit, which cannot be negative.
Tensor hardshrink(const Tensor& x, double limit = 0.5);
Tensor softshrink(const Tensor& x, double limit = 0.5);

/// a · sigmoid(b) of the two halves a and b of x along `dim`.
Tensor glu(const Tensor& x, int64_t dim = -1);

// --- in place: x becomes f(x) and is given back. Throws Error where edits in place do
// (core/ops/in_place.h). What backward needs is the result itself where the slope can be told from
// it, so that nothing else is kept; else a copy of the old numbers. ---

Tensor relu_(const Tensor& x);
/// Their backward throws Error for an alpha or slope below 0, which the result does not tell from
/// one above.
Tensor elu_(const Tensor& x, double alpha = 1, double scale = 1, double input_scale = 1);
Tensor selu_(const Tensor& x);
Tensor celu_(const Tensor& x, double alpha = 1);
Tensor leaky_relu_(const Tensor& x, double slope = 0.01);
Tensor threshold_(const Tensor& x, double limit, double value);
Tensor silu_(const Tensor& x);
Tensor mish_(const Tensor& x);
Tensor hardtanh_(const Tensor& x, double least = -1, double most = 1);
Tensor relu6_(const Tensor& x);
Tensor hardsigmoid_(const Tensor& x);
Tensor hardswish_(const Tensor& x);

}  // namespace nw::ops
