#include "widgets/palette/block_model.h"

#include <QIcon>
#include <QMimeData>

#include "core/nn/block.h"
#include "core/nn/category.h"
#include "widgets/palette/block_mime.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

QString text(std::string_view utf8) {
  return QString::fromUtf8(utf8.data(), qsizetype(utf8.size()));
}

}  // namespace

BlockModel::BlockModel(QObject* parent) : QAbstractItemModel(parent) {
  for (const nn::Category& category : nn::categories()) {
    Shelf shelf{text(category.title), text(category.id), {}};
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.category == category.id) shelf.blocks << &block;
    }
    if (!shelf.blocks.isEmpty()) shelves_ << shelf;
  }
}

// A block's index carries its shelf's row plus one; a shelf's carries nought.
QModelIndex BlockModel::index(int row, int column, const QModelIndex& parent) const {
  if (!hasIndex(row, column, parent)) return {};
  return createIndex(row, column, parent.isValid() ? quintptr(parent.row() + 1) : quintptr(0));
}

QModelIndex BlockModel::parent(const QModelIndex& child) const {
  if (!child.isValid() || child.internalId() == 0) return {};
  return createIndex(int(child.internalId()) - 1, 0, quintptr(0));
}

int BlockModel::rowCount(const QModelIndex& parent) const {
  if (!parent.isValid()) return int(shelves_.size());
  if (parent.internalId() != 0 || parent.column() != 0) return 0;
  return int(shelves_[parent.row()].blocks.size());
}

int BlockModel::columnCount(const QModelIndex&) const {
  return 1;
}

const nn::Block* BlockModel::blockAt(const QModelIndex& index) const {
  if (!index.isValid() || index.internalId() == 0) return nullptr;
  return shelves_[qsizetype(index.internalId()) - 1].blocks[index.row()];
}

QVariant BlockModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  if (const nn::Block* block = blockAt(index)) return blockData(*block, role);
  return shelfData(shelves_[index.row()], role);
}

QVariant BlockModel::shelfData(const Shelf& shelf, int role) const {
  switch (role) {
    case Qt::DisplayRole:
      return shelf.title;
    case ColorRole:
      return categoryColor(shelf.category.toStdString());
    case Qt::AccessibleTextRole:
      return tr("%1, %n blocks", nullptr, int(shelf.blocks.size())).arg(shelf.title);
    default:
      return {};
  }
}

QVariant BlockModel::blockData(const nn::Block& block, int role) const {
  switch (role) {
    case Qt::DisplayRole:
    case IdRole:
      return text(block.id);
    case SummaryRole:
    case Qt::AccessibleDescriptionRole:
      return text(block.summary);
    case Qt::ToolTipRole:
      return blockToolTip(block);
    case ColorRole:
      return categoryColor(block.category);
    case SearchRole:
      return QStringList{text(block.id), text(block.torch_name), text(block.category),
                         text(block.summary)};
    default:
      return {};
  }
}

Qt::ItemFlags BlockModel::flags(const QModelIndex& index) const {
  if (!index.isValid()) return {};
  const Qt::ItemFlags both = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
  return blockAt(index) ? both | Qt::ItemIsDragEnabled | Qt::ItemNeverHasChildren : both;
}

QStringList BlockModel::mimeTypes() const {
  return {kBlockMimeType};
}

QMimeData* BlockModel::mimeData(const QModelIndexList& indexes) const {
  for (const QModelIndex& index : indexes) {
    const nn::Block* block = blockAt(index);
    if (!block) continue;
    auto* mime = new QMimeData;
    mime->setData(kBlockMimeType, QByteArray::fromStdString(block->id));
    mime->setText(text(block->torch_name.empty() ? block->id : block->torch_name));
    return mime;
  }
  return nullptr;
}

QString blockToolTip(const nn::Block& block) {
  QString tip = "<p style='white-space:pre-wrap'><b>" + text(block.id).toHtmlEscaped() + "</b>";
  if (!block.torch_name.empty()) tip += "  " + text(block.torch_name).toHtmlEscaped();
  tip += "</p><p>" + text(block.summary).toHtmlEscaped() + "</p>";
  if (!block.formula.empty()) {
    tip += "<p><i>" + text(block.formula).toHtmlEscaped() + "</i></p>";
  }
  if (!block.when_to_use.empty()) tip += "<p>" + text(block.when_to_use).toHtmlEscaped() + "</p>";
  return tip;
}

int fuzzyScore(const QString& query, const QString& text) {
  int score = 0, together = 0;
  qsizetype at = 0;
  for (const QChar wanted : query) {
    if (wanted.isSpace()) {
      together = 0;
      continue;
    }
    const qsizetype found = text.indexOf(wanted, at, Qt::CaseInsensitive);
    if (found < 0) return 0;
    const bool wordStart = found == 0 || !text[found - 1].isLetterOrNumber() ||
                           (text[found].isUpper() && !text[found - 1].isUpper()) ||
                           (text[found].isDigit() && !text[found - 1].isDigit());
    together = found == at && score > 0 ? together + 1 : 0;
    score += 1 + (wordStart ? 4 : 0) + 3 * together;
    at = found + 1;
  }
  return query.trimmed().isEmpty() ? 1 : score;
}

int fuzzyScore(const QString& query, const QStringList& texts) {
  int best = 0;
  for (qsizetype i = 0; i < texts.size(); ++i) {
    // In sentences scattered letters are chance: there the words must stand as typed.
    const bool sentence = texts[i].contains(' ');
    if (sentence && !texts[i].contains(query.trimmed(), Qt::CaseInsensitive)) continue;
    const int score = fuzzyScore(query, texts[i]);
    if (score > 0) best = std::max(best, score * 8 - int(i));
  }
  return best;
}

BlockFilterModel::BlockFilterModel(QObject* parent) : QSortFilterProxyModel(parent) {
  setRecursiveFilteringEnabled(true);
  sort(0);
}

void BlockFilterModel::setQuery(const QString& query) {
  query_ = query;
  invalidate();
}

bool BlockFilterModel::filterAcceptsRow(int row, const QModelIndex& parent) const {
  const QModelIndex index = sourceModel()->index(row, 0, parent);
  if (index.data(BlockModel::IdRole).toString().isEmpty()) return false;  // its blocks decide
  return fuzzyScore(query_, index.data(BlockModel::SearchRole).toStringList()) > 0;
}

bool BlockFilterModel::lessThan(const QModelIndex& left, const QModelIndex& right) const {
  const int a = fuzzyScore(query_, left.data(BlockModel::SearchRole).toStringList());
  const int b = fuzzyScore(query_, right.data(BlockModel::SearchRole).toStringList());
  return query_.trimmed().isEmpty() || a == b ? left.row() < right.row() : a > b;
}

}  // namespace nw::widgets
