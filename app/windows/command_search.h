#pragma once

#include <QIcon>
#include <QLineEdit>
#include <functional>
#include <vector>

class QCompleter;
class QStandardItemModel;

namespace nw::app {

/// Something that "search everything" can find, and what choosing it does.
struct Command {
  QIcon icon;
  QString title;
  std::function<void()> run;
  QString also = {};  // other words that find it
};

/// The field that finds commands, blocks to add and blocks of the drawing. The list is made when
/// the field gets the focus.
class CommandSearch : public QLineEdit {
  Q_OBJECT

 public:
  using Source = std::function<std::vector<Command>()>;

  explicit CommandSearch(Source source, QWidget* parent = nullptr);

 protected:
  void focusInEvent(QFocusEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void run(int command);

  Source source_;
  std::vector<Command> commands_;
  QStandardItemModel* model_;
  QCompleter* completer_;
};

}  // namespace nw::app
