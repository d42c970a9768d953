#pragma once

#include <QWidget>

class QVBoxLayout;

namespace nw::widgets {

class SectionTitle;

/// A titled part of a panel, parted from the one above by a hairline; folds at a click.
class Section : public QWidget {
  Q_OBJECT

 public:
  explicit Section(const QString& title, QWidget* parent = nullptr);

  /// Where the content goes.
  QVBoxLayout* content() const { return content_; }
  void setFolded(bool folded);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  SectionTitle* title_;
  QWidget* body_;
  QVBoxLayout* content_;
};

/// Rows of a name and a value; the value can be selected and wraps.
class FactList : public QWidget {
  Q_OBJECT

 public:
  explicit FactList(QWidget* parent = nullptr);

  struct Fact {
    QString name;
    QString value;
    QString note;  // small, below the value; may be empty
    friend bool operator==(const Fact&, const Fact&) = default;
  };
  void setFacts(const QVector<Fact>& facts);
  const QVector<Fact>& facts() const { return facts_; }

 private:
  QVector<Fact> facts_;
  QWidget* rows_ = nullptr;
};

}  // namespace nw::widgets
