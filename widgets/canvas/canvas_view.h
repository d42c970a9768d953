#pragma once

#include <QGraphicsView>
#include <QPointer>

#include "core/graph/problem.h"

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
  explicit CanvasView(CanvasScene* scene, QWidget* parent = nullptr);
  ~CanvasView() override;

  CanvasScene* canvas() const { return scene_; }

  /// What the empty canvas offers, three at best.
  void setTemplates(const QVector<CanvasTemplate>& templates);

  qreal zoom() const;
  /// Zooms so that the point of the scene under `anchor` (viewport px) stays there.
  void setZoom(qreal zoom, QPoint anchor);

 public slots:
  void zoomIn();
  void zoomOut();
  void resetZoom();
  /// Shows the whole graph, at most at 100 %.
  void fit();
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
};

}  // namespace nw::widgets
