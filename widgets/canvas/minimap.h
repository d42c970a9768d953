#pragma once

#include <QWidget>

namespace nw::widgets {

class CanvasView;

/// The whole drawing in small, with the part in sight framed; a click or drag goes there.
class Minimap : public QWidget {
  Q_OBJECT

 public:
  explicit Minimap(CanvasView* view);
  QSize sizeHint() const override { return {168, 112}; }

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;

 private:
  QTransform toMap() const;
  QRectF inSight() const;

  CanvasView* view_;
};

}  // namespace nw::widgets
