#include "widgets/palette/block_search_popup.h"

#include <QGuiApplication>
#include <QKeyEvent>
#include <QLineEdit>
#include <QListView>
#include <QScreen>
#include <QStandardItemModel>
#include <QVBoxLayout>
#include <algorithm>

#include "core/nn/block.h"
#include "widgets/palette/block_delegate.h"
#include "widgets/palette/block_model.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

bool takes(const nn::Block& block, const std::optional<graph::Wire>& wire) {
  if (!wire) return true;
  return wire->to.node == graph::kNoNode ? !block.inputs.empty() : !block.outputs.empty();
}

QStandardItem* row(const nn::Block& block, bool compatible) {
  auto* item = new QStandardItem(QString::fromStdString(block.id));
  item->setEditable(false);
  item->setEnabled(compatible);
  item->setData(item->text(), BlockModel::IdRole);
  item->setData(QString::fromStdString(block.summary), BlockModel::SummaryRole);
  item->setData(categoryColor(block.category), BlockModel::ColorRole);
  item->setData(true, BlockModel::CommonRole);  // a hit is shown with its sentence
  item->setToolTip(blockToolTip(block));
  return item;
}

}  // namespace

BlockSearchPopup::BlockSearchPopup(QWidget* parent)
    : QFrame(parent, Qt::Popup),
      field_(new QLineEdit(this)),
      list_(new QListView(this)),
      model_(new QStandardItemModel(this)) {
  setObjectName("blockSearch");
  setAccessibleName(tr("Add a block"));
  setFixedSize(320, 360);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 8);
  column->setSpacing(8);
  column->addWidget(field_);
  column->addWidget(list_);
  field_->setPlaceholderText(tr("Add a block"));
  field_->addAction(icon("search"), QLineEdit::LeadingPosition);
  field_->installEventFilter(this);
  list_->setModel(model_);
  list_->setItemDelegate(new BlockDelegate(list_));
  list_->setMouseTracking(true);
  list_->setFocusPolicy(Qt::NoFocus);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  connect(field_, &QLineEdit::textChanged, this, &BlockSearchPopup::fill);
  connect(list_, &QListView::clicked, this, &BlockSearchPopup::choose);
}

void BlockSearchPopup::open(QPoint globalAt, const std::optional<graph::Wire>& wire,
                            std::function<void(QString)> chosen) {
  wire_ = wire;
  chosen_ = std::move(chosen);
  field_->clear();
  fill({});
  const QScreen* screen = QGuiApplication::screenAt(globalAt);
  if (!screen) screen = QGuiApplication::primaryScreen();
  const QRect room = screen->availableGeometry();
  QPoint at = globalAt - QPoint(width() / 2, 24);
  at.setX(std::clamp(at.x(), room.left(), std::max(room.left(), room.right() - width())));
  at.setY(std::clamp(at.y(), room.top(), std::max(room.top(), room.bottom() - height())));
  move(at);
  show();
  field_->setFocus();
}

void BlockSearchPopup::fill(const QString& query) {
  struct Hit {
    const nn::Block* block;
    int score;
    bool compatible;
  };
  std::vector<Hit> hits;
  for (const nn::Block& block : nn::blocks().all()) {
    const int score = searchScore(query, block);
    if (score > 0) hits.push_back({&block, score, takes(block, wire_)});
  }
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    if (a.compatible != b.compatible) return a.compatible;
    if (a.score != b.score) return a.score > b.score;
    return a.block->common && !b.block->common;
  });
  model_->clear();
  for (const Hit& hit : hits) model_->appendRow(row(*hit.block, hit.compatible));
  list_->setCurrentIndex(model_->index(0, 0));
}

graph::Wire BlockSearchPopup::completed(graph::Wire wire, const QString& blockId) {
  const nn::Block* block = nn::blocks().find(blockId.toStdString());
  if (!block) return wire;
  if (wire.to.node == graph::kNoNode) {
    if (!block->inputs.empty()) wire.to.port = block->inputs.front().name;
  } else if (!block->outputs.empty()) {
    wire.from.port = block->outputs.front().name;
  }
  return wire;
}

void BlockSearchPopup::choose(const QModelIndex& index) {
  if (!index.isValid() || !(index.flags() & Qt::ItemIsEnabled)) return;
  const QString id = index.data(BlockModel::IdRole).toString();
  const std::function<void(QString)> chosen = std::move(chosen_);
  chosen_ = nullptr;
  hide();
  if (chosen) chosen(id);
}

bool BlockSearchPopup::eventFilter(QObject* watched, QEvent* event) {
  if (watched != field_ || event->type() != QEvent::KeyPress) {
    return QFrame::eventFilter(watched, event);
  }
  const auto* key = static_cast<QKeyEvent*>(event);
  const int step = key->key() == Qt::Key_Down ? 1 : key->key() == Qt::Key_Up ? -1 : 0;
  if (step != 0) {
    const int row = std::clamp(list_->currentIndex().row() + step, 0, model_->rowCount() - 1);
    list_->setCurrentIndex(model_->index(row, 0));
    return true;
  }
  if (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter) {
    choose(list_->currentIndex());
    return true;
  }
  return QFrame::eventFilter(watched, event);
}

}  // namespace nw::widgets
