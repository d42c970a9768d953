#include "app/windows/command_search.h"

#include <QAbstractItemView>
#include <QCompleter>
#include <QKeyEvent>
#include <QStandardItemModel>

#include "widgets/style/icons.h"

namespace nw::app {
namespace {

constexpr int kCommandRole = Qt::UserRole + 1, kSearchRole = Qt::UserRole + 2;
constexpr int kVisibleRows = 12;
constexpr int kIcon = 16;

}  // namespace

CommandSearch::CommandSearch(Source source, QWidget* parent)
    : QLineEdit(parent),
      source_(std::move(source)),
      model_(new QStandardItemModel(this)),
      completer_(new QCompleter(model_, this)) {
  setPlaceholderText(tr("Search everything (Ctrl+K)"));
  setAccessibleName(tr("Search everything"));
  setClearButtonEnabled(true);
  addAction(widgets::icon("search"), QLineEdit::LeadingPosition);
  completer_->setCompletionRole(kSearchRole);
  completer_->setFilterMode(Qt::MatchContains);
  completer_->setCaseSensitivity(Qt::CaseInsensitive);
  completer_->setMaxVisibleItems(kVisibleRows);
  setCompleter(completer_);
  completer_->popup()->setIconSize({kIcon, kIcon});
  completer_->popup()->setStyleSheet(
      "QAbstractItemView { border: 1px solid palette(mid); background: palette(base); "
      "padding: 4px; }");
  connect(completer_, qOverload<const QModelIndex&>(&QCompleter::activated), this,
          [this](const QModelIndex& index) { run(index.data(kCommandRole).toInt()); });
}

void CommandSearch::focusInEvent(QFocusEvent* event) {
  // The popup gives the focus back; its rows must stay as they are then.
  if (event->reason() != Qt::PopupFocusReason) {
    commands_ = source_();
    model_->clear();
    for (size_t i = 0; i < commands_.size(); ++i) {
      auto* item = new QStandardItem(commands_[i].icon, commands_[i].title);
      item->setData(static_cast<int>(i), kCommandRole);
      item->setData(commands_[i].title + QLatin1Char(' ') + commands_[i].also, kSearchRole);
      model_->appendRow(item);
    }
  }
  QLineEdit::focusInEvent(event);
}

void CommandSearch::keyPressEvent(QKeyEvent* event) {
  const bool enter = event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter;
  if (enter && !text().isEmpty() && completer_->completionCount() > 0) {
    const QModelIndex first = completer_->completionModel()->index(0, 0);
    run(first.data(kCommandRole).toInt());
    return;
  }
  if (event->key() == Qt::Key_Escape) clear();
  QLineEdit::keyPressEvent(event);
}

void CommandSearch::run(int command) {
  const std::function<void()> chosen = commands_.at(static_cast<size_t>(command)).run;
  completer_->popup()->hide();
  clearFocus();
  // After the completer has put the row's text into the field.
  QMetaObject::invokeMethod(
      this,
      [this, chosen] {
        clear();
        chosen();
      },
      Qt::QueuedConnection);
}

}  // namespace nw::app
