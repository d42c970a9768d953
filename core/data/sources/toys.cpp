#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/data/memory_dataset.h"
#include "core/data/sources/sources.h"

// Points in the plane and a curve, drawn from a seed. Only operations that IEEE 754 fixes to the
// last bit are used, so that every machine draws the same data.

namespace nw::data {
namespace {

struct SinCos {
  double sin;
  double cos;
};

/// Sine and cosine of a number of turns, by Taylor's series within an eighth of a turn.
SinCos sin_cos(double turns) {
  const double quarter = std::floor(turns * 4 + 0.5);
  const double angle = (turns - quarter / 4) * (2 * std::numbers::pi);
  const double square = angle * angle;
  double s = 1;
  double c = 1;
  for (int k = 8; k > 0; --k) {
    s = 1 - s * square / (2 * k * (2 * k + 1));
    c = 1 - c * square / (2 * k * (2 * k - 1));
  }
  s *= angle;
  switch (static_cast<int64_t>(quarter) & 3) {
    case 0:
      return {s, c};
    case 1:
      return {c, -s};
    case 2:
      return {-s, -c};
    default:
      return {-c, s};
  }
}

/// Near to N(0, 1): twelve uniform numbers, whose variances of 1/12 add up to 1.
double bell(Generator& generator) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += generator.uniform_double();
  return sum;
}

struct Point {
  double x;
  double y;
};

/// Draws one point of class `label`, without noise.
using Draw = Point (*)(Generator& generator, int64_t label, const nn::Args& args);

int64_t train_count(const nn::Args& args) {
  const auto samples = args.integer("samples");
  const auto test =
      static_cast<int64_t>(std::floor(args.real("test") * static_cast<double>(samples)));
  return samples - test;
}

/// Draws `count` points, the classes in turn, so that every part of the data has all of them.
std::shared_ptr<const Dataset> draw_points(Generator& generator, int64_t count,
                                           std::vector<std::string> names, Draw draw,
                                           const nn::Args& args) {
  if (count == 0) return nullptr;
  const auto classes = static_cast<int64_t>(names.size());
  const double noise = args.real("noise");
  Samples samples{{2}, {}, {}};
  Targets targets{{}, {}, {}, classes, std::move(names)};
  for (int64_t i = 0; i < count; ++i) {
    const Point point = draw(generator, i % classes, args);
    samples.floats.push_back(static_cast<float>(point.x + noise * bell(generator)));
    samples.floats.push_back(static_cast<float>(point.y + noise * bell(generator)));
    targets.labels.push_back(i % classes);
  }
  return memory_dataset(std::move(samples), std::move(targets));
}

Splits points(const nn::Args& args, const std::vector<std::string>& names, Draw draw) {
  Generator generator(static_cast<uint64_t>(args.integer("seed")));
  const int64_t train = train_count(args);
  Splits splits;
  splits.train = draw_points(generator, train, names, draw, args);
  splits.test = draw_points(generator, args.integer("samples") - train, names, draw, args);
  return splits;
}

Signature point_signature(int64_t classes, const nn::Args& args) {
  return {.sample = {2}, .target = {}, .classes = classes, .train_samples = train_count(args)};
}

nn::Param number(const char* name, nn::ParamType type, nn::Value fallback, const char* help,
                 double min, double max) {
  nn::Param param;
  param.name = name;
  param.type = type;
  param.fallback = std::move(fallback);
  param.help = help;
  param.min = min;
  param.max = max;
  return param;
}

/// What all toys share: samples, noise, seed, test; then `more`.
std::vector<nn::Param> toy_params(double noise, std::vector<nn::Param> more = {}) {
  using nn::ParamType;
  std::vector<nn::Param> params = {
      number("samples", ParamType::Int, int64_t{1000}, "How many samples to draw, test included.",
             10, 1'000'000),
      number("noise", ParamType::Real, noise, "Spread of the random shift of every value.", 0, 10)};
  params.insert(params.end(), more.begin(), more.end());
  params.push_back(number("seed", ParamType::Int, int64_t{0},
                          "Another seed draws other samples of the same kind.", 0, 4294967295.0));
  params.push_back(
      number("test", ParamType::Real, 0.2, "Share of the samples kept for the test.", 0, 0.9));
  params.front().unit = "samples";
  return params;
}

DatasetSpec toy(const char* id, const char* icon) {
  DatasetSpec spec;
  spec.id = id;
  spec.category = "input";
  spec.icon = icon;
  return spec;
}

// --- two moons ---

Point moon_point(Generator& generator, int64_t label, const nn::Args&) {
  const SinCos half_turn = sin_cos(generator.uniform_double() / 2);
  if (label == 0) return {half_turn.cos, half_turn.sin};
  return {1 - half_turn.cos, 0.5 - half_turn.sin};
}

// --- spirals ---

std::vector<std::string> arm_names(const nn::Args& args) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < args.integer("arms"); ++i) names.push_back(concat("arm ", i + 1));
  return names;
}

Point spiral_point(Generator& generator, int64_t label, const nn::Args& args) {
  // The square root spreads the points evenly along the arm.
  const double along = std::sqrt(generator.uniform_double());
  const auto start = static_cast<double>(label) / static_cast<double>(args.integer("arms"));
  const SinCos direction = sin_cos(start + along * args.real("turns"));
  return {along * direction.cos, along * direction.sin};
}

// --- circles ---

Point circle_point(Generator& generator, int64_t label, const nn::Args& args) {
  const SinCos direction = sin_cos(generator.uniform_double());
  const double radius = label == 0 ? 1 : args.real("factor");
  return {radius * direction.cos, radius * direction.sin};
}

// --- exclusive or ---

Point quadrant_point(Generator& generator, int64_t label, const nn::Args&) {
  const double x = generator.uniform_double();
  const double y = generator.uniform_double();
  const double side = generator.uniform_double() < 0.5 ? -1 : 1;
  return {side * x, label == 0 ? side * y : -side * y};
}

// --- noisy sine ---

std::shared_ptr<const Dataset> draw_sine(Generator& generator, int64_t count,
                                         const nn::Args& args) {
  if (count == 0) return nullptr;
  Samples samples{{1}, {}, {}};
  Targets targets{{}, {}, {1}, 0, {}};
  for (int64_t i = 0; i < count; ++i) {
    const double x = generator.uniform_double() * 2 - 1;
    const double y =
        sin_cos(x * args.real("periods") / 2).sin + args.real("noise") * bell(generator);
    samples.floats.push_back(static_cast<float>(x));
    targets.values.push_back(static_cast<float>(y));
  }
  return memory_dataset(std::move(samples), std::move(targets));
}

Splits load_sine(const nn::Args& given) {
  const nn::Args args = checked(noisy_sine(), given);
  Generator generator(static_cast<uint64_t>(args.integer("seed")));
  const int64_t train = train_count(args);
  Splits splits;
  splits.train = draw_sine(generator, train, args);
  splits.test = draw_sine(generator, args.integer("samples") - train, args);
  return splits;
}

}  // namespace

const DatasetSpec& two_moons() {
  static const DatasetSpec kSpec = [] {
    DatasetSpec spec = toy("two-moons", "moons");
    spec.summary = "Two half circles of points that reach into each other; two classes.";
    spec.formula = "upper: (cos πt, sin πt); lower: (1 − cos πt, ½ − sin πt); t ∈ [0, 1)";
    spec.when_to_use =
        "To see a boundary bend: one straight line cannot part the classes, a small hidden layer "
        "can.";
    spec.reference =
        "https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_moons.html";
    spec.params = toy_params(0.1);
    spec.signature = [](const nn::Args& args) {
      return point_signature(2, checked(two_moons(), args));
    };
    spec.load = [](const nn::Args& args) {
      return points(checked(two_moons(), args), {"upper moon", "lower moon"}, moon_point);
    };
    return spec;
  }();
  return kSpec;
}

const DatasetSpec& spirals() {
  static const DatasetSpec kSpec = [] {
    DatasetSpec spec = toy("spirals", "spirals");
    spec.summary = "Arms of points that wind around each other; each arm is a class.";
    spec.formula = "(√u·cos φ, √u·sin φ) with φ = 2π(arm/arms + turns·√u); u ∈ [0, 1)";
    spec.when_to_use =
        "The hardest of the toy sets: shows what depth, width and training time are good for.";
    spec.reference = "https://playground.tensorflow.org";
    spec.params = toy_params(
        0.02, {number("arms", nn::ParamType::Int, int64_t{2}, "Arms, each a class.", 2, 20),
               number("turns", nn::ParamType::Real, 1.5, "How often an arm winds around.", 0, 10)});
    spec.signature = [](const nn::Args& given) {
      const nn::Args args = checked(spirals(), given);
      return point_signature(args.integer("arms"), args);
    };
    spec.load = [](const nn::Args& given) {
      const nn::Args args = checked(spirals(), given);
      return points(args, arm_names(args), spiral_point);
    };
    return spec;
  }();
  return kSpec;
}

const DatasetSpec& circles() {
  static const DatasetSpec kSpec = [] {
    DatasetSpec spec = toy("circles", "circles");
    spec.summary = "A small circle of points inside a large one; two classes.";
    spec.formula = "outer: (cos 2πt, sin 2πt); inner: factor·(cos 2πt, sin 2πt); t ∈ [0, 1)";
    spec.when_to_use =
        "To see hidden units fold the plane: three of them can close a boundary around the inner "
        "class.";
    spec.reference =
        "https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_circles.html";
    spec.params =
        toy_params(0.05, {number("factor", nn::ParamType::Real, 0.5,
                                 "Radius of the inner circle; the outer has 1.", 0, 0.99)});
    spec.signature = [](const nn::Args& args) {
      return point_signature(2, checked(circles(), args));
    };
    spec.load = [](const nn::Args& args) {
      return points(checked(circles(), args), {"outer circle", "inner circle"}, circle_point);
    };
    return spec;
  }();
  return kSpec;
}

const DatasetSpec& exclusive_or() {
  static const DatasetSpec kSpec = [] {
    DatasetSpec spec = toy("xor", "xor");
    spec.summary = "Points in a square; the class tells whether the signs of x and y differ.";
    spec.formula = "y = [sign x₁ ≠ sign x₂]; x ∈ (−1, 1)²";
    spec.when_to_use =
        "The smallest task that a single layer cannot learn and two layers can: the classic of "
        "1969.";
    spec.reference = "https://en.wikipedia.org/wiki/Perceptrons_(book)";
    spec.params = toy_params(0.05);
    spec.signature = [](const nn::Args& args) {
      return point_signature(2, checked(exclusive_or(), args));
    };
    spec.load = [](const nn::Args& args) {
      return points(checked(exclusive_or(), args), {"equal signs", "different signs"},
                    quadrant_point);
    };
    return spec;
  }();
  return kSpec;
}

const DatasetSpec& noisy_sine() {
  static const DatasetSpec kSpec = [] {
    DatasetSpec spec = toy("noisy-sine", "sine");
    spec.summary = "A sine curve measured with noise: one number in, one number out.";
    spec.formula = "y = sin(π·periods·x) + noise; x ∈ [−1, 1)";
    spec.when_to_use =
        "To learn a curve instead of classes: use MSELoss, and watch over- and underfitting.";
    spec.reference = "https://en.wikipedia.org/wiki/Curve_fitting";
    spec.params = toy_params(
        0.1, {number("periods", nn::ParamType::Real, 2.0, "Full waves between −1 and 1.", 0, 100)});
    spec.signature = [](const nn::Args& args) {
      return Signature{.sample = {1},
                       .target = {1},
                       .target_dtype = DType::Float32,
                       .train_samples = train_count(checked(noisy_sine(), args))};
    };
    spec.load = load_sine;
    return spec;
  }();
  return kSpec;
}

}  // namespace nw::data
