#include "widgets/training/rank_lesson.h"

#include <QCoreApplication>
#include <QThread>
#include <algorithm>

namespace nw::widgets {
namespace {

struct Lesson {
  Q_DECLARE_TR_FUNCTIONS(Lesson)
};

double meanOf(const std::vector<RankRow>& rows, double dist::StepTimes::*figure) {
  double sum = 0;
  for (const RankRow& row : rows) sum += row.times.*figure;
  return sum / static_cast<double>(rows.size());
}

/// One computes much longer than the others, and they wait for it.
QString stragglerText(const std::vector<RankRow>& rows, double step) {
  constexpr double kMuchLonger = 1.3, kMuchOfStep = 0.15;
  if (rows.size() < 2) return {};
  const auto slowest = std::max_element(
      rows.begin(), rows.end(),
      [](const RankRow& a, const RankRow& b) { return a.times.compute < b.times.compute; });
  const double longest = slowest->times.compute;
  const auto all = static_cast<double>(rows.size());
  const double others = (meanOf(rows, &dist::StepTimes::compute) * all - longest) / (all - 1);
  const double waited =
      (meanOf(rows, &dist::StepTimes::wait) * all - slowest->times.wait) / (all - 1);
  const double more = longest - others;
  const bool waitedFor = waited > slowest->times.wait + more / 2;
  if (longest < kMuchLonger * others || more < kMuchOfStep * step || !waitedFor) return {};
  const QString times = QString::number(longest / std::max(others, 1e-9), 'f', 1);
  return (rows.size() == 2
              ? Lesson::tr("%1 computes %2 times as long as the other, which waits for it.")
              : Lesson::tr("%1 computes %2 times as long as the others, which wait for it."))
      .arg(slowest->name, times);
}

/// More processes than processors, where all run on the CPU of this machine.
QString crowdText(const std::vector<RankRow>& rows) {
  const auto cores = static_cast<size_t>(QThread::idealThreadCount());
  const bool here = std::all_of(rows.begin(), rows.end(), [&](const RankRow& row) {
    return row.onCpu && row.host == rows[0].host;
  });
  if (!here || rows.size() <= cores) return {};
  return cores == 1 ? Lesson::tr(" %1 processes take turns on 1 processor core.").arg(rows.size())
                    : Lesson::tr(" %1 processes take turns on %2 processor cores.")
                          .arg(rows.size())
                          .arg(cores);
}

}  // namespace

QString lessonOf(const std::vector<RankRow>& rows) {
  constexpr double kMostly = 0.5, kHidden = 0.3;
  const double wait = meanOf(rows, &dist::StepTimes::wait);
  const double reduce = meanOf(rows, &dist::StepTimes::reduce);
  const double step = wait + meanOf(rows, &dist::StepTimes::compute);
  if (!std::all_of(rows.begin(), rows.end(),
                   [](const RankRow& row) { return row.timesExchange(); })) {
    return Lesson::tr(
        "The whole step is replayed as one recording, with the all-reduce in it: only the whole "
        "is timed.");
  }
  const QString straggler = stragglerText(rows, step);
  if (!straggler.isEmpty()) return straggler;
  if (wait > kMostly * step) {
    return Lesson::tr(
               "The processes wait longer than they compute. A larger batch, or fewer "
               "processes, gives each more to compute.") +
           crowdText(rows);
  }
  if (reduce > 0 && wait < kHidden * reduce) {
    return Lesson::tr(
        "Most of the all-reduce is hidden: gradients of the last layers travel "
        "while those of the first are still computed.");
  }
  return {};
}

}  // namespace nw::widgets
