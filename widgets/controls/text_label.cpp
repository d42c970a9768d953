#include "widgets/controls/text_label.h"

#include <QEvent>
#include <QGuiApplication>

#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

QColor toneColor(const Theme& theme, TextLabel::Tone tone) {
  switch (tone) {
    case TextLabel::Tone::Secondary:
      return theme.secondary;
    case TextLabel::Tone::Error:
      return theme.error;
    case TextLabel::Tone::Warning:
      return theme.warning;
    case TextLabel::Tone::Good:
      return theme.good;
    case TextLabel::Tone::Normal:
      break;
  }
  return theme.text;
}

}  // namespace

TextLabel::TextLabel(const QString& text, Tone tone, int pixelSize, QFont::Weight weight,
                     QWidget* parent)
    : QLabel(text, parent), tone_(tone) {
  setFont(uiFont(pixelSize > 0 ? pixelSize : Theme::kBasePx, weight));
  setTextFormat(Qt::PlainText);
  applyTone();
}

TextLabel* TextLabel::note(const QString& text, Tone tone) {
  auto* label = new TextLabel(text, tone, Theme::kSecondaryPx);
  label->setWordWrap(true);
  return label;
}

void TextLabel::setTone(Tone tone) {
  tone_ = tone;
  applyTone();
}

void TextLabel::changeEvent(QEvent* event) {
  QLabel::changeEvent(event);
  if (event->type() != QEvent::PaletteChange) return;
  applyTone();
  if (textFormat() != Qt::RichText) return;
  // A link keeps the colour that it had when its text was set.
  const QString rich = text();
  clear();
  setText(rich);
}

void TextLabel::applyTone() {
  // The program's palette tells the theme: this label's own has the tone in it already.
  const Theme theme = Theme::fromPalette(QGuiApplication::palette());
  const QColor color = toneColor(theme, tone_);
  if (palette().color(QPalette::Active, QPalette::WindowText) == color) return;
  QPalette own;
  own.setColor(QPalette::WindowText, color);
  own.setColor(QPalette::Disabled, QPalette::WindowText, theme.disabled);
  setPalette(own);
}

}  // namespace nw::widgets
