#pragma once

#include <QBoxLayout>
#include <QScrollArea>
#include <QWidget>

namespace nw::widgets {
class CurvesChart;
class RankStrip;
}  // namespace nw::widgets

namespace nw::app {

/// The curves, and the processes of a run on several devices: beside them where the page is wide,
/// else below. Many processes scroll. Becomes the parent of both.
class ChartPage : public QWidget {
  Q_OBJECT

 public:
  ChartPage(widgets::CurvesChart* chart, widgets::RankStrip* ranks, QWidget* parent = nullptr);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void arrange();

  QBoxLayout* layout_;
  QScrollArea* scroll_;
  widgets::RankStrip* ranks_;
};

}  // namespace nw::app
