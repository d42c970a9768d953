#pragma once

#include <QAbstractItemModel>
#include <QHash>
#include <QSortFilterProxyModel>

namespace nw::nn {
struct Block;
}

namespace nw::widgets {

/// nn::blocks() as a tree of two levels: categories that have blocks, and their blocks, the common
/// ones first.
class BlockModel : public QAbstractItemModel {
  Q_OBJECT

 public:
  enum Role {
    IdRole = Qt::UserRole,  // block id; empty for a category
    SummaryRole,            // of a category: the names of its common blocks
    ColorRole,              // the category's
    CommonRole,             // whether the block is among the first that a newcomer needs
  };

  explicit BlockModel(QObject* parent = nullptr);

  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex& child) const override;
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  QStringList mimeTypes() const override;
  QMimeData* mimeData(const QModelIndexList& indexes) const override;

 private:
  struct Shelf {
    QString title;
    QString category;
    QVector<const nn::Block*> blocks;
  };

  const nn::Block* blockAt(const QModelIndex& index) const;
  QVariant shelfData(const Shelf& shelf, int role) const;
  QVariant blockData(const nn::Block& block, int role) const;

  QVector<Shelf> shelves_;
};

/// Rich text that explains a block: torch name, sentence, formula, when to use it.
QString blockToolTip(const nn::Block& block);

/// How well `text` answers the search `query`: 0 not at all, more is better. Letters in order,
/// dearer when they stand together or begin words ("mp2" finds MaxPool2d). Without regard to case.
int fuzzyScore(const QString& query, const QString& text);
/// How well a block answers a search, by its names, synonyms and sentences: 0 not at all. Its exact
/// name comes before all else; among equals the common block does.
int searchScore(const QString& query, const nn::Block& block);

/// Keeps the blocks that answer a search: the category of the best first, and in each the best
/// first.
class BlockFilterModel : public QSortFilterProxyModel {
  Q_OBJECT

 public:
  explicit BlockFilterModel(QObject* parent = nullptr);
  void setQuery(const QString& query);

 protected:
  bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
  bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

 private:
  /// Of a category: its best block's.
  int score(const QModelIndex& source) const;

  QString query_;
  QHash<QString, int> scores_;  // by block id, of this query
};

}  // namespace nw::widgets
