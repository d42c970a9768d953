#include "app/cli/progress.h"

#include <algorithm>
#include <vector>

#include "app/cli/text.h"
#include "core/base/error.h"

namespace nw::cli {
namespace {

constexpr int kNarrowestBar = 8;
constexpr int kWidestBar = 24;

std::string bar(int width, double share, bool unicode) {
  const int full = static_cast<int>(share * width + 0.5);
  std::string text = unicode ? "" : "[";
  for (int i = 0; i < width; ++i) {
    text += unicode ? (i < full ? "█" : "░") : (i < full ? "#" : ".");
  }
  return unicode ? text : text + "]";
}

/// Keeps what follows a number in its place while the number grows.
std::string padded(const std::string& number, size_t width) {
  return std::string(width - std::min(width, number.size()), ' ') + number;
}

std::vector<std::string> figures(const train::Started& run, const train::StepDone& step) {
  std::vector<std::string> parts{"loss " + fixed(step.loss, 4)};
  if (run.classifies)
    parts.push_back("accuracy " + padded(fixed(step.accuracy * 100, 1), 5) + " %");
  parts.push_back(clock_text(step.seconds_left) + " left");
  parts.push_back(grouped(static_cast<int64_t>(step.samples_per_second)) + " samples/s");
  return parts;
}

}  // namespace

std::string progress_line(const train::Started& run, const train::StepDone& step,
                          const Terminal& terminal) {
  const int room = terminal.columns - 1;  // the last column would make some terminals wrap
  const double share = static_cast<double>(step.batch) / static_cast<double>(run.batches);
  const std::string head = concat("epoch ", step.epoch, "/", run.epochs, " ");
  const std::string done = padded(fixed(share * 100, 0), 3) + " %";
  const int brackets = terminal.unicode ? 0 : 2;

  std::vector<std::string> parts = figures(run, step);
  while (true) {
    std::string tail = " " + done;
    for (const std::string& part : parts) tail += "  " + part;
    const int left = room - brackets - static_cast<int>(head.size() + tail.size());
    if (left >= kNarrowestBar) {
      return head + bar(std::min(left, kWidestBar), share, terminal.unicode) + tail;
    }
    if (parts.empty()) break;
    parts.pop_back();
  }
  return (head + done).substr(0, static_cast<size_t>(std::max(room, 0)));
}

void ProgressBar::show(const train::Started& run, const train::StepDone& step) {
  constexpr std::chrono::milliseconds kBetween{100};
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now - last_ < kBetween) return;
  const Terminal screen = terminal();
  if (!screen.present) return;
  last_ = now;
  shown_ = true;
  note("\r" + progress_line(run, step, screen) + "\033[K");
}

void ProgressBar::clear() {
  if (!shown_) return;
  shown_ = false;
  note("\r\033[K");
}

}  // namespace nw::cli
