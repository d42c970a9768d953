#include <QtTest>
#include <QtWidgets>

#include "core/data/dataset.h"
#include "core/nn/block.h"
#include "core/nn/category.h"
#include "core/optim/optimizer.h"
#include "widgets/style/icons.h"
#include "widgets/style/style_sheet.h"
#include "widgets/style/theme.h"

using namespace nw;
using namespace nw::widgets;

namespace {

const std::pair<const char*, Theme> kThemes[] = {
    {"light", Theme::makeLight()},
    {"dark", Theme::makeDark()},
    {"high contrast", Theme::makeHighContrast()},
    {"high contrast, dark", Theme::makeHighContrastDark()}};

/// Opaque-enough pixels of an image, and how many of them have about the colour `wanted`.
std::pair<int, int> countInk(const QImage& image, const QColor& wanted) {
  int ink = 0, matching = 0;
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) {
      const QColor pixel = image.pixelColor(x, y);
      if (pixel.alpha() < 150) continue;
      ++ink;
      const int off = std::abs(pixel.red() - wanted.red()) +
                      std::abs(pixel.green() - wanted.green()) +
                      std::abs(pixel.blue() - wanted.blue());
      if (off < 12) ++matching;
    }
  }
  return {ink, matching};
}

}  // namespace

class TestTheme : public QObject {
  Q_OBJECT

 private slots:
  void contrastIsThatOfTheStandard() {
    QCOMPARE(contrast(Qt::black, Qt::white), 21.0);
    QCOMPARE(contrast(Qt::red, Qt::red), 1.0);
    // WebAIM's calculator gives 4.48 for #777777 on white.
    QVERIFY(std::abs(contrast(QColor(0x777777), Qt::white) - 4.48) < 0.005);
  }

  void everyTextIsReadable() {
    for (const auto& [name, theme] : kThemes) {
      const QColor grounds[] = {theme.window, theme.canvas, theme.card, theme.hover};
      const QColor inks[] = {theme.text,  theme.secondary, theme.link,
                             theme.error, theme.warning,   theme.good};
      for (const QColor& ground : grounds) {
        for (const QColor& ink : inks) {
          QVERIFY2(contrast(ground, ink) >= 4.5,
                   qPrintable(QString("%1: %2 on %3 is %4")
                                  .arg(name, ink.name(), ground.name())
                                  .arg(contrast(ground, ink))));
        }
        // Graphics and what cannot act now need less, but not nothing (WCAG 2.1, 1.4.11).
        QVERIFY2(contrast(theme.canvas, theme.disabled) >= 3, name);
      }
      QVERIFY2(contrast(theme.accent, theme.onAccent) >= 4.5, name);
      const QColor selected = mix(theme.window, theme.accent, theme.dark ? 0.35 : 0.16);
      QVERIFY2(contrast(selected, theme.text) >= 4.5, name);
      for (const nn::Category& category : nn::categories()) {
        const QColor ink = readable(QColor::fromRgb(category.color), theme.card);
        QVERIFY2(contrast(ink, theme.card) >= 3, category.title.data());
      }
    }
  }

  void aThemeIsFoundByItsPalette() {
    for (const auto& [name, theme] : kThemes) {
      const Theme found = Theme::fromPalette(theme.palette());
      QVERIFY2(found.dark == theme.dark && found.highContrast == theme.highContrast, name);
      QCOMPARE(found.accent, theme.accent);
    }
    // What a desktop with forced colours hands over.
    QPalette forced(Qt::black);
    forced.setColor(QPalette::Window, Qt::black);
    forced.setColor(QPalette::WindowText, Qt::white);
    QVERIFY(Theme::fromPalette(forced).highContrast && Theme::fromPalette(forced).dark);
  }

  void coloursAreThoseOfTheLook() {
    QCOMPARE(Theme::makeLight().window, QColor("#F6F7F9"));
    QCOMPARE(Theme::makeLight().canvas, QColor("#FFFFFF"));
    QCOMPARE(Theme::makeLight().secondary, QColor("#57606A"));
    QCOMPARE(Theme::makeDark().canvas, QColor("#17181A"));
    QCOMPARE(Theme::makeDark().card, QColor("#2A2C31"));
    QCOMPARE(Theme::makeDark().accent, QColor("#2F6FED"));
    QCOMPARE(categoryColor("activation"), QColor("#E69F00"));
    QCOMPARE(categoryColor("no such thing"), QColor("#6B7280"));
  }

  void paletteTellsItsTheme() {
    for (const auto& [name, theme] : kThemes) {
      const Theme again = Theme::fromPalette(theme.palette());
      QCOMPARE(again.dark, theme.dark);
      QCOMPARE(again.highContrast, theme.highContrast);
      QCOMPARE(again.canvas, theme.canvas);
    }
  }

  void themesAreApplied() {
    QLineEdit field("some text");
    QPushButton button("Train");
    field.show();
    button.show();
    for (const auto& [kind, dark] :
         {std::pair{ThemeKind::Dark, true}, std::pair{ThemeKind::Light, false},
          std::pair{ThemeKind::System, false}}) {
      applyTheme(*qApp, kind);
      QCOMPARE(Theme::of(&field).dark, dark);
      QCOMPARE(QApplication::palette().color(QPalette::Window),
               dark ? Theme::makeDark().window : Theme::makeLight().window);
      field.resize(120, 30);
      const QColor inside = field.grab().toImage().pixelColor(110, 15);
      QCOMPARE(inside, dark ? Theme::makeDark().canvas : Theme::makeLight().canvas);
    }
    applyTheme(*qApp, ThemeKind::HighContrast);
    QVERIFY(Theme::of(&button).highContrast);
    applyTheme(*qApp, ThemeKind::Light);
  }

  void styleSheetIsWhole() {
    for (const auto& [name, theme] : kThemes) {
      const QString sheet = styleSheet(theme);
      QVERIFY2(!sheet.contains('@'), qPrintable(sheet.mid(sheet.indexOf('@'), 40)));
      QCOMPARE(sheet.count('{'), sheet.count('}'));
    }
    QTest::failOnWarning(QRegularExpression(".*stylesheet.*"));
    applyTheme(*qApp, ThemeKind::Dark);
    QWidget widget;
    widget.ensurePolished();
    applyTheme(*qApp, ThemeKind::Light);
  }

  void digitsAreEquallyWide() {
    for (int px : {Theme::kSecondaryPx, Theme::kBasePx, Theme::kHeroPx}) {
      const QFontMetricsF metrics(uiFont(px));
      for (char16_t digit = u'1'; digit <= u'9'; ++digit) {
        QCOMPARE(metrics.horizontalAdvance(digit), metrics.horizontalAdvance(u'0'));
      }
      QCOMPARE(QFontInfo(uiFont(px)).pixelSize(), px);
    }
  }

  void everyDescriptionHasAnIcon() {
    for (const nn::Block& block : nn::blocks().all()) {
      QVERIFY2(hasIcon(QString::fromStdString(block.icon)), block.id.c_str());
      QCOMPARE(blockIconName(QString::fromStdString(block.id)), QString::fromStdString(block.icon));
    }
    for (const optim::OptimizerSpec& spec : optim::optimizers().all()) {
      QVERIFY2(hasIcon(QString::fromStdString(spec.icon)), spec.id.c_str());
    }
    for (const data::DatasetSpec& spec : data::datasets().all()) {
      QVERIFY2(hasIcon(QString::fromStdString(spec.icon)), spec.id.c_str());
    }
    for (const nn::Category& category : nn::categories()) {
      QVERIFY2(hasIcon(QString::fromUtf8(category.id.data())), category.id.data());
    }
    QCOMPARE(blockIconName("NoSuchBlock"), QString("unknown"));
  }

  void everyIconShowsInItsColour_data() {
    QTest::addColumn<QString>("name");
    for (const QString& file : QDir(":/icons").entryList({"*.svg"})) {
      const QString name = file.chopped(4);
      if (!name.startsWith("arrow-") && !name.startsWith("mark-") && name != "netwright") {
        QTest::newRow(qPrintable(name)) << name;
      }
    }
  }

  void everyIconShowsInItsColour() {
    QFETCH(QString, name);
    const QColor color(0x2266AA);
    for (int size : {20, 40}) {
      QImage image = icon(name, color).pixmap(size, size).toImage();
      QCOMPARE(image.size(), QSize(size, size));
      const auto [ink, matching] = countInk(image, color);
      QVERIFY2(ink > size / 2, "hardly anything is drawn");
      QCOMPARE(matching, ink);
    }
  }

  void iconsFollowTheThemeAndTheirState() {
    const QIcon play = icon("play");
    applyTheme(*qApp, ThemeKind::Dark);
    auto [ink, matching] = countInk(play.pixmap(40, 40).toImage(), Theme::makeDark().text);
    QCOMPARE(matching, ink);
    applyTheme(*qApp, ThemeKind::Light);
    std::tie(ink, matching) = countInk(play.pixmap(40, 40).toImage(), Theme::makeLight().text);
    QCOMPARE(matching, ink);
    const QImage disabled = play.pixmap(QSize(40, 40), QIcon::Disabled).toImage();
    std::tie(ink, matching) = countInk(disabled, Theme::makeLight().disabled);
    QCOMPARE(matching, ink);
    QVERIFY(icon("no-such-icon").isNull());
  }

  void iconsAreSharpOnDensePixels() {
    const QPixmap dense = icon("conv2d").pixmap(QSize(20, 20), 2.0);
    QCOMPARE(dense.size(), QSize(40, 40));
    QCOMPARE(dense.devicePixelRatio(), 2.0);
    // An enlarged small one would be blurred: compare with one drawn at that size.
    QPixmap direct(40, 40);
    direct.setDevicePixelRatio(2);
    direct.fill(Qt::transparent);
    QPainter painter(&direct);
    paintIcon(painter, QRectF(0, 0, 20, 20), "conv2d", Theme::makeLight().text);
    painter.end();
    QCOMPARE(dense.toImage().convertToFormat(QImage::Format_ARGB32),
             direct.toImage().convertToFormat(QImage::Format_ARGB32));
  }

  void showsAGallery() {
    const QString folder = qEnvironmentVariable("NW_SCREENSHOTS");
    if (folder.isEmpty()) QSKIP("NW_SCREENSHOTS names no folder");
    QDir().mkpath(folder);
    for (const auto& [kind, name] :
         {std::pair{ThemeKind::Light, "light"}, std::pair{ThemeKind::Dark, "dark"},
          std::pair{ThemeKind::HighContrast, "contrast"}}) {
      applyTheme(*qApp, kind);
      const std::unique_ptr<QWidget> gallery = makeGallery();
      gallery->resize(760, 560);
      gallery->show();
      QVERIFY(QTest::qWaitForWindowExposed(gallery.get()));
      QPixmap picture(gallery->size() * 2);
      picture.setDevicePixelRatio(2);
      gallery->render(&picture);
      QVERIFY(picture.save(QString("%1/style-%2.png").arg(folder, name)));
    }
    applyTheme(*qApp, ThemeKind::Light);
  }

 private:
  static std::unique_ptr<QWidget> makeGallery() {
    auto window = std::make_unique<QMainWindow>();
    QToolBar* bar = window->addToolBar("bar");
    for (const char* name : {"play", "pause", "stop", "step"}) {
      bar->addAction(icon(name), name)->setEnabled(QString(name) != "stop");
    }
    bar->addSeparator();
    auto* page = new QWidget;
    auto* form = new QFormLayout(page);
    auto* size = new QComboBox;
    size->addItems({"cpu", "cuda:0"});
    auto* spin = new QSpinBox;
    spin->setValue(64);
    auto* progress = new QProgressBar;
    progress->setValue(40);
    auto* check = new QCheckBox("nesterov");
    check->setChecked(true);
    auto* train = new QPushButton("Train");
    train->setDefault(true);
    auto* off = new QPushButton("Resume");
    off->setEnabled(false);
    auto* link = new QPushButton("Show the code");
    link->setFlat(true);
    auto* row = new QHBoxLayout;
    for (QWidget* one :
         {static_cast<QWidget*>(train), static_cast<QWidget*>(off),
          static_cast<QWidget*>(new QPushButton("Export…")), static_cast<QWidget*>(link)}) {
      row->addWidget(one);
    }
    row->addStretch();
    form->addRow("Device", size);
    form->addRow("Batch size", spin);
    form->addRow("Name", new QLineEdit("conv1"));
    form->addRow("", check);
    form->addRow("Progress", progress);
    form->addRow("Slider", new QSlider(Qt::Horizontal));
    form->addRow("", row);
    auto* icons = new QWidget;
    auto* grid = new QGridLayout(icons);
    int index = 0;
    for (const QString& file : QDir(":/icons").entryList({"*.svg"})) {
      auto* cell = new QLabel;
      cell->setPixmap(icon(file.chopped(4)).pixmap(QSize(20, 20), 2.0));
      grid->addWidget(cell, index / 18, index % 18);
      ++index;
    }
    form->addRow("Icons", icons);
    auto* tabs = new QTabWidget;
    tabs->addTab(page, "Charts");
    tabs->addTab(new QTextEdit, "Problems (2)");
    auto* list = new QListWidget;
    for (int i = 0; i < 40; ++i) list->addItem(QString("row %1").arg(i));
    list->setCurrentRow(2);
    auto* split = new QSplitter;
    split->addWidget(list);
    split->addWidget(tabs);
    split->setSizes({180, 560});
    window->setCentralWidget(split);
    window->menuBar()->addMenu("File");
    window->statusBar()->showMessage("61 706 parameters · 0.42 M multiply-adds");
    return window;
  }
};

QTEST_MAIN(TestTheme)
#include "test_theme.moc"
