#include "core/trial/spread.h"

#include <algorithm>
#include <cmath>

namespace nw::trial {
namespace {

using Number = std::complex<double>;

/// A right result may be so many times as far from the exact one as the farthest run: a few dozen
/// runs do not show the worst.
constexpr double kTimes = 4;

bool are_comparable(const Tensor* exact, const Tensor& tensor) {
  return exact != nullptr && tensor.defined() && exact->sizes() == tensor.sizes() &&
         is_complex(exact->dtype()) == is_complex(tensor.dtype());
}

/// How far each number is from the exact one.
std::vector<double> distances(const Tensor& exact, const Tensor& tensor) {
  const Tensor a = wide(tensor);
  const Tensor b = wide(exact);
  std::vector<double> out;
  for (int64_t i = 0; i < a.numel(); ++i) {
    out.push_back(distance(a.data<Number>()[i], b.data<Number>()[i]));
  }
  return out;
}

}  // namespace

void Spread::add(const Numbers& run) {
  for (const auto& [name, tensor] : run) {
    const Tensor* right = exact(name);
    if (!are_comparable(right, tensor)) continue;
    const std::vector<double> apart = distances(*right, tensor);
    Reach& reach = reach_[name];
    reach.lost.resize(apart.size());
    for (size_t i = 0; i < apart.size(); ++i) {
      if (std::isfinite(apart[i])) {
        reach.most = std::max(reach.most, apart[i]);
      } else {
        reach.lost[i] = true;
      }
    }
  }
}

bool Spread::explains(const std::string& name, const Tensor& tensor) const {
  const Tensor* right = exact(name);
  const auto it = reach_.find(name);
  if (it == reach_.end() || !are_comparable(right, tensor)) return false;
  const Reach& reach = it->second;
  const std::vector<double> apart = distances(*right, tensor);
  for (size_t i = 0; i < apart.size(); ++i) {
    if (!(apart[i] <= kTimes * reach.most) && !reach.lost[i]) return false;
  }
  return true;
}

}  // namespace nw::trial
