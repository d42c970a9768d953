#include "widgets/canvas/zoom_bar.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QToolButton>

#include "widgets/canvas/canvas_view.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

ZoomBar::ZoomBar(CanvasView* view) : QWidget(view) {
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(4, 4, 4, 4);
  row->setSpacing(2);
  const auto button = [&](const QString& iconName, const QString& tip) {
    auto* made = new QToolButton(this);
    if (!iconName.isEmpty()) made->setIcon(icon(iconName));
    made->setIconSize({16, 16});
    made->setToolTip(tip);
    made->setAccessibleName(tip);
    made->setFocusPolicy(Qt::NoFocus);
    row->addWidget(made);
    return made;
  };
  connect(button("zoom-out", tr("Zoom out (Ctrl+−)")), &QToolButton::clicked, view,
          &CanvasView::zoomOut);
  QToolButton* percent = button({}, tr("Zoom to 100 % (Ctrl+0)"));
  percent->setFont(uiFont(Theme::kSecondaryPx));
  percent->setFixedWidth(QFontMetrics(percent->font()).horizontalAdvance("400 %") + 12);
  percent->setText("100 %");
  connect(percent, &QToolButton::clicked, view, &CanvasView::resetZoom);
  connect(view, &CanvasView::zoomChanged, percent,
          [percent](qreal zoom) { percent->setText(QString("%1 %").arg(qRound(zoom * 100))); });
  connect(button("zoom-in", tr("Zoom in (Ctrl++)")), &QToolButton::clicked, view,
          &CanvasView::zoomIn);
  connect(button("fit", tr("Show everything (F)")), &QToolButton::clicked, view, &CanvasView::fit);
  minimap_ = button("minimap", tr("Show the overview"));
  minimap_->setCheckable(true);
  connect(minimap_, &QToolButton::toggled, view, &CanvasView::setMinimapVisible);
}

void ZoomBar::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(this);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(theme.line, theme.lineWidth));
  painter.setBrush(theme.window);
  painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), Theme::kRadius,
                          Theme::kRadius);
}

}  // namespace nw::widgets
