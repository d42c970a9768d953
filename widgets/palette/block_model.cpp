#include "widgets/palette/block_model.h"

#include <QIcon>
#include <QMimeData>
#include <algorithm>

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

/// The common blocks of a shelf; where there are none, the first ones.
QString firstNames(const QVector<const nn::Block*>& blocks) {
  QStringList names;
  for (const nn::Block* block : blocks) {
    if (names.isEmpty() || block->common == blocks.front()->common) names << text(block->id);
  }
  return names.join(QStringLiteral(" · "));
}

/// Where a word of a sentence begins as `query` does, or holds it; in sentences scattered letters
/// would be chance.
int phraseScore(const QString& query, const QString& sentence) {
  int best = 0;
  for (qsizetype at = 0; (at = sentence.indexOf(query, at, Qt::CaseInsensitive)) >= 0; ++at) {
    const bool wordStart = at == 0 || !sentence[at - 1].isLetterOrNumber();
    best = std::max(best, fuzzyScore(query, sentence.mid(at, query.size())) - (wordStart ? 0 : 4));
  }
  return best;
}

}  // namespace

BlockModel::BlockModel(QObject* parent) : QAbstractItemModel(parent) {
  for (const nn::Category& category : nn::categories()) {
    Shelf shelf{text(category.title), text(category.id), {}};
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.category == category.id) shelf.blocks << &block;
    }
    std::stable_partition(shelf.blocks.begin(), shelf.blocks.end(),
                          [](const nn::Block* block) { return block->common; });
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
    case SummaryRole:
      return firstNames(shelf.blocks);
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
    case CommonRole:
      return block.common;
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

int searchScore(const QString& query, const nn::Block& block) {
  constexpr int kExact = 100000, kPlace = 8, kCommon = 4;
  const QString wanted = query.trimmed();
  if (wanted.isEmpty()) return 1;
  int best = 0, place = 0;
  // The most telling first: a later text counts less.
  for (const std::string_view name :
       {std::string_view(block.id), std::string_view(block.torch_name),
        std::string_view(block.category)}) {
    const int score = fuzzyScore(wanted, text(name));
    if (score > 0) best = std::max(best, score * kPlace - place);
    ++place;
  }
  for (const std::string_view sentence :
       {std::string_view(block.synonyms), std::string_view(block.summary),
        std::string_view(block.when_to_use)}) {
    const int score = phraseScore(wanted, text(sentence));
    if (score > 0) best = std::max(best, score * kPlace - place);
    ++place;
  }
  if (best == 0) return 0;
  if (wanted.compare(text(block.id), Qt::CaseInsensitive) == 0) best += kExact;
  return best + (block.common ? kCommon : 0);
}

BlockFilterModel::BlockFilterModel(QObject* parent) : QSortFilterProxyModel(parent) {
  setRecursiveFilteringEnabled(true);
  sort(0);
}

void BlockFilterModel::setQuery(const QString& query) {
  query_ = query.trimmed();
  scores_.clear();
  for (const nn::Block& block : nn::blocks().all()) {
    scores_.insert(text(block.id), searchScore(query_, block));
  }
  invalidate();
}

int BlockFilterModel::score(const QModelIndex& source) const {
  if (query_.isEmpty()) return 1;
  const QString id = source.data(BlockModel::IdRole).toString();
  if (!id.isEmpty()) return scores_.value(id);
  int best = 0;
  for (int row = 0; row < sourceModel()->rowCount(source); ++row) {
    best = std::max(best, score(sourceModel()->index(row, 0, source)));
  }
  return best;
}

bool BlockFilterModel::filterAcceptsRow(int row, const QModelIndex& parent) const {
  const QModelIndex index = sourceModel()->index(row, 0, parent);
  if (index.data(BlockModel::IdRole).toString().isEmpty()) return false;  // its blocks decide
  return score(index) > 0;
}

bool BlockFilterModel::lessThan(const QModelIndex& left, const QModelIndex& right) const {
  const int a = score(left), b = score(right);
  return a == b ? left.row() < right.row() : a > b;
}

}  // namespace nw::widgets
