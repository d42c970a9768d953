#pragma once

#include <QGraphicsView>
#include <QVector>
#include <optional>

#include "core/graph/graph.h"

namespace nw::widgets {

class BlockSearchPopup;
class CanvasScene;
class EmptyInvitation;
class Minimap;
class ProblemCallout;
class ZoomBar;

/// A ready-made network that the empty canvas offers.
struct CanvasTemplate {
  QString id;     // given back by templateRequested
  QString title;  // "LeNet"
  QString summary;
  QString icon;  // file stem in resources/icons
};

/// The editor around a CanvasScene: zoom, pan, fit, rubber band, keyboard, drop target, search
/// popup, problem callouts, minimap and the invitation on the empty canvas.
class CanvasView : public QGraphicsView {
  Q_OBJECT

 public:
  static constexpr qreal kMinZoom = 0.05, kMaxZoom = 4;

  /// `scene` must outlive the view.
  explicit CanvasView(CanvasScene* scene, QWidget* parent = nullptr);

  CanvasScene* canvas() const { return scene_; }

  /// What the empty canvas offers, three at best.
  void setTemplates(const QVector<CanvasTemplate>& templates);

  qreal zoom() const { return transform().m11(); }
  /// Zooms so that the point of the scene under `anchor` (viewport px) stays there.
  void setZoom(qreal zoom, QPoint anchor);

 public slots:
  void zoomIn();
  void zoomOut();
  void resetZoom();
  /// Shows the whole graph, at most at 100 %.
  void fit();
  /// Moves no further than needed to show `extent` (scene); shows the whole graph where that is too
  /// large for the view.
  void bringIntoSight(const QRectF& extent);
  /// Opens the search popup at the centre; the chosen block comes in the middle of the view.
  void openSearch();
  /// Brings a node into sight, selects it and, if it has problems, shows them.
  void reveal(nw::graph::NodeId id);
  void showProblems(nw::graph::NodeId id);
  void hideProblems();
  void setMinimapVisible(bool visible);

 signals:
  void templateRequested(const QString& id);
  void zoomChanged(qreal zoom);
  /// The part of the scene in sight changed.
  void sightChanged();

 protected:
  void drawBackground(QPainter* painter, const QRectF& rect) override;
  void scrollContentsBy(int dx, int dy) override;
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void changeEvent(QEvent* event) override;
  bool viewportEvent(QEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void keyReleaseEvent(QKeyEvent* event) override;
  bool focusNextPrevChild(bool next) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dragMoveEvent(QDragMoveEvent* event) override;
  void dragLeaveEvent(QDragLeaveEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  void takeTheme();
  void placeOverlays();
  void fitWith(qreal foot);
  void placeCallout();
  void sceneShown();
  /// The minimap is there only while part of the graph is out of sight.
  void updateMinimap();
  void pan(QPoint by);
  bool nudge(const QKeyEvent& event);
  bool selectNext(bool forward);
  void speakSelection();
  void openSearchAt(QPointF at, const std::optional<graph::Wire>& wire);

  CanvasScene* scene_;
  Minimap* minimap_;
  ZoomBar* zoomBar_;
  EmptyInvitation* invitation_;
  ProblemCallout* callout_;
  BlockSearchPopup* search_;
  QVector<QRectF> dots_;  // reused by drawBackground
  graph::NodeId calloutNode_ = graph::kNoNode;
  std::optional<QPoint> panFrom_;
  bool spaceHeld_ = false;
  bool fitted_ = false;
  bool showsWhole_ = false;  // fitted, and not moved since: stays fitted when resized
};

}  // namespace nw::widgets
