#pragma once

#include <QWidget>

#include "widgets/canvas/canvas_view.h"

class QHBoxLayout;
class QLabel;

namespace nw::widgets {

/// What the empty canvas says: how to begin, and ready-made networks as buttons. Lets drags and
/// clicks beside its buttons through to the canvas.
class EmptyInvitation : public QWidget {
  Q_OBJECT

 public:
  explicit EmptyInvitation(QWidget* parent);

  void setTemplates(const QVector<CanvasTemplate>& templates);

 signals:
  void templateRequested(const QString& id);

 private:
  QHBoxLayout* buttons_;
  QLabel* orStart_;
};

}  // namespace nw::widgets
