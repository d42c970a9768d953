#pragma once

#include <QAbstractItemModel>
#include <QSortFilterProxyModel>

namespace nw::nn {
struct Block;
}

namespace nw::widgets {

/// nn::blocks() as a tree of two levels: categories that have blocks, and their blocks.
class BlockModel : public QAbstractItemModel {
  Q_OBJECT

 public:
  enum Role {
    IdRole = Qt::UserRole,  // block id; empty for a category
    SummaryRole,
    ColorRole,   // the category's
    SearchRole,  // all that a search looks at, the most telling first: QStringList
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
/// The best of several texts, the first ones counting more.
int fuzzyScore(const QString& query, const QStringList& texts);

/// Keeps the blocks that answer a search, the best first within their category.
class BlockFilterModel : public QSortFilterProxyModel {
  Q_OBJECT

 public:
  explicit BlockFilterModel(QObject* parent = nullptr);
  void setQuery(const QString& query);

 protected:
  bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
  bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

 private:
  QString query_;
};

}  // namespace nw::widgets
