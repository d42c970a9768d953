#include "widgets/style/theme.h"

#include <QApplication>
#include <QFontDatabase>
#include <QFontMetricsF>
#include <QStyle>
#include <QStyleFactory>
#include <QWidget>
#include <array>
#include <cmath>

#include "core/nn/category.h"
#include "widgets/style/style_sheet.h"

namespace nw::widgets {
namespace {

double linear(double channel) {
  return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& color) {
  return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) +
         0.0722 * linear(color.blueF());
}

bool digitsAreTabular(const QFont& font) {
  const QFontMetricsF metrics(font);
  const qreal width = metrics.horizontalAdvance(u'0');
  for (char16_t digit = u'1'; digit <= u'9'; ++digit) {
    if (std::abs(metrics.horizontalAdvance(digit) - width) > 0.01) return false;
  }
  return true;
}

/// The desktop's font; Noto Sans where there is none or its digits dance.
QStringList fontFamilies() {
  const QStringList fallbacks = {"Noto Sans", "Noto Sans CJK SC"};
  QFont system = QFontDatabase::systemFont(QFontDatabase::GeneralFont);
  system.setPixelSize(Theme::kBasePx);
  const bool known = QFontDatabase::hasFamily(system.family());
  return known && digitsAreTabular(system) ? QStringList{system.family()} + fallbacks : fallbacks;
}

}  // namespace

Theme Theme::makeLight() {
  Theme theme;
  theme.window = 0xF6F7F9;
  theme.canvas = 0xFFFFFF;
  theme.card = 0xFFFFFF;
  theme.dots = 0xE3E6EA;
  theme.text = 0x1F2328;
  theme.secondary = 0x57606A;
  theme.disabled = 0x8C939B;
  theme.line = 0xD7DBE0;
  theme.wire = 0x9AA2AB;
  theme.hover = 0xEBEDF1;
  theme.accent = 0x2F6FED;
  theme.onAccent = 0xFFFFFF;
  theme.link = 0x1F5FDB;
  theme.error = 0xC5302B;
  theme.warning = 0x8A5A00;
  theme.good = 0x0B7A4B;
  return theme;
}

Theme Theme::makeDark() {
  Theme theme;
  theme.dark = true;
  theme.window = 0x1E1F22;
  theme.canvas = 0x17181A;
  theme.card = 0x2A2C31;
  theme.dots = 0x2B2D31;
  theme.text = 0xE8E8EA;
  theme.secondary = 0xA0A4AB;
  theme.disabled = 0x767B83;
  theme.line = 0x3A3D43;
  theme.wire = 0x6C727B;
  theme.hover = 0x303238;
  theme.accent = 0x2F6FED;
  theme.onAccent = 0xFFFFFF;
  theme.link = 0x86AEFF;
  theme.error = 0xFF8A80;
  theme.warning = 0xF2B84B;
  theme.good = 0x5CC99A;
  return theme;
}

Theme Theme::makeHighContrast() {
  Theme theme;
  theme.highContrast = true;
  theme.window = theme.canvas = theme.card = 0xFFFFFF;
  theme.dots = 0xBBBBBB;
  theme.text = theme.secondary = theme.line = theme.wire = Qt::black;
  theme.disabled = 0x595959;
  theme.hover = 0xE0E0E0;
  theme.accent = theme.link = 0x0033CC;
  theme.onAccent = 0xFFFFFF;
  theme.error = 0xB00000;
  theme.warning = 0x7A4B00;
  theme.good = 0x005A32;
  theme.lineWidth = 2;
  return theme;
}

Theme Theme::makeHighContrastDark() {
  Theme theme;
  theme.dark = theme.highContrast = true;
  theme.window = theme.canvas = theme.card = Qt::black;
  theme.dots = 0x555555;
  theme.text = theme.secondary = theme.line = theme.wire = Qt::white;
  theme.disabled = 0xA6A6A6;
  theme.hover = 0x262626;
  theme.accent = 0x1F6BF5;
  theme.onAccent = 0xFFFFFF;
  theme.link = 0x86B6FF;
  theme.error = 0xFF8A80;
  theme.warning = 0xFFD166;
  theme.good = 0x66E0A3;
  theme.lineWidth = 2;
  return theme;
}

Theme Theme::fromPalette(const QPalette& palette) {
  const QColor window = palette.color(QPalette::Active, QPalette::Window);
  const QColor text = palette.color(QPalette::Active, QPalette::WindowText);
  const bool dark = window.lightness() < 128;
  if (contrast(window, text) > 20.9) return dark ? makeHighContrastDark() : makeHighContrast();
  return dark ? makeDark() : makeLight();
}

Theme Theme::of(const QWidget* widget) {
  return fromPalette(widget->palette());
}

QPalette Theme::palette() const {
  QPalette palette;
  const std::pair<QPalette::ColorRole, QColor> roles[] = {
      {QPalette::Window, window},
      {QPalette::WindowText, text},
      {QPalette::Base, canvas},
      {QPalette::AlternateBase, mix(canvas, text, 0.03)},
      {QPalette::Text, text},
      {QPalette::PlaceholderText, secondary},
      {QPalette::Button, card},
      {QPalette::ButtonText, text},
      {QPalette::BrightText, error},
      {QPalette::ToolTipBase, card},
      {QPalette::ToolTipText, text},
      {QPalette::Highlight, accent},
      {QPalette::HighlightedText, onAccent},
      {QPalette::Link, link},
      {QPalette::LinkVisited, link},
      {QPalette::Light, mix(card, Qt::white, dark ? 0.08 : 1)},
      {QPalette::Midlight, hover},
      {QPalette::Mid, line},
      {QPalette::Dark, mix(line, text, 0.25)},
      {QPalette::Shadow, mix(line, Qt::black, 0.5)},
  };
  for (const auto& [role, color] : roles) palette.setColor(role, color);
  for (QPalette::ColorRole role :
       {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText}) {
    palette.setColor(QPalette::Disabled, role, disabled);
  }
  palette.setColor(QPalette::Disabled, QPalette::Highlight, line);
  return palette;
}

QColor Theme::series(int index) const {
  // Okabe and Ito, "Color Universal Design" (2008); its black is the text's colour here, at the
  // end, so that a single curve stands out from axes and labels.
  const std::array<QColor, 8> colors = {
      QColor(0xE69F00), QColor(0x56B4E9), QColor(0x009E73), QColor(0xF0E442),
      QColor(0x0072B2), QColor(0xD55E00), QColor(0xCC79A7), text};
  return colors[size_t(index) % colors.size()];
}

QColor categoryColor(std::string_view id) {
  for (const nn::Category& category : nn::categories()) {
    if (category.id == id) return QColor::fromRgb(category.color);
  }
  return QColor(0x6B7280);
}

QFont uiFont(int pixelSize, QFont::Weight weight) {
  static const QStringList families = fontFamilies();
  QFont font(families);
  font.setPixelSize(pixelSize);
  font.setWeight(weight);
  return font;
}

double contrast(const QColor& a, const QColor& b) {
  const double first = luminance(a), second = luminance(b);
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

QColor mix(const QColor& under, const QColor& over, qreal opacity) {
  const auto channel = [opacity](float below, float above) {
    return float(below + (above - below) * opacity);
  };
  return QColor::fromRgbF(channel(under.redF(), over.redF()),
                          channel(under.greenF(), over.greenF()),
                          channel(under.blueF(), over.blueF()));
}

QColor readable(const QColor& color, const QColor& ground) {
  const QColor pole =
      contrast(ground, Qt::white) > contrast(ground, Qt::black) ? Qt::white : Qt::black;
  for (int step = 0; step < 10; ++step) {
    const QColor candidate = mix(color, pole, step * 0.1);
    if (contrast(candidate, ground) >= 3) return candidate;
  }
  return pole;
}

void applyTheme(QApplication& application, ThemeKind kind) {
  application.setStyle(QStyleFactory::create("Fusion"));
  application.setPalette(QPalette());  // back to the desktop's, to learn which it is
  Theme theme = Theme::fromPalette(QApplication::palette());
  switch (kind) {
    case ThemeKind::System:
      break;
    case ThemeKind::Light:
      theme = Theme::makeLight();
      break;
    case ThemeKind::Dark:
      theme = Theme::makeDark();
      break;
    case ThemeKind::HighContrast:
      theme = Theme::makeHighContrast();
      break;
  }
  application.setPalette(theme.palette());
  application.setFont(uiFont(Theme::kBasePx));
  application.setStyleSheet(styleSheet(theme));
}

bool motionAllowed() {
  const QString platform = QGuiApplication::platformName();
  if (platform == "offscreen" || platform == "minimal") return false;
  return QApplication::isEffectEnabled(Qt::UI_General);
}

}  // namespace nw::widgets
