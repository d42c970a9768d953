#include "app/windows/program.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QScreen>
#include <QStandardPaths>
#include <QTimer>
#include <cstdio>

#include "app/windows/main_window.h"
#include "app/windows/startup_clock.h"
#include "core/plugin/loader.h"
#include "widgets/charts/curves_file.h"
#include "widgets/style/icons.h"

namespace nw::app {
namespace {

constexpr QSize kCurvesSize(1200, 480);
constexpr double kCurvesScale = 2;

struct CommandLine {
  QCommandLineParser parser;
  QCommandLineOption help{{"h", "help"}, "Show this help."};
  QCommandLineOption version{{"v", "version"}, "Show the version."};
  QCommandLineOption theme{"theme", "light, dark, high-contrast or system.", "NAME"};
  QCommandLineOption renderCurves{"render-curves", "Draw a curves.csv to a picture and exit.",
                                  "CSV"};
  QCommandLineOption output{{"o", "output"}, "The picture to write (.png).", "PNG"};
  QCommandLineOption timeStartup{
      "time-startup", "Print the milliseconds from the start to the first painted window."};

  CommandLine() {
    parser.setApplicationDescription(
        "Draw a neural network, train it while you watch, take the weights to PyTorch.\n\n"
        "Example: netwright lenet.netwright");
    parser.addOptions({help, version, theme, renderCurves, output, timeStartup});
    parser.addPositionalArgument("FILE", "Projects to open; without one, the LeNet example.",
                                 "[FILE…]");
  }
};

int complain(const QString& text) {
  std::fprintf(stderr, "netwright: %s\n", qPrintable(text));
  return 1;
}

bool hasDisplay() {
  return qEnvironmentVariableIsSet("DISPLAY") || qEnvironmentVariableIsSet("WAYLAND_DISPLAY") ||
         qEnvironmentVariableIsSet("QT_QPA_PLATFORM");
}

int renderCurves(const CommandLine& line, int& argc, char** argv) {
  if (!line.parser.isSet(line.output)) {
    return complain("--render-curves expects the picture to write: -o FILE.png");
  }
  if (!hasDisplay()) qputenv("QT_QPA_PLATFORM", "offscreen");
  const QApplication application(argc, argv);
  widgets::applyTheme(*qApp, themeFromName(line.parser.value(line.theme)));
  QString error;
  const bool written =
      widgets::renderCurves(line.parser.value(line.renderCurves), line.parser.value(line.output),
                            kCurvesSize, kCurvesScale, &error);
  return written ? 0 : complain(error);
}

/// Plugins that could not be loaded must not keep people from their work: a bar tells of them.
QString loadPlugins() {
  QStringList failures;
  for (const plugin::LoadResult& one : plugin::load_plugins(plugin::plugin_folders())) {
    if (!one.failure.empty()) failures << QString::fromStdString(one.failure);
  }
  return failures.join('\n');
}

int runWindow(const CommandLine& line, int& argc, char** argv) {
  if (!hasDisplay()) {
    return complain("there is no display to open a window on; netwright-cli works without one");
  }
  QApplication application(argc, argv);
  QApplication::setApplicationName("netwright");
  QApplication::setApplicationVersion(NW_VERSION);
  QApplication::setWindowIcon(widgets::icon("netwright"));

  const QString failures = loadPlugins();  // before anybody asks for blocks and devices
  Settings settings;
  widgets::applyTheme(application, line.parser.isSet(line.theme)
                                       ? themeFromName(line.parser.value(line.theme))
                                       : settings.theme());
  RecoveryStore recovery(QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) +
                         "/recovery");
  MainWindow window(settings, recovery);
  if (!failures.isEmpty()) {
    window.messages().show("plugins", MessageArea::Tone::Warning, failures);
  }
  if (line.parser.isSet(line.timeStartup)) {
    new StartupClock(&window, [](double milliseconds) {
      std::printf("first paint after %.0f ms\n", milliseconds);
      std::fflush(stdout);
    });
  }
  const QStringList files = line.parser.positionalArguments();
  if (files.isEmpty()) {
    window.openExample("lenet");
  } else {
    for (const QString& file : files) window.openFile(file);
  }
  const QRect room = window.screen()->availableGeometry();
  const bool remembered = !settings.geometry().isEmpty();
  if (!remembered && !room.contains(QRect(room.topLeft(), window.size()))) {
    window.showMaximized();
  } else {
    window.show();
  }
  QTimer::singleShot(0, &window, &MainWindow::offerRecovery);
  return QApplication::exec();
}

}  // namespace

int runProgram(int argc, char** argv) {
  CommandLine line;
  QStringList arguments;
  for (int i = 0; i < argc; ++i) arguments.append(QString::fromLocal8Bit(argv[i]));
  if (!line.parser.parse(arguments)) return complain(line.parser.errorText());
  if (line.parser.isSet(line.help)) {
    std::fputs(qPrintable(line.parser.helpText()), stdout);
    return 0;
  }
  if (line.parser.isSet(line.version)) {
    std::puts("netwright " NW_VERSION);
    return 0;
  }
  return line.parser.isSet(line.renderCurves) ? renderCurves(line, argc, argv)
                                              : runWindow(line, argc, argv);
}

}  // namespace nw::app
