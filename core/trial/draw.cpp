#include "core/trial/draw.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "core/backend/creation.h"
#include "core/nn/block.h"

namespace nw::trial {

int64_t Draw::integer(int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(engine_);
}

double Draw::real(double least, double most) {
  return std::uniform_real_distribution<double>(least, most)(engine_);
}

bool Draw::chance(double probability) {
  return std::bernoulli_distribution(probability)(engine_);
}

Tensor Draw::numbers(const Dims& sizes, DType dtype) {
  const Tensor out = empty(sizes, DType::Float64, kCpu);
  std::normal_distribution<double> normal;
  for (int64_t i = 0; i < out.numel(); ++i) out.data<double>()[i] = normal(engine_);
  if (!is_complex(dtype)) return raw::to(out, dtype);
  const Tensor both = empty(sizes, DType::Complex128, kCpu);
  for (int64_t i = 0; i < out.numel(); ++i) {
    both.data<std::complex<double>>()[i] = {out.data<double>()[i], normal(engine_)};
  }
  return raw::to(both, dtype);
}

Tensor Draw::whole(const Dims& sizes, int64_t least, int64_t most) {
  const Tensor out = empty(sizes, DType::Int64, kCpu);
  for (int64_t i = 0; i < out.numel(); ++i) out.data<int64_t>()[i] = integer(least, most);
  return out;
}

Tensor Draw::coins(const Dims& sizes, double probability) {
  const Tensor out = empty(sizes, DType::Bool, kCpu);
  for (int64_t i = 0; i < out.numel(); ++i) out.data<bool>()[i] = chance(probability);
  return out;
}

Tensor Draw::signs(const Dims& sizes) {
  const Tensor out = empty(sizes, DType::Float64, kCpu);
  for (int64_t i = 0; i < out.numel(); ++i) out.data<double>()[i] = chance(0.5) ? 1 : -1;
  return out;
}

Tensor Draw::probabilities(const Dims& sizes) {
  const Tensor out = empty(sizes, DType::Float64, kCpu);
  for (int64_t i = 0; i < out.numel(); ++i) {
    const double drawn = real(0, 1);
    out.data<double>()[i] = chance(0.15) ? std::round(drawn) : drawn;
  }
  return out;
}

nn::Value Draw::value(const nn::Param& param) {
  const bool has_default = !param.inferred && !param.required;
  // Sizes that people take for real make slow tests.
  const auto* size = std::get_if<int64_t>(&param.fallback);
  const double share = size != nullptr && *size > 64 ? 0.02 : 0.3;
  if (has_default && chance(share)) return param.fallback;
  // A block within a block seldom fits the sizes around it.
  const double none = param.type == nn::ParamType::Module ? 0.6 : 0.3;
  if (param.optional && chance(none)) return nn::None{};
  return fresh(param);
}

size_t Draw::items_of(const nn::Param& param) {
  if (param.arity == 0) return static_cast<size_t>(integer(1, 3));
  if (param.arities.empty() || chance(0.8)) return param.arity;
  return param
      .arities[static_cast<size_t>(integer(0, static_cast<int64_t>(param.arities.size()) - 1))];
}

std::optional<nn::Value> Draw::unusual(const nn::Param& param) {
  const bool is_whole = param.type == nn::ParamType::Int || param.type == nn::ParamType::IntTuple;
  if (!is_whole && param.type != nn::ParamType::Real) return std::nullopt;
  const bool below = param.usual_min && (!param.usual_max || chance(0.5));
  if (!below && !param.usual_max) return std::nullopt;
  const double usual = below ? *param.usual_min : *param.usual_max;
  const double far = below ? std::max(usual - 2, param.min.value_or(usual - 2))
                           : std::min(usual + 2, param.max.value_or(usual + 2));
  const double least = std::min(usual, far);
  const double most = std::max(usual, far);
  if (is_whole) return integer(static_cast<int64_t>(least), static_cast<int64_t>(most));
  return real(least, most);
}

nn::Value Draw::fresh(const nn::Param& param) {
  const auto small = [&] {
    const auto least = static_cast<int64_t>(param.low().value_or(param.high().value_or(3) - 6));
    const auto most = static_cast<int64_t>(param.high().value_or(1e9));
    return integer(least, std::min(most, least + 6));
  };
  if ((param.usual_min || param.usual_max) && chance(0.04)) {
    if (const auto odd = unusual(param)) return *odd;
  }
  switch (param.type) {
    case nn::ParamType::Bool:
      return chance(0.5);
    case nn::ParamType::Int:
      // Dimensions and the like lie around 0, where the range is wide.
      if (param.low() && *param.low() < 0) return integer(-3, 3);
      return small();
    case nn::ParamType::Real: {
      const double least = param.low().value_or(0);
      const double most = param.high().value_or(least + 1);
      const bool at_least = chance(0.1) && !param.min_exclusive;
      const bool at_most = chance(0.1) && param.high() && !param.max_exclusive;
      return at_least ? least : at_most ? most : real(least, most);
    }
    case nn::ParamType::Choice:
      return param
          .choices[static_cast<size_t>(integer(0, static_cast<int64_t>(param.choices.size()) - 1))];
    case nn::ParamType::Text: {
      std::string text;
      const int64_t count = integer(1, 5);
      for (int64_t i = 0; i < count; ++i) text += (i ? ", " : "") + std::to_string(real(0, 2));
      return text;
    }
    case nn::ParamType::Path:
      return std::string();
    case nn::ParamType::IntTuple: {
      if (!param.choices.empty() && chance(0.3)) {
        return param.choices[static_cast<size_t>(
            integer(0, static_cast<int64_t>(param.choices.size()) - 1))];
      }
      // Short windows are likelier to fit one another.
      auto least = static_cast<int64_t>(param.low().value_or(0));
      if (least < 0) least = std::max<int64_t>(least, -2);
      if (chance(0.5)) return integer(least, least + 3);
      std::vector<int64_t> items(items_of(param));
      for (int64_t& item : items) {
        item = param.none_items && chance(0.2) ? nn::kNoneItem : integer(least, least + 3);
      }
      return items;
    }
    case nn::ParamType::RealTuple: {
      const double least = param.low().value_or(0);
      const double most = param.high().value_or(least + 3);
      std::vector<double> items(items_of(param));
      for (double& item : items) item = real(least, most);
      return items;
    }
    case nn::ParamType::Module: {
      if (param.choices.empty()) return nn::Nested({.id = "ReLU", .args = {}});
      const auto last = static_cast<int64_t>(param.choices.size()) - 1;
      const std::string& id = param.choices[static_cast<size_t>(integer(0, last))];
      return nn::Nested({.id = id, .args = args(*nn::blocks().find(id))});
    }
  }
  return param.fallback;
}

void Draw::fit(nn::Args& args, std::map<std::string, nn::Value>& shared) {
  nn::Args fitted;
  for (const auto& [name, value] : args) {
    nn::Value own = value;
    const auto model = shared.find("d_model");
    if (name == "d_model" || name == "nhead" || name == "batch_first") {
      own = shared.try_emplace(name, own).first->second;
    } else if (name == "normalized_shape" && model != shared.end()) {
      own = std::vector<int64_t>{std::get<int64_t>(model->second)};
    } else if (const auto* nested = std::get_if<nn::Nested>(&own)) {
      nn::Call call = **nested;
      fit(call.args, shared);
      own = nn::Nested(std::move(call));
    }
    fitted.set(name, own);
  }
  args = std::move(fitted);
}

nn::Args Draw::args(const nn::Description& description) {
  constexpr int kTries = 10'000;
  for (int i = 0; i < kTries; ++i) {
    nn::Args args;
    for (const nn::Param& param : description.params) args.set(param.name, value(param));
    std::map<std::string, nn::Value> shared;
    if (chance(0.85)) fit(args, shared);
    if (description.problems(args).empty()) return args;
  }
  throw Error("no legal arguments found for " + description.id);
}

}  // namespace nw::trial
