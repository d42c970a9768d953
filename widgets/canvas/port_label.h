#pragma once

#include <QGraphicsItem>

namespace nw::widgets {

class CanvasScene;

/// The name of a port, beside it while the pointer or a wire is on it. Keeps its size on the screen
/// at every zoom. Stands above its position for an input, below for an output; takes no mouse.
class PortLabel : public QGraphicsItem {
 public:
  PortLabel(const CanvasScene& scene, const QString& text, bool above, QGraphicsItem* parent);

  QString text() const { return text_; }
  QRectF boundingRect() const override;
  void paint(QPainter* painter, const QStyleOptionGraphicsItem* option, QWidget* widget) override;

 private:
  const CanvasScene& scene_;
  QString text_;
  QRectF box_;
};

}  // namespace nw::widgets
