#pragma once

#include <QFrame>

class QLabel;
class QPushButton;
class QToolButton;

namespace nw::widgets {

/// A message inside a panel, instead of a dialog: a sentence, perhaps one thing to do about it, and
/// a way to close it. Hidden until shown.
class MessageBar : public QFrame {
  Q_OBJECT

 public:
  enum class Tone { Info, Success, Warning, Error };

  explicit MessageBar(QWidget* parent = nullptr);

  /// Shows `text`; `action` is the button's words, none when empty.
  void showMessage(Tone tone, const QString& text, const QString& action = {});
  QString text() const;
  Tone tone() const { return tone_; }

 public slots:
  void dismiss();

 signals:
  void actionTriggered();
  void dismissed();

 protected:
  void changeEvent(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void restyle();

  Tone tone_ = Tone::Info;
  QLabel* icon_;
  QLabel* text_;
  QPushButton* action_;
  QToolButton* close_;
};

}  // namespace nw::widgets
