#include "core/optim/line_search.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nw::optim {
namespace {

constexpr double kDecrease = 1e-4;  // c₁: how much of the slope's promise must be kept
constexpr double kCurvature = 0.9;  // c₂: how much flatter it must be there
constexpr int kMostLooks = 25;

/// Where the cubic through two points has its least, kept within the bounds.
double cubic_minimum(const LinePoint& a, const LinePoint& b, double least, double most) {
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (least + most) / 2;
  const double d2 = std::sqrt(square);
  const LinePoint& left = a.step <= b.step ? a : b;
  const LinePoint& right = a.step <= b.step ? b : a;
  const double at = right.step - (right.step - left.step) * ((right.slope + d2 - d1) /
                                                             (right.slope - left.slope + 2 * d2));
  return std::min(std::max(at, least), most);
}

/// The two ends of the part of the line where a good step lies; the lower one is the better.
class Bracket {
 public:
  Bracket(LinePoint a, LinePoint b) : ends_{std::move(a), std::move(b)} { order(); }

  LinePoint& low() { return ends_[low_]; }
  LinePoint& high() { return ends_[1 - low_]; }
  double least() const { return std::min(ends_[0].step, ends_[1].step); }
  double most() const { return std::max(ends_[0].step, ends_[1].step); }
  double trial() const { return cubic_minimum(ends_[0], ends_[1], least(), most()); }
  void order() { low_ = ends_[0].value <= ends_[1].value ? 0 : 1; }

 private:
  std::array<LinePoint, 2> ends_;
  size_t low_ = 0;
};

class Search {
 public:
  Search(const std::function<LinePoint(double)>& evaluate, const LinePoint& start, double largest,
         double tolerance_change)
      : evaluate_(evaluate), start_(start), largest_(largest), tolerance_(tolerance_change) {}

  LineSearchResult run(double first_step) {
    LinePoint before = start_;
    LinePoint now = look(first_step);
    int looks = 0;
    while (looks < kMostLooks) {
      if (too_high(now) || (looks > 1 && now.value >= before.value))
        return zoom(before, now, looks);
      if (flat_enough(now)) return {now, evaluations_};
      if (now.slope >= 0) return zoom(before, now, looks);
      const double next =
          cubic_minimum(before, now, now.step + 0.01 * (now.step - before.step), now.step * 10);
      before = std::move(now);
      now = look(next);
      ++looks;
    }
    return zoom(start_, now, looks);
  }

 private:
  LinePoint look(double step) {
    ++evaluations_;
    return evaluate_(step);
  }
  bool too_high(const LinePoint& point) const {
    return point.value > start_.value + kDecrease * point.step * start_.slope;
  }
  bool flat_enough(const LinePoint& point) const {
    return std::abs(point.slope) <= -kCurvature * start_.slope;
  }

  LineSearchResult zoom(const LinePoint& a, const LinePoint& b, int looks) {
    Bracket bracket(a, b);
    bool little_progress = false;
    bool done = false;
    while (!done && looks < kMostLooks) {
      if ((bracket.most() - bracket.least()) * largest_ < tolerance_) break;
      const LinePoint now = look(kept_off_ends(bracket, bracket.trial(), little_progress));
      ++looks;
      if (too_high(now) || now.value >= bracket.low().value) {
        bracket.high() = now;
        bracket.order();
        continue;
      }
      if (flat_enough(now)) {
        done = true;
      } else if (now.slope * (bracket.high().step - bracket.low().step) >= 0) {
        bracket.high() = bracket.low();
      }
      bracket.low() = now;
    }
    return {bracket.low(), evaluations_};
  }

  /// A step close to an end brings little: the second time, or beyond it, a tenth inwards is taken.
  static double kept_off_ends(const Bracket& bracket, double step, bool& little_progress) {
    const double margin = 0.1 * (bracket.most() - bracket.least());
    const bool close = std::min(bracket.most() - step, step - bracket.least()) < margin;
    const bool outside = step >= bracket.most() || step <= bracket.least();
    if (!close || !(little_progress || outside)) {
      little_progress = close;
      return step;
    }
    little_progress = false;
    const bool near_most = std::abs(step - bracket.most()) < std::abs(step - bracket.least());
    return near_most ? bracket.most() - margin : bracket.least() + margin;
  }

  const std::function<LinePoint(double)>& evaluate_;
  const LinePoint& start_;
  double largest_;
  double tolerance_;
  int64_t evaluations_ = 0;
};

}  // namespace

LineSearchResult strong_wolfe(const std::function<LinePoint(double step)>& evaluate,
                              const LinePoint& start, double first_step, double largest,
                              double tolerance_change) {
  return Search(evaluate, start, largest, tolerance_change).run(first_step);
}

}  // namespace nw::optim
