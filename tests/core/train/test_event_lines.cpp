#include <QTest>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/train/event_lines.h"

using namespace nw;
using namespace nw::train;

namespace {

std::string failure(const std::string& line) {
  try {
    event_from_line(line);
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

std::vector<RunEvent> one_of_each() {
  StepDone step{7, 2, 3, 0.1, 1.0 / 3, 1e5, 12.5, 1e-3};
  step.ranks = {{0.25, 0.125, 0.0625, 1U << 20}, {0.5, 1e-9, 0, ~uint64_t{0}}};
  return {Started{5, 100, 6400, 640, 64, true, false, true},
          step,
          EpochDone{2, 200, 0.1, 0.9, 0.2, {}, 1.5},
          Paused{7},
          Resumed{7},
          Finished{Outcome::Diverged, "the loss \"became\" NaN\nat step 7, 5 × 3", 7, 1.5, {}, 0.5},
          Joined{"gloo", {{0, "node1", "cpu"}, {1, "node2", "cuda:1"}}},
          RankLost{{2, "node2", "cuda:1", "was killed by SIGKILL"}},
          Restarting{1}};
}

}  // namespace

class TestEventLines : public QObject {
  Q_OBJECT

 private slots:
  void every_event_comes_back() {
    const std::vector<RunEvent> events = one_of_each();
    QCOMPARE(events.size(), std::variant_size_v<RunEvent>);
    for (size_t i = 0; i < events.size(); ++i) {
      QCOMPARE(events[i].index(), i);
      const std::string line = to_line(events[i]);
      QCOMPARE(std::count(line.begin(), line.end(), '\n'), 1);
      QVERIFY(line.ends_with('\n'));
      const RunEvent back = event_from_line(line);
      QCOMPARE(back.index(), i);
      QCOMPARE(to_line(back), line);
    }
  }

  void numbers_keep_every_digit() {
    const auto back = std::get<StepDone>(event_from_line(to_line(one_of_each()[1])));
    QCOMPARE(back.accuracy, 1.0 / 3);
    QCOMPARE(back.ranks.size(), size_t{2});
    QCOMPARE(back.ranks[1].bytes, ~uint64_t{0});
    QCOMPARE(back.ranks[1].wait, 1e-9);
  }

  void what_is_no_number_comes_back() {
    EpochDone epoch;
    epoch.train_loss = NAN;
    epoch.validation_loss = -INFINITY;
    const auto back = std::get<EpochDone>(event_from_line(to_line(epoch)));
    QVERIFY(std::isnan(back.train_loss));
    QCOMPARE(*back.validation_loss, -INFINITY);
    QVERIFY(!back.validation_accuracy);
  }

  void a_line_is_as_promised() {
    QCOMPARE(to_line(RunEvent(Paused{7})), std::string("{\"event\":\"paused\",\"step\":7}\n"));
    QCOMPARE(to_line(Command::Step), std::string("step\n"));
    QCOMPARE(command_from_line("resume"), Command::Resume);
    QVERIFY_THROWS_EXCEPTION(Error, command_from_line("go"));
    QVERIFY_THROWS_EXCEPTION(Error, command_from_line("stop "));
  }

  void bytes_that_are_no_text_make_a_line() {
    const RunEvent event = RankLost{{0, "h", "cpu", "failed: \xff\xfe"}};
    QVERIFY(event_from_line(to_line(event)).index() == event.index());
  }

  void other_lines_are_refused_data() {
    QTest::addColumn<std::string>("line");
    for (const char* line :
         {"",
          "paused",
          "[]",
          "7",
          "{}",
          "{\"step\":7}",
          "{\"event\":\"went\",\"step\":7}",
          "{\"event\":7}",
          "{\"event\":\"paused\"}",
          "{\"event\":\"paused\",\"step\":\"7\"}",
          "{\"event\":\"paused\",\"step\":7.5}",
          "{\"event\":\"paused\",\"step\":true}",
          "{\"event\":\"paused\",\"step\":99999999999999999999}",
          "{\"event\":\"paused\",\"step\":18446744073709551615}",
          "{\"event\":\"paused\",\"step\":7,\"more\":1}",
          "{\"event\":\"paused\",\"step\":7}x",
          "{\"event\":\"joined\",\"backend\":\"gloo\",\"ranks\":{}}",
          "{\"event\":\"joined\",\"backend\":\"gloo\",\"ranks\":[7]}",
          "{\"event\":\"joined\",\"backend\":\"gloo\",\"ranks\":[{\"rank\":0,\"host\":\"h\"}]}",
          "{\"event\":\"finished\",\"outcome\":\"won\",\"text\":\"\",\"step\":0,\"seconds\":0}"}) {
      QTest::newRow(line) << std::string(line);
    }
  }

  void other_lines_are_refused() {
    QFETCH(std::string, line);
    const std::string said = failure(line);
    QVERIFY2(said.starts_with("[event] "), said.c_str());
  }
};

QTEST_GUILESS_MAIN(TestEventLines)
#include "test_event_lines.moc"
