#pragma once

#include <QPointF>
#include <QVector>
#include <utility>
#include <vector>

#include "widgets/charts/history.h"

namespace nw::widgets {

/// What a plot of a given width needs of a history: at most a few points a pixel.
struct CurveData {
  QVector<QPointF> raw;       // smallest and largest where several steps share a pixel
  QVector<QPointF> smoothed;  // empty where smoothing is off
  QVector<QPointF> validation;
};

/// Index range [first, last) of the points that cover the steps `from` … `to` and one more at each
/// side, so that lines leave the picture.
std::pair<size_t, size_t> visiblePoints(const std::vector<StepPoint>& points, double from,
                                        double to);

/// Thins `figure` between `from` and `to` for `pixels` columns; `smooth` has one value a point, or
/// none. `validation` may be null.
CurveData curveData(const History& history, Spread StepPoint::*figure,
                    std::optional<double> EpochPoint::*validation,
                    const std::vector<double>& smooth, double from, double to, int pixels);

/// Smallest and largest y that a plot of these curves should show; nullopt without a finite point.
/// Lone raw spikes beyond twice the reach of the smoothed curves do not flatten everything else.
/// With `positive`, only values above zero count (a logarithmic axis).
std::optional<std::pair<double, double>> valueRange(const CurveData& curves, double from, double to,
                                                    bool positive);

}  // namespace nw::widgets
