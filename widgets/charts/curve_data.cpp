#include "widgets/charts/curve_data.h"

#include <algorithm>
#include <cmath>

namespace nw::widgets {

namespace {

struct Reach {
  double low = INFINITY;
  double high = -INFINITY;

  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

Reach reachOf(const QVector<QPointF>& points, double from, double to, bool positive) {
  Reach reach;
  for (const QPointF& point : points) {
    if (point.x() < from || point.x() > to) continue;
    if (!std::isfinite(point.y()) || (positive && point.y() <= 0)) continue;
    reach.add(point.y());
  }
  return reach;
}

/// Appends the spread of points [first, last) as one or two points, the earlier one lower.
void appendSpread(const std::vector<StepPoint>& points, size_t first, size_t last,
                  Spread StepPoint::*figure, QVector<QPointF>& out) {
  Reach reach;
  const bool single = last - first == 1;
  for (size_t i = first; i < last; ++i) {
    const Spread& spread = points[i].*figure;
    if (!std::isfinite(spread.mean)) continue;
    reach.add(spread.min);
    reach.add(spread.max);
  }
  const double x = double(points[last - 1].step);
  if (reach.empty()) {
    out.append(QPointF(x, NAN));  // a gap: the run went astray here
  } else if (single && reach.low == reach.high) {
    out.append(QPointF(x, reach.low));
  } else {
    out.append(QPointF(double(points[first].step), reach.low));
    out.append(QPointF(x, reach.high));
  }
}

}  // namespace

std::pair<size_t, size_t> visiblePoints(const std::vector<StepPoint>& points, double from,
                                        double to) {
  const auto before = [](const StepPoint& point, double step) { return double(point.step) < step; };
  auto first = std::lower_bound(points.begin(), points.end(), from, before);
  auto last = std::lower_bound(first, points.end(), to, before);
  if (first != points.begin()) --first;
  if (last != points.end()) ++last;
  return {size_t(first - points.begin()), size_t(last - points.begin())};
}

CurveData curveData(const History& history, Spread StepPoint::*figure,
                    std::optional<double> EpochPoint::*validation,
                    const std::vector<double>& smooth, double from, double to, int pixels) {
  CurveData out;
  const std::vector<StepPoint>& points = history.steps();
  const auto [first, last] = visiblePoints(points, from, to);
  const size_t stride = std::max<size_t>(1, (last - first) / size_t(std::max(1, pixels)));
  for (size_t begin = first; begin < last;) {
    // Groups are aligned to the whole history, so that they do not shimmer while it scrolls.
    const size_t end = std::min(last, begin + stride - begin % stride);
    appendSpread(points, begin, end, figure, out.raw);
    if (!smooth.empty()) {
      out.smoothed.append(QPointF(double(points[end - 1].step), smooth[end - 1]));
    }
    begin = end;
  }
  if (validation == nullptr) return out;
  for (const EpochPoint& epoch : history.epochs()) {
    if (epoch.*validation) out.validation.append(QPointF(double(epoch.step), *(epoch.*validation)));
  }
  return out;
}

std::optional<std::pair<double, double>> valueRange(const CurveData& curves, double from, double to,
                                                    bool positive) {
  const Reach raw = reachOf(curves.raw, from, to, positive);
  Reach calm = reachOf(curves.smoothed, from, to, positive);
  const Reach validation = reachOf(curves.validation, from, to, positive);
  if (!validation.empty()) {
    calm.add(validation.low);
    calm.add(validation.high);
  }
  Reach all = calm;
  if (!raw.empty()) {
    all.add(raw.low);
    const bool spikes = !calm.empty() && !positive && raw.high > 2 * calm.high && calm.high > 0;
    all.add(spikes ? 2 * calm.high : raw.high);
  }
  if (all.empty()) return std::nullopt;
  return std::make_pair(all.low, all.high);
}

}  // namespace nw::widgets
