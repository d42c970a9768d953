#include "widgets/palette/block_palette.h"

#include <QCoreApplication>
#include <QDrag>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLineEdit>
#include <QMimeData>
#include <QPainter>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/palette/block_delegate.h"
#include "widgets/palette/block_model.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr int kShownAtOnce = 5;

/// Under the pointer a dragged block looks as it will on the canvas.
QPixmap dragCard(const QModelIndex& index, const Theme& theme, qreal ratio) {
  constexpr int kCardWidth = 184, kCardHeight = 48;
  QPixmap card(QSize(kCardWidth, kCardHeight) * ratio);
  card.setDevicePixelRatio(ratio);
  card.fill(Qt::transparent);
  QPainter painter(&card);
  painter.setRenderHint(QPainter::Antialiasing);
  const QRectF box(1, 1, kCardWidth - 2, kCardHeight - 2);
  painter.setPen(QPen(theme.accent, 2));
  painter.setBrush(theme.card);
  painter.drawRoundedRect(box, Theme::kRadius, Theme::kRadius);
  const QString id = index.data(BlockModel::IdRole).toString();
  paintIcon(painter, QRectF(14, 14, 20, 20), blockIconName(id),
            index.data(BlockModel::ColorRole).value<QColor>());
  painter.setPen(theme.text);
  painter.setFont(uiFont(Theme::kBasePx, QFont::DemiBold));
  painter.drawText(box.adjusted(43, 0, -8, 0), Qt::AlignVCenter | Qt::AlignLeft, id);
  return card;
}

/// Drags with the block's card under the pointer.
class PaletteTree : public QTreeView {
 public:
  using QTreeView::QTreeView;

 protected:
  void startDrag(Qt::DropActions) override {
    const QModelIndex index = currentIndex();
    QMimeData* mime = model()->mimeData({index});
    if (!mime) return;
    auto* drag = new QDrag(this);
    drag->setMimeData(mime);
    drag->setPixmap(dragCard(index, Theme::of(this), devicePixelRatioF()));
    drag->setHotSpot({92, 24});
    drag->exec(Qt::CopyAction);
  }
  void drawBranches(QPainter*, const QRect&, const QModelIndex&) const override {}
};

}  // namespace

BlockPalette::BlockPalette(QWidget* parent)
    : QWidget(parent),
      search_(new QLineEdit(this)),
      tree_(new PaletteTree(this)),
      model_(new BlockModel(this)),
      filtered_(new BlockFilterModel(this)) {
  setAccessibleName(tr("Blocks"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 0, 0);
  column->setSpacing(8);
  auto* top = new QHBoxLayout;
  top->setContentsMargins(0, 0, 8, 0);
  top->addWidget(search_);
  column->addLayout(top);
  column->addWidget(tree_);

  search_->setPlaceholderText(tr("Search blocks"));
  search_->setAccessibleName(tr("Search blocks"));
  search_->setClearButtonEnabled(true);
  search_->addAction(icon("search"), QLineEdit::LeadingPosition);
  search_->installEventFilter(this);
  connect(search_, &QLineEdit::textChanged, this, &BlockPalette::filter);

  filtered_->setSourceModel(model_);
  tree_->setModel(filtered_);
  tree_->setItemDelegate(new BlockDelegate(tree_));
  tree_->setAccessibleName(tr("Blocks by category"));
  tree_->setHeaderHidden(true);
  tree_->setRootIsDecorated(false);
  tree_->setIndentation(0);
  tree_->setExpandsOnDoubleClick(false);
  tree_->setDragEnabled(true);
  tree_->setDragDropMode(QAbstractItemView::DragOnly);
  tree_->setMouseTracking(true);
  tree_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  tree_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  tree_->installEventFilter(this);
  connect(tree_, &QTreeView::doubleClicked, this, &BlockPalette::activate);
  connect(tree_, &QTreeView::pressed, this, &BlockPalette::turnShelf);
  // A shelf's height depends on whether it is open.
  for (auto signal : {&QTreeView::expanded, &QTreeView::collapsed}) {
    connect(tree_, signal, this, [this](const QModelIndex& shelf) {
      emit tree_->itemDelegate()->sizeHintChanged(shelf);
    });
  }
}

void BlockPalette::filter(const QString& text) {
  const bool searched = searching_;
  searching_ = !text.trimmed().isEmpty();
  if (searching_ && !searched) keepOpenShelves();
  filtered_->setQuery(text);
  if (searching_) {
    tree_->expandAll();
    // Enter takes the first hit.
    const QModelIndex first = filtered_->index(0, 0, filtered_->index(0, 0));
    if (first.isValid()) tree_->setCurrentIndex(first);
    tree_->scrollToTop();
  } else if (searched) {
    for (int row = 0; row < filtered_->rowCount(); ++row) {
      const QModelIndex shelf = filtered_->index(row, 0);
      tree_->setExpanded(shelf, openShelves_.contains(shelf.data().toString()));
    }
  }
}

void BlockPalette::keepOpenShelves() {
  openShelves_.clear();
  for (int row = 0; row < filtered_->rowCount(); ++row) {
    const QModelIndex shelf = filtered_->index(row, 0);
    if (tree_->isExpanded(shelf)) openShelves_.insert(shelf.data().toString());
  }
}

void BlockPalette::turnShelf(const QModelIndex& index) {
  if (!index.data(BlockModel::IdRole).toString().isEmpty()) return;
  const bool open = !tree_->isExpanded(index);
  tree_->setExpanded(index, open);
  if (!open) return;
  // What was opened shall be seen: its first blocks, never at the cost of its title.
  const QModelIndex last =
      index.model()->index(std::min(kShownAtOnce, index.model()->rowCount(index)) - 1, 0, index);
  tree_->scrollTo(last);
  tree_->scrollTo(index);
}

void BlockPalette::activate(const QModelIndex& index) {
  const QString id = index.data(BlockModel::IdRole).toString();
  if (!id.isEmpty()) emit blockActivated(id);
}

bool BlockPalette::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::KeyPress) return QWidget::eventFilter(watched, event);
  const auto* key = static_cast<QKeyEvent*>(event);
  if (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter) {
    turnShelf(tree_->currentIndex());
    activate(tree_->currentIndex());
    return true;
  }
  if (watched != search_) return QWidget::eventFilter(watched, event);
  switch (key->key()) {
    case Qt::Key_Down:
    case Qt::Key_Up: {
      // The arrows walk the list while the cursor stays in the field.
      QKeyEvent copy(QEvent::KeyPress, key->key(), key->modifiers());
      QCoreApplication::sendEvent(tree_, &copy);
      return true;
    }
    case Qt::Key_Escape:
      if (search_->text().isEmpty()) break;
      search_->clear();
      return true;
    default:
      break;
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace nw::widgets
