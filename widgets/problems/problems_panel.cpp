#include "widgets/problems/problems_panel.h"

#include <QKeyEvent>
#include <QListView>
#include <QMenu>
#include <QStackedLayout>

#include "widgets/controls/text_label.h"
#include "widgets/problems/problems_delegate.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

/// Rows wrap their text, so their height follows the width.
class WrappingListView : public QListView {
 protected:
  void resizeEvent(QResizeEvent* event) override {
    QListView::resizeEvent(event);
    scheduleDelayedItemsLayout();
  }
};

}  // namespace

ProblemsPanel::ProblemsPanel(QWidget* parent)
    : QWidget(parent),
      model_(new ProblemsModel(this)),
      view_(new WrappingListView),
      empty_(new TextLabel({}, TextLabel::Tone::Secondary)),
      delegate_(new ProblemsDelegate(model_, this)) {
  auto* stack = new QStackedLayout(this);
  stack->addWidget(empty_);
  stack->addWidget(view_);
  empty_->setAlignment(Qt::AlignCenter);
  setInvitation({});
  view_->setModel(model_);
  view_->setItemDelegate(delegate_);
  view_->setFrameShape(QFrame::NoFrame);
  view_->setResizeMode(QListView::Adjust);
  view_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  view_->setMouseTracking(true);
  view_->setAccessibleName(tr("Problems"));
  view_->setContextMenuPolicy(Qt::CustomContextMenu);
  view_->installEventFilter(this);
  view_->viewport()->installEventFilter(this);
  connect(view_, &QListView::customContextMenuRequested, this, &ProblemsPanel::showFixMenu);
  connect(view_, &QListView::doubleClicked, this, &ProblemsPanel::activate);
  connect(delegate_, &ProblemsDelegate::fixRequested, this, &ProblemsPanel::fixRequested);
}

void ProblemsPanel::setProblems(const QVector<graph::Problem>& problems,
                                const QHash<graph::NodeId, QString>& names) {
  const int row = view_->currentIndex().row();
  model_->setProblems(problems, names);
  if (row >= 0 && count() > 0) view_->setCurrentIndex(model_->index(std::min(row, count() - 1)));
  static_cast<QStackedLayout*>(layout())->setCurrentIndex(count() > 0 ? 1 : 0);
}

void ProblemsPanel::setInvitation(const QString& text) {
  empty_->setText(text.isEmpty() ? tr("No problems. The network is ready to train.") : text);
}

int ProblemsPanel::count() const {
  return model_->rowCount();
}

void ProblemsPanel::activate(const QModelIndex& index) {
  if (!index.isValid()) return;
  const graph::NodeId node = model_->problem(index.row()).node;
  if (node != graph::kNoNode) emit nodeActivated(node);
}

bool ProblemsPanel::eventFilter(QObject* watched, QEvent* event) {
  const QModelIndex current = view_->currentIndex();
  if (watched == view_ && event->type() == QEvent::KeyPress && current.isValid()) {
    const auto* key = static_cast<QKeyEvent*>(event);
    if (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter) {
      const graph::Problem problem = model_->problem(current.row());
      if (!key->modifiers().testFlag(Qt::AltModifier)) {
        activate(current);
      } else if (!problem.fixes.empty()) {
        emit fixRequested(problem.fixes.front());
      }
      return true;
    }
  }
  if (watched == view_->viewport() && event->type() == QEvent::MouseMove) {
    const QPoint at = static_cast<QMouseEvent*>(event)->position().toPoint();
    const QModelIndex index = view_->indexAt(at);
    const bool onLink =
        index.isValid() && delegate_->fixAt(index, view_->visualRect(index), at) >= 0;
    view_->viewport()->setCursor(onLink ? Qt::PointingHandCursor : Qt::ArrowCursor);
  }
  return QWidget::eventFilter(watched, event);
}

void ProblemsPanel::showFixMenu(const QPoint& position) {
  const QModelIndex index = view_->indexAt(position);
  if (!index.isValid()) return;
  const graph::Problem problem = model_->problem(index.row());
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  for (const graph::Fix& fix : problem.fixes) {
    menu->addAction(QString::fromStdString(fix.text), this,
                    [this, fix] { emit fixRequested(fix); });
  }
  if (problem.node != graph::kNoNode) {
    menu->addAction(tr("Go to the block"), this,
                    [this, node = problem.node] { emit nodeActivated(node); });
  }
  if (menu->isEmpty()) {
    delete menu;
    return;
  }
  menu->popup(view_->viewport()->mapToGlobal(position));
}

}  // namespace nw::widgets
