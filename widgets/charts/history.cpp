#include "widgets/charts/history.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nw::widgets {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Both as one; what is not finite in one of them does not hide the other.
Spread merged(const Spread& a, double countA, const Spread& b, double countB) {
  if (!std::isfinite(a.mean)) return b;
  if (!std::isfinite(b.mean)) return a;
  return {std::min(a.min, b.min), std::max(a.max, b.max),
          (a.mean * countA + b.mean * countB) / (countA + countB)};
}

StepPoint merged(const StepPoint& a, const StepPoint& b) {
  StepPoint out = b;
  out.count = a.count + b.count;
  out.loss = merged(a.loss, double(a.count), b.loss, double(b.count));
  out.accuracy = merged(a.accuracy, double(a.count), b.accuracy, double(b.count));
  out.rate = merged(a.rate, double(a.count), b.rate, double(b.count));
  return out;
}

}  // namespace

void History::addStep(int64_t step, int64_t epoch, double loss, double accuracy, double rate) {
  takeBackFrom(step);
  const auto one = [](double value) { return Spread{value, value, value}; };
  const StepPoint point{step, epoch, 1, one(loss), one(accuracy), one(rate)};
  if (!steps_.empty() && steps_.back().count < width_) {
    steps_.back() = merged(steps_.back(), point);
    return;
  }
  if (steps_.size() == kMaxPoints) halve();
  steps_.push_back(point);
}

void History::takeBackFrom(int64_t step) {
  while (!steps_.empty() && steps_.back().step >= step) steps_.pop_back();
  while (!epochs_.empty() && epochs_.back().step > step) epochs_.pop_back();
}

void History::halve() {
  for (size_t i = 0; i < steps_.size() / 2; ++i) {
    steps_[i] = merged(steps_[2 * i], steps_[2 * i + 1]);
  }
  steps_.resize(steps_.size() / 2);
  width_ *= 2;
}

std::vector<double> smoothed(const std::vector<StepPoint>& points, Spread StepPoint::*figure,
                             double amount) {
  std::vector<double> out;
  out.reserve(points.size());
  double sum = 0;
  double weight = 0;
  int64_t lastCount = 1;
  double keep = amount;
  for (const StepPoint& point : points) {
    const double value = (point.*figure).mean;
    if (std::isfinite(value)) {
      if (point.count != lastCount) {
        keep = std::pow(amount, double(point.count));
        lastCount = point.count;
      }
      sum = keep * sum + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
    }
    out.push_back(weight > 0 ? sum / weight : kNaN);
  }
  return out;
}

}  // namespace nw::widgets
