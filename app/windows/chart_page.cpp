#include "app/windows/chart_page.h"

#include "widgets/charts/curves_chart.h"
#include "widgets/training/rank_strip.h"

namespace nw::app {
namespace {

constexpr int kWide = 1000;  // px, from which on both fit side by side
constexpr int kChartShare = 3;
constexpr int kRanksShare = 2;
constexpr int kLeastRanks = 464;  // px, with all figures
constexpr int kMostRanks = 560;

}  // namespace

ChartPage::ChartPage(widgets::CurvesChart* chart, widgets::RankStrip* ranks, QWidget* parent)
    : QWidget(parent),
      layout_(new QBoxLayout(QBoxLayout::TopToBottom, this)),
      scroll_(new QScrollArea),
      ranks_(ranks) {
  layout_->setContentsMargins(0, 0, 0, 0);
  layout_->setSpacing(0);
  scroll_->setWidget(ranks);
  scroll_->setWidgetResizable(true);
  scroll_->setFrameShape(QFrame::NoFrame);
  scroll_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll_->setFocusPolicy(Qt::NoFocus);
  scroll_->hide();
  layout_->addWidget(chart, kChartShare);
  layout_->addWidget(scroll_, kRanksShare);
  connect(ranks, &widgets::RankStrip::rowsChanged, this, [this](int rows) {
    scroll_->setVisible(rows > 0);
    arrange();
  });
}

void ChartPage::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  arrange();
}

void ChartPage::arrange() {
  const bool wide = width() >= kWide;
  layout_->setDirection(wide ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
  scroll_->setMinimumWidth(wide ? kLeastRanks : 0);
  scroll_->setMaximumWidth(wide ? kMostRanks : QWIDGETSIZE_MAX);
  // Below the curves it takes no more than it needs.
  scroll_->setMaximumHeight(wide ? QWIDGETSIZE_MAX : ranks_->sizeHint().height());
}

}  // namespace nw::app
