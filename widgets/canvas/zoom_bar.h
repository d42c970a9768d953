#pragma once

#include <QWidget>

class QToolButton;

namespace nw::widgets {

class CanvasView;

/// Zoom out, the zoom (click: 100 %), zoom in, fit, and the minimap's switch.
class ZoomBar : public QWidget {
  Q_OBJECT

 public:
  explicit ZoomBar(CanvasView* view);
  QToolButton* minimapButton() const { return minimap_; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QToolButton* minimap_;
};

}  // namespace nw::widgets
