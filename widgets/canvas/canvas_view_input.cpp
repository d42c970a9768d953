// What mouse, wheel, keys and drags do to the view.
#include <QApplication>
#include <QDragEnterEvent>
#include <QGestureEvent>
#include <QMimeData>
#include <QNativeGestureEvent>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "core/nn/block.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/canvas/node_item.h"
#include "widgets/palette/block_mime.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

QString blockOf(const QDropEvent& event) {
  return QString::fromUtf8(event.mimeData()->data(kBlockMimeType));
}

/// Whether a block can stand in the middle of a wire.
bool fitsOnWire(const QString& blockId) {
  const nn::Block* block = nn::blocks().find(blockId.toStdString());
  return block && !block->inputs.empty() && !block->outputs.empty();
}

}  // namespace

bool CanvasView::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::NativeGesture) {
    auto* gesture = static_cast<QNativeGestureEvent*>(event);
    if (gesture->gestureType() == Qt::ZoomNativeGesture) {
      setZoom(zoom() * (1 + gesture->value()), gesture->position().toPoint());
      return true;
    }
  }
  if (event->type() == QEvent::Gesture) {
    auto* gestures = static_cast<QGestureEvent*>(event);
    if (auto* pinch = static_cast<QPinchGesture*>(gestures->gesture(Qt::PinchGesture))) {
      setZoom(zoom() * pinch->scaleFactor(),
              viewport()->mapFromGlobal(pinch->centerPoint().toPoint()));
      return true;
    }
  }
  return QGraphicsView::viewportEvent(event);
}

void CanvasView::wheelEvent(QWheelEvent* event) {
  // Two fingers pan; a mouse's wheel zooms. Ctrl zooms with either.
  const bool fingers = event->phase() != Qt::NoScrollPhase ||
                       event->device()->type() == QInputDevice::DeviceType::TouchPad;
  if (fingers && !(event->modifiers() & Qt::ControlModifier)) {
    pan(event->pixelDelta().isNull() ? event->angleDelta() / 2 : event->pixelDelta());
  } else {
    setZoom(zoom() * std::pow(1.0015, event->angleDelta().y()), event->position().toPoint());
  }
  event->accept();
}

void CanvasView::keyPressEvent(QKeyEvent* event) {
  const bool control = event->modifiers() & Qt::ControlModifier;
  event->accept();
  switch (event->key()) {
    case Qt::Key_Delete:
    case Qt::Key_Backspace:
      return scene_->removeSelection();
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      if (control) return zoomIn();
      break;
    case Qt::Key_Minus:
      if (control) return zoomOut();
      break;
    case Qt::Key_0:
      if (control) return resetZoom();
      break;
    case Qt::Key_K:
      if (control) return openSearch();
      break;
    case Qt::Key_F:
      if (!control) return fit();
      break;
    case Qt::Key_Home:
      return fit();
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (scene_->selectedIds().size() == 1) return showProblems(scene_->selectedIds().front());
      break;
    case Qt::Key_Space:
      spaceHeld_ = true;
      if (!panFrom_) viewport()->setCursor(Qt::OpenHandCursor);
      return;
    case Qt::Key_Escape:
      hideProblems();
      QGraphicsView::keyPressEvent(event);
      if (!scene_->mouseGrabberItem()) scene_->clearSelection();
      return;
    default:
      if (nudge(*event)) return;
  }
  QGraphicsView::keyPressEvent(event);
}

bool CanvasView::nudge(const QKeyEvent& event) {
  const qreal step = event.modifiers() & Qt::ShiftModifier ? 5 * Theme::kGrid : Theme::kGrid;
  QPointF offset;
  switch (event.key()) {
    case Qt::Key_Left:
      offset = {-step, 0};
      break;
    case Qt::Key_Right:
      offset = {step, 0};
      break;
    case Qt::Key_Up:
      offset = {0, -step};
      break;
    case Qt::Key_Down:
      offset = {0, step};
      break;
    default:
      return false;
  }
  if (scene_->selectedIds().isEmpty()) {
    pan((-8 * offset).toPoint());
  } else {
    scene_->nudgeSelection(offset);
  }
  return true;
}

void CanvasView::keyReleaseEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Space && !event->isAutoRepeat()) {
    spaceHeld_ = false;
    if (!panFrom_) viewport()->unsetCursor();
    return;
  }
  QGraphicsView::keyReleaseEvent(event);
}

bool CanvasView::focusNextPrevChild(bool next) {
  return selectNext(next) || QGraphicsView::focusNextPrevChild(next);
}

bool CanvasView::selectNext(bool forward) {
  // In the order that the data takes; past either end the focus goes on to the next widget.
  std::vector<graph::NodeId> order = graph::topological_order(scene_->graph());
  for (const graph::Node& node : scene_->graph().nodes) {
    if (std::find(order.begin(), order.end(), node.id) == order.end()) order.push_back(node.id);
  }
  if (order.empty()) return false;
  const QVector<graph::NodeId> selected = scene_->selectedIds();
  size_t index = forward ? 0 : order.size() - 1;
  if (!selected.isEmpty()) {
    const auto at =
        std::find(order.begin(), order.end(), forward ? selected.back() : selected.front());
    index = size_t(at - order.begin()) + (forward ? 1 : size_t(-1));
    if (index >= order.size()) return false;
  }
  scene_->setSelectedIds({order[index]});
  ensureVisible(*scene_->nodeRect(order[index]), 40, 40);
  return true;
}

void CanvasView::mousePressEvent(QMouseEvent* event) {
  const bool withSpace = spaceHeld_ && event->button() == Qt::LeftButton;
  if (event->button() == Qt::MiddleButton || withSpace) {
    panFrom_ = event->position().toPoint();
    viewport()->setCursor(Qt::ClosedHandCursor);
    event->accept();
    return;
  }
  hideProblems();
  QGraphicsView::mousePressEvent(event);
}

void CanvasView::mouseMoveEvent(QMouseEvent* event) {
  if (panFrom_) {
    const QPoint now = event->position().toPoint();
    pan(now - *panFrom_);
    panFrom_ = now;
    return;
  }
  QGraphicsView::mouseMoveEvent(event);
}

void CanvasView::mouseReleaseEvent(QMouseEvent* event) {
  if (panFrom_ && event->button() != Qt::RightButton) {
    panFrom_.reset();
    if (spaceHeld_) {
      viewport()->setCursor(Qt::OpenHandCursor);
    } else {
      viewport()->unsetCursor();
    }
    return;
  }
  QGraphicsView::mouseReleaseEvent(event);
}

void CanvasView::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasFormat(kBlockMimeType)) {
    event->acceptProposedAction();
  } else {
    event->ignore();  // files are the window's business
  }
}

void CanvasView::dragMoveEvent(QDragMoveEvent* event) {
  if (!event->mimeData()->hasFormat(kBlockMimeType)) return event->ignore();
  std::optional<graph::Wire> wire;
  if (fitsOnWire(blockOf(*event))) {
    wire = scene_->wireAt(mapToScene(event->position().toPoint()));
  }
  scene_->setDropWire(wire);
  event->acceptProposedAction();
}

void CanvasView::dragLeaveEvent(QDragLeaveEvent* event) {
  scene_->setDropWire({});
  event->accept();
}

void CanvasView::dropEvent(QDropEvent* event) {
  if (!event->mimeData()->hasFormat(kBlockMimeType)) return event->ignore();
  const QString block = blockOf(*event);
  const QPointF at = mapToScene(event->position().toPoint());
  const QPointF place(std::round(at.x() / Theme::kGrid) * Theme::kGrid,
                      std::round(at.y() / Theme::kGrid) * Theme::kGrid);
  const std::optional<graph::Wire> wire =
      fitsOnWire(block) ? scene_->wireAt(at) : std::optional<graph::Wire>();
  scene_->setDropWire({});
  event->acceptProposedAction();
  setFocus();
  if (wire) {
    emit scene_->insertOnWireRequested(block, place, *wire);
  } else {
    emit scene_->addRequested(block, place);
  }
}

}  // namespace nw::widgets
