#pragma once

#include <QString>
#include <QVector>
#include <QWidget>
#include <optional>

namespace nw::widgets {

/// Drawn over a plot, so that moving the pointer does not draw the curves again: a vertical
/// hairline, a dot on each curve, and a small card with the figures. Lets the mouse through.
class Crosshair : public QWidget {
  Q_OBJECT

 public:
  struct Line {
    QString name;
    QString value;
    QColor color;
    std::optional<QPointF> dot;  // on the curve, in this widget's pixels
  };

  explicit Crosshair(QWidget* parent);

  /// `x` and `area` in pixels of this widget; the card keeps inside `area`.
  void showAt(qreal x, const QRectF& area, const QString& title, const QVector<Line>& lines);
  void clear();
  const QString& title() const { return title_; }
  const QVector<Line>& lines() const { return lines_; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void paintCard(QPainter& painter);

  bool shown_ = false;
  qreal x_ = 0;
  QRectF area_;
  QString title_;
  QVector<Line> lines_;
};

}  // namespace nw::widgets
