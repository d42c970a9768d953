#include "widgets/canvas/canvas_view.h"

#include <QAccessible>
#include <QEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolButton>
#include <cmath>

#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/empty_invitation.h"
#include "widgets/canvas/minimap.h"
#include "widgets/canvas/node_item.h"
#include "widgets/canvas/problem_callout.h"
#include "widgets/canvas/zoom_bar.h"
#include "widgets/palette/block_search_popup.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr qreal kZoomStep = 1.25;
constexpr qreal kFarAway = 1e5;     // px; how far one may pan
constexpr qreal kDotStep = 24;      // px of the scene
constexpr qreal kDotsAtLeast = 14;  // px of the screen between two dots
constexpr qreal kDotPx = 1.5;       // of the screen
constexpr int kOverlayMargin = 12;
constexpr qreal kFitMargin = 32;

}  // namespace

CanvasView::CanvasView(CanvasScene* scene, QWidget* parent)
    : QGraphicsView(scene, parent),
      scene_(scene),
      minimap_(new Minimap(this)),
      zoomBar_(new ZoomBar(this)),
      invitation_(new EmptyInvitation(this)),
      callout_(new ProblemCallout(this)),
      search_(new BlockSearchPopup(this)) {
  setAccessibleName(tr("Network"));
  setFrameShape(QFrame::NoFrame);
  setDragMode(RubberBandDrag);
  setTransformationAnchor(NoAnchor);
  setResizeAnchor(NoAnchor);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setOptimizationFlag(DontSavePainterState);
  setViewportUpdateMode(SmartViewportUpdate);
  setAcceptDrops(true);
  viewport()->grabGesture(Qt::PinchGesture);
  // The view's own extent is wide, for free panning; the scene's is tight, for its index.
  setSceneRect(-kFarAway, -kFarAway, 2 * kFarAway, 2 * kFarAway);
  centerOn(0, 0);
  connect(scene_, &CanvasScene::shown, this, &CanvasView::sceneShown);
  connect(scene_, &CanvasScene::selectionIdsChanged, this, [this] {
    minimap_->update();
    speakSelection();
  });
  connect(scene_, &CanvasScene::problemsRequested, this, &CanvasView::showProblems);
  connect(scene_, &CanvasScene::searchRequested, this, &CanvasView::openSearchAt);
  connect(callout_, &ProblemCallout::fixRequested, scene_, &CanvasScene::fixRequested);
  connect(callout_, &ProblemCallout::closed, this, &CanvasView::hideProblems);
  connect(invitation_, &EmptyInvitation::templateRequested, this, &CanvasView::templateRequested);
  connect(this, &CanvasView::sightChanged, this, &CanvasView::updateMinimap);
  takeTheme();
  setMinimapVisible(true);
  sceneShown();
}

void CanvasView::setTemplates(const QVector<CanvasTemplate>& templates) {
  invitation_->setTemplates(templates);
  placeOverlays();
}

void CanvasView::takeTheme() {
  const Theme theme = Theme::of(this);
  scene_->setTheme(theme);
  QPalette own = viewport()->palette();
  own.setColor(QPalette::Base, theme.canvas);
  viewport()->setPalette(own);
  setBackgroundBrush(theme.canvas);
}

void CanvasView::changeEvent(QEvent* event) {
  QGraphicsView::changeEvent(event);
  if (event->type() == QEvent::PaletteChange && scene_) takeTheme();
}

void CanvasView::sceneShown() {
  invitation_->setVisible(scene_->graph().nodes.empty());
  updateMinimap();
  if (calloutNode_ != graph::kNoNode) showProblems(calloutNode_);
  if (!fitted_ && isVisible() && !scene_->graph().nodes.empty()) fit();
}

void CanvasView::setZoom(qreal zoom, QPoint anchor) {
  showsWhole_ = false;
  zoom = std::clamp(zoom, kMinZoom, kMaxZoom);
  const QPointF fixed = viewportTransform().inverted().map(QPointF(anchor));
  setTransform(QTransform::fromScale(zoom, zoom));
  const QPointF now = viewportTransform().map(fixed);
  pan((QPointF(anchor) - now).toPoint());
  placeCallout();
  emit zoomChanged(zoom);
  emit sightChanged();
}

void CanvasView::pan(QPoint by) {
  showsWhole_ = false;
  horizontalScrollBar()->setValue(horizontalScrollBar()->value() - by.x());
  verticalScrollBar()->setValue(verticalScrollBar()->value() - by.y());
}

void CanvasView::zoomIn() {
  setZoom(zoom() * kZoomStep, viewport()->rect().center());
}
void CanvasView::zoomOut() {
  setZoom(zoom() / kZoomStep, viewport()->rect().center());
}
void CanvasView::resetZoom() {
  setZoom(1, viewport()->rect().center());
}

void CanvasView::fit() {
  const QRectF extent = scene_->extent();
  if (extent.isEmpty()) {
    resetZoom();
    centerOn(0, 0);
    return;
  }
  fitted_ = true;
  fitWith(kFitMargin);
  // Cards stay clear of the zoom bar.
  if (mapFromScene(extent).boundingRect().intersects(zoomBar_->geometry())) {
    fitWith(zoomBar_->height() + 2 * kOverlayMargin);
  }
  showsWhole_ = true;
}

/// Shows the whole graph above a foot of so many px.
void CanvasView::fitWith(qreal foot) {
  const QRectF extent = scene_->extent();
  const qreal fits = std::min((viewport()->width() - 2 * kFitMargin) / extent.width(),
                              (viewport()->height() - kFitMargin - foot) / extent.height());
  setZoom(std::min(1.0, fits), viewport()->rect().center());
  centerOn(extent.center() + QPointF(0, (foot - kFitMargin) / 2 / zoom()));
}

void CanvasView::bringIntoSight(const QRectF& extent) {
  const QRectF sight = mapToScene(viewport()->rect()).boundingRect();
  if (sight.contains(extent)) return;
  if (extent.width() > sight.width() || extent.height() > sight.height()) {
    fit();
  } else {
    ensureVisible(extent);
  }
}

void CanvasView::reveal(graph::NodeId id) {
  const std::optional<QRectF> card = scene_->nodeRect(id);
  if (!card) return;
  scene_->setSelectedIds({id});
  if (zoom() < 0.6) setZoom(1, viewport()->rect().center());
  ensureVisible(*card, 80, 80);
  showProblems(id);
}

void CanvasView::showProblems(graph::NodeId id) {
  const NodeItem* item = scene_->nodeItem(id);
  if (!item || item->problems().isEmpty()) return hideProblems();
  calloutNode_ = id;
  callout_->setProblems(item->problems());
  callout_->show();
  callout_->raise();
  placeCallout();
}

void CanvasView::hideProblems() {
  if (calloutNode_ == graph::kNoNode) return;
  calloutNode_ = graph::kNoNode;
  if (callout_->isAncestorOf(window()->focusWidget())) setFocus();
  callout_->hide();
}

void CanvasView::placeCallout() {
  const std::optional<QRectF> card = scene_->nodeRect(calloutNode_);
  if (!card) return;
  const QRect shown = mapFromScene(*card).boundingRect();
  // Beside the badge; on the left, or below, where there is no room on the right.
  QPoint at(shown.right() + 12, shown.top() - 14);
  if (at.x() + callout_->width() > width()) at.setX(shown.left() - 12 - callout_->width());
  if (at.x() < 0) at = {shown.right() - callout_->width() + 16, shown.bottom() + 8};
  if (rect().intersects(shown)) {  // a card in sight has its callout in sight
    at.setX(std::clamp(at.x(), 0, std::max(0, width() - callout_->width())));
    at.setY(std::clamp(at.y(), 0, std::max(0, height() - callout_->height())));
  }
  callout_->move(at);
}

void CanvasView::setMinimapVisible(bool visible) {
  zoomBar_->minimapButton()->setChecked(visible);
  updateMinimap();
}

void CanvasView::updateMinimap() {
  const QRectF seen = mapToScene(viewport()->rect()).boundingRect();
  const bool hidesSome = !scene_->graph().nodes.empty() && !seen.contains(scene_->extent());
  minimap_->setVisible(zoomBar_->minimapButton()->isChecked() && hidesSome);
  minimap_->update();
}

void CanvasView::placeOverlays() {
  zoomBar_->adjustSize();
  minimap_->resize(minimap_->sizeHint());
  const int right = width() - kOverlayMargin, bottom = height() - kOverlayMargin;
  zoomBar_->move(right - zoomBar_->width(), bottom - zoomBar_->height());
  minimap_->move(right - minimap_->width(), zoomBar_->y() - minimap_->height() - 8);
  invitation_->adjustSize();
  invitation_->move((width() - invitation_->width()) / 2,
                    (height() - invitation_->height()) / 2 - 24);
  placeCallout();
}

void CanvasView::resizeEvent(QResizeEvent* event) {
  const bool whole = showsWhole_;  // the view scrolls by itself when its size changes
  QGraphicsView::resizeEvent(event);
  placeOverlays();
  if (whole) fit();
  emit sightChanged();
}

void CanvasView::showEvent(QShowEvent* event) {
  QGraphicsView::showEvent(event);
  placeOverlays();
  if (!fitted_) fit();
}

void CanvasView::scrollContentsBy(int dx, int dy) {
  QGraphicsView::scrollContentsBy(dx, dy);
  showsWhole_ = false;
  placeCallout();
  emit sightChanged();
}

void CanvasView::drawBackground(QPainter* painter, const QRectF& rect) {
  painter->fillRect(rect, backgroundBrush());
  qreal step = kDotStep;
  while (step * zoom() < kDotsAtLeast) step *= 2;
  const qreal side = kDotPx / zoom();
  dots_.clear();
  for (qreal y = std::ceil(rect.top() / step) * step; y < rect.bottom(); y += step) {
    for (qreal x = std::ceil(rect.left() / step) * step; x < rect.right(); x += step) {
      dots_.append(QRectF(x, y, side, side));
    }
  }
  painter->setRenderHint(QPainter::Antialiasing, false);
  painter->setPen(Qt::NoPen);
  painter->setBrush(scene_->theme().dots);
  painter->drawRects(dots_.constData(), int(dots_.size()));
}

void CanvasView::openSearch() {
  openSearchAt(mapToScene(viewport()->rect().center()), std::nullopt);
}

void CanvasView::openSearchAt(QPointF at, const std::optional<graph::Wire>& wire) {
  search_->open(viewport()->mapToGlobal(mapFromScene(at)), wire, [this, at, wire](QString block) {
    if (!wire) {
      emit scene_->addRequested(block, scene_->freePlace(at));
      return;
    }
    emit scene_->addWiredRequested(block, at, BlockSearchPopup::completed(*wire, block));
  });
}

void CanvasView::speakSelection() {
  const QVector<graph::NodeId> ids = scene_->selectedIds();
  QString text = tr("%n blocks selected", nullptr, int(ids.size()));
  if (ids.size() == 1) text = scene_->nodeItem(ids.front())->spoken();
  setAccessibleDescription(text);
  QAccessibleEvent event(this, QAccessible::DescriptionChanged);
  QAccessible::updateAccessibility(&event);
}

}  // namespace nw::widgets
