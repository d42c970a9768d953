#pragma once

#include <QWidget>
#include <optional>

class QHBoxLayout;

namespace nw::widgets {

class TextLabel;

/// Line above a plot: the figure's name, its value now in large digits, the validation value.
class FigureHeader : public QWidget {
  Q_OBJECT

 public:
  explicit FigureHeader(const QString& title, QWidget* parent = nullptr);

  void setFigures(const QString& training, const QString& validation);
  /// The large digits as shown.
  QString hero() const;
  /// Room at the right for controls.
  QHBoxLayout* controls() const { return controls_; }
  /// Its width (px), while the figure's name and value stay whole.
  int roomForControls() const;

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void fitNote();

  TextLabel* title_;
  TextLabel* hero_;
  TextLabel* note_;
  QHBoxLayout* controls_;
};

}  // namespace nw::widgets
