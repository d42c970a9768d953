#pragma once

#include <QColor>
#include <QFont>
#include <QPalette>
#include <QPen>
#include <string_view>

class QApplication;
class QPainter;
class QWidget;

namespace nw::widgets {

enum class ThemeKind {
  System,  // light or dark, as the desktop's own palette is
  Light,
  Dark,
  HighContrast,
};

/// What everything is drawn with: colours, measures (px) and fonts. A value derived from a palette,
/// so a widget asks for it where it paints (`Theme::of(this)`) and follows each change of theme
/// (QEvent::PaletteChange) without being told.
struct Theme {
  bool dark = false;
  bool highContrast = false;

  QColor window;     // behind panels
  QColor canvas;     // behind the drawing, and inside fields
  QColor card;       // blocks, callouts, menus
  QColor dots;       // the canvas's grid
  QColor text;       // what is read
  QColor secondary;  // what is read second
  QColor disabled;   // what cannot act now
  QColor line;       // hairlines
  QColor wire;       // wires and ports at rest
  QColor hover;      // behind what is under the pointer
  QColor accent;     // fills of what acts now: selection, focus, the main button
  QColor onAccent;   // text on it
  QColor link;       // the accent where it is text
  QColor error;      // these three are readable as text, too
  QColor warning;
  QColor good;

  qreal lineWidth = 1;  // 2 in high contrast

  static constexpr int kGrid = 8;
  static constexpr int kPadding = 4;  // inside controls
  static constexpr int kRadius = 6;
  static constexpr int kBasePx = 13;
  static constexpr int kSecondaryPx = 11;
  static constexpr int kHeroPx = 18;
  static constexpr int kIconPx = 20;
  static constexpr int kMotionMs = 150;

  static Theme makeLight();
  static Theme makeDark();
  static Theme makeHighContrast();
  /// White on black, as desktops offer it.
  static Theme makeHighContrastDark();
  /// The theme that a palette stands for: told by the lightness of its window, and by pure black
  /// and pure white for high contrast.
  static Theme fromPalette(const QPalette& palette);
  static Theme of(const QWidget* widget);

  QPalette palette() const;
  /// Colour of the run at `index` in a chart, in the Okabe–Ito order; repeats after eight.
  QColor series(int index) const;
  /// Colour of the curve where there is only one run: the first series', the text's in high
  /// contrast.
  QColor curve() const { return highContrast ? text : series(0); }
  /// Of the lines behind curves, which stand back in every theme.
  QPen gridPen() const { return {highContrast ? dots : line, 1}; }
};

/// Colour of a block category (core/nn/category.h); grey for an unknown one.
QColor categoryColor(std::string_view id);

/// The program's font at a size; digits all equally wide.
QFont uiFont(int pixelSize, QFont::Weight weight = QFont::Normal);

/// Contrast of two opaque colours, 1 to 21 (WCAG 2.1, "contrast ratio").
double contrast(const QColor& a, const QColor& b);
/// `over` at `opacity` upon `under`, opaque.
QColor mix(const QColor& under, const QColor& over, qreal opacity);

/// `color`, moved towards black or white until it stands out 3 : 1 from `ground` (WCAG 2.1, for
/// graphics).
QColor readable(const QColor& color, const QColor& ground);

/// Style, palette, font and style sheet of the whole program. May be called again at any time.
void applyTheme(QApplication& application, ThemeKind kind);

/// Whether things may move: false when the desktop asks for less motion and on platforms without a
/// screen (so tests never wait).
bool motionAllowed();

}  // namespace nw::widgets
