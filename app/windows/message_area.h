#pragma once

#include <QHash>
#include <QWidget>
#include <functional>

#include "widgets/problems/message_bar.h"

class QVBoxLayout;

namespace nw::app {

/// Messages above the drawing, instead of dialogs: one bar a topic, so that a new message about
/// the same thing takes the old one's place and no other is lost.
class MessageArea : public QWidget {
  Q_OBJECT

 public:
  using Tone = widgets::MessageBar::Tone;
  using Action = std::function<void()>;

  explicit MessageArea(QWidget* parent = nullptr);

  /// `action` runs when its button is pressed, and the bar goes; none when `words` is empty.
  void show(const QString& topic, Tone tone, const QString& text, const QString& words = {},
            const Action& action = {});
  void dismiss(const QString& topic);
  /// What a topic's bar says; empty when it shows none.
  QString text(const QString& topic) const;

 private:
  QVBoxLayout* layout_;
  QHash<QString, widgets::MessageBar*> bars_;
};

}  // namespace nw::app
