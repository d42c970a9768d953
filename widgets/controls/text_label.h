#pragma once

#include <QLabel>

namespace nw::widgets {

/// A label in one of the program's text sizes and tones; follows each change of theme.
class TextLabel : public QLabel {
  Q_OBJECT

 public:
  enum class Tone { Normal, Secondary, Error, Warning, Good };

  explicit TextLabel(const QString& text = {}, Tone tone = Tone::Normal, int pixelSize = 0,
                     QFont::Weight weight = QFont::Normal, QWidget* parent = nullptr);

  /// A wrapping line in the small size: helps, notes, messages.
  static TextLabel* note(const QString& text, Tone tone = Tone::Secondary);

  void setTone(Tone tone);
  Tone tone() const { return tone_; }

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void applyTone();

  Tone tone_;
};

}  // namespace nw::widgets
