#pragma once

#include <QString>
#include <vector>

#include "core/dist/step_times.h"

namespace nw::widgets {

/// One process of a run on several devices, as it is shown. Value type.
struct RankRow {
  QString name;  // "rank 0 · cpu"
  QString host;
  bool onCpu = true;
  dist::StepTimes times;  // smoothed over some steps
  QString lost;           // the cause; empty: it lives

  double step() const { return times.compute + times.wait; }
  /// Whether the exchange was timed by itself: not where a step is replayed as one recording.
  bool timesExchange() const { return times.wait > 0 || times.reduce > 0 || times.bytes == 0; }
};

/// What the times of all processes teach, in a sentence or two: who is waited for, whether
/// all-reduce is hidden behind computing, what would help. Empty: nothing stands out.
QString lessonOf(const std::vector<RankRow>& rows);

}  // namespace nw::widgets
