#include <QLabel>
#include <QMenu>
#include <QSignalSpy>

#include "app/windows/device_button.h"
#include "tests/support/fake_device.h"
#include "tests/ui/window_driver.h"
#include "widgets/problems/problems_panel.h"

using namespace nw;
using namespace nw::test;

/// Devices ticked by hand in the tool bar, on a machine that has two graphics cards.
class TestDeviceButton : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase();
  void cardsAreTickedInOneGo();
  void keysTickToo();
  void processesAreChosenWithoutClosing();
  void theMenuExplainsItself();
  void searchFindsDevices();
  void whatIsNotThereIsAProblem();
};

namespace {

app::DeviceButton* buttonOf(WindowDriver& hand) {
  return hand.window().trainBar().findChild<app::DeviceButton*>();
}

/// What the document was last told.
QString device(WindowDriver& hand) {
  return QString::fromStdString(hand.document().project().run.device);
}

QAction* entry(QMenu* menu, const QString& title) {
  for (QAction* action : menu->actions()) {
    if (action->text().startsWith(title)) return action;
  }
  return nullptr;
}

void click(QMenu* menu, const QString& title) {
  QAction* action = entry(menu, title);
  QVERIFY2(action, qPrintable(title));
  QTest::mouseClick(menu, Qt::LeftButton, {}, menu->actionGeometry(action).center());
}

enum class By { Pointer, Keys };

/// Opens the menu and does something in it; the menu has a loop of its own.
void withMenu(WindowDriver& hand, const std::function<void(QMenu*)>& act, By by = By::Pointer) {
  app::DeviceButton* button = buttonOf(hand);
  bool done = false;
  QTimer::singleShot(50, button, [&] {
    QMenu* menu = button->menu();
    if (menu->isVisible()) act(menu);
    done = true;
    menu->close();
  });
  if (by == By::Pointer) {
    QTest::mouseClick(button, Qt::LeftButton);
  } else {
    button->setFocus(Qt::TabFocusReason);
    QTest::keyClick(button, Qt::Key_Space);
  }
  QVERIFY(runUntil([&] { return done; }));
}

}  // namespace

void TestDeviceButton::initTestCase() {
  widgets::applyTheme(*qApp, widgets::ThemeKind::Light);
  QCOMPARE(fake_gpus().device_count(), 2);
}

void TestDeviceButton::cardsAreTickedInOneGo() {
  WindowDriver hand;
  QVERIFY(hand.show());
  bool wasOpen = false;
  withMenu(hand, [&](QMenu* menu) {
    QVERIFY(entry(menu, "CPU")->isChecked());
    click(menu, "cuda:1");
    QVERIFY(menu->isVisible());
    QCOMPARE(device(hand), QString("cuda:1"));
    click(menu, "cuda:0");
    QVERIFY(menu->isVisible());
    QCOMPARE(device(hand), QString("cuda:0, cuda:1"));
    QVERIFY(entry(menu, "cuda:0")->isChecked() && entry(menu, "cuda:1")->isChecked());
    QVERIFY(!entry(menu, "CPU")->isChecked());
    screenshot(*menu, "device-menu-light");
    wasOpen = true;
  });
  QVERIFY(wasOpen);
  QCOMPARE(buttonOf(hand)->text(), QString("cuda:0,1"));
  QVERIFY(buttonOf(hand)->accessibleName().contains("cuda:0,1"));
  withMenu(hand, [&](QMenu* menu) {
    click(menu, "cuda:0");
    QCOMPARE(device(hand), QString("cuda:1"));
    click(menu, "cuda:1");  // with none ticked, the CPU trains
    QCOMPARE(device(hand), QString("cpu"));
    QVERIFY(entry(menu, "CPU")->isChecked());
    QVERIFY(menu->isVisible());
  });
  QCOMPARE(buttonOf(hand)->text(), QString("cpu"));
}

void TestDeviceButton::keysTickToo() {
  WindowDriver hand;
  QVERIFY(hand.show());
  const auto tick = [&](QMenu* menu) {
    menu->setActiveAction(entry(menu, "cuda:0"));
    QTest::keyClick(menu, Qt::Key_Space);
    QTest::keyClick(menu, Qt::Key_Down);
    QTest::keyClick(menu, Qt::Key_Space);
    QVERIFY(menu->isVisible());
    QCOMPARE(device(hand), QString("cuda:0, cuda:1"));
    QTest::keyClick(menu, Qt::Key_Space);
    QCOMPARE(device(hand), QString("cuda:0"));
    QTest::keyClick(menu, Qt::Key_Return);  // ticks, and is done
    QVERIFY(!menu->isVisible());
  };
  withMenu(hand, tick, By::Keys);
  QCOMPARE(device(hand), QString("cuda:0, cuda:1"));
}

void TestDeviceButton::processesAreChosenWithoutClosing() {
  WindowDriver hand;
  QVERIFY(hand.show());
  graph::RunSettings settings = hand.document().project().run;
  settings.device = "cpu*3";
  hand.document().setRun(settings);
  withMenu(hand, [&](QMenu* menu) {
    QVERIFY(entry(menu, "CPU, 3 processes")->isChecked());
    click(menu, "CPU, 8 processes");
    QVERIFY(menu->isVisible());
    QVERIFY(!entry(menu, "CPU, 3 processes")->isChecked());
    click(menu, "CPU, 4 processes");
    click(menu, "CPU, 4 processes");  // a second click does not leave nothing chosen
    QVERIFY(menu->isVisible() && entry(menu, "CPU, 4 processes")->isChecked());
  });
  QCOMPARE(device(hand), QString("cpu*4"));
  QCOMPARE(buttonOf(hand)->text(), QString("cpu × 4"));
}

void TestDeviceButton::theMenuExplainsItself() {
  WindowDriver hand;
  QVERIFY(hand.show());
  bool seen = false;
  withMenu(hand, [&](QMenu* menu) {
    QLabel* note = nullptr;
    for (QLabel* label : menu->findChildren<QLabel*>()) {
      if (label->text().contains("All-reduce")) note = label;
    }
    QVERIFY(note);
    QVERIFY(note->isVisible() && menu->rect().contains(note->geometry()));
    QVERIFY(note->height() >= note->heightForWidth(note->width()));
    // The arrow keys pass over it, and come round to the first entry.
    menu->setActiveAction(entry(menu, "cuda:1"));
    QTest::keyClick(menu, Qt::Key_Down);
    QCOMPARE(menu->activeAction(), entry(menu, "CPU"));
    seen = true;
  });
  QVERIFY(seen);
}

void TestDeviceButton::searchFindsDevices() {
  WindowDriver hand;
  QVERIFY(hand.show());
  const auto search = [&](const QString& text) {
    auto* field = hand.window().findChild<app::CommandSearch*>();
    field->setFocus();
    QTest::keyClicks(field, text);
    QTest::keyClick(field, Qt::Key_Return);
    QCoreApplication::processEvents();
  };
  search("4 processes");
  QCOMPARE(device(hand), QString("cpu*4"));
  QCOMPARE(buttonOf(hand)->text(), QString("cpu × 4"));
  search("all 2 graphics cards");
  QCOMPARE(device(hand), QString("cuda:0, cuda:1"));
  search("ddp");
  QCOMPARE(device(hand), QString("cpu"));  // the first of all devices
}

void TestDeviceButton::whatIsNotThereIsAProblem() {
  WindowDriver hand;
  QVERIFY(hand.show());
  hand.window().openExample("spirals");
  QCOMPARE(hand.window().current().problems()->count(), 0);
  graph::RunSettings settings = hand.document().project().run;
  settings.device = "cuda:0, cuda:5";
  hand.document().setRun(settings);
  QCOMPARE(buttonOf(hand)->text(), QString("cuda:0,5"));
  QVERIFY(!buttonOf(hand)->icon().isNull());
  QVERIFY2(buttonOf(hand)->toolTip().contains("cuda:5"), qPrintable(buttonOf(hand)->toolTip()));
  QCOMPARE(hand.window().current().problems()->count(), 1);
  screenshot(hand.window(), "device-missing-light");
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(!hand.session().isActive());
  QVERIFY(hand.window().messages().text("run").contains("cuda:5"));
  withMenu(hand, [&](QMenu* menu) {
    QVERIFY(entry(menu, "cuda:5 · not in this machine")->isChecked());
    click(menu, "cuda:5");
  });
  QCOMPARE(device(hand), QString("cuda:0"));
  QVERIFY(buttonOf(hand)->icon().isNull());
  QCOMPARE(hand.window().current().problems()->count(), 0);
}

QTEST_MAIN(TestDeviceButton)
#include "test_device_button.moc"
