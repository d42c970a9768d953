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

#include "widgets/palette/block_delegate.h"
#include "widgets/palette/block_model.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

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
  tree_->expandAll();
  connect(tree_, &QTreeView::doubleClicked, this, &BlockPalette::activate);
}

void BlockPalette::filter(const QString& text) {
  filtered_->setQuery(text);
  tree_->expandAll();
  // Enter takes the first hit.
  const QModelIndex first = filtered_->index(0, 0, filtered_->index(0, 0));
  if (!text.isEmpty() && first.isValid()) tree_->setCurrentIndex(first);
}

void BlockPalette::activate(const QModelIndex& index) {
  const QString id = index.data(BlockModel::IdRole).toString();
  if (id.isEmpty()) {
    tree_->setExpanded(index, !tree_->isExpanded(index));
  } else {
    emit blockActivated(id);
  }
}

bool BlockPalette::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::KeyPress) return QWidget::eventFilter(watched, event);
  const auto* key = static_cast<QKeyEvent*>(event);
  if (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter) {
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
