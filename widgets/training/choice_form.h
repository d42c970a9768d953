#pragma once

#include <QHash>
#include <QWidget>
#include <vector>

#include "core/graph/project.h"
#include "core/nn/description.h"

class QComboBox;

namespace nw::widgets {

class DescriptionForm;
class TextLabel;

/// Chooses one description of several (a data set, an optimiser) and edits its arguments. Coming
/// back to one gives its arguments back. Where none may be chosen, that is a choice without an id.
class ChoiceForm : public QWidget {
  Q_OBJECT

 public:
  /// The descriptions must outlive the form. `title` names the choice to screen readers.
  ChoiceForm(const QString& title, std::vector<const nn::Description*> descriptions,
             QWidget* parent = nullptr);

  /// Lets none be chosen, under this name; `summary` tells what that means.
  void offerNone(const QString& name, const QString& summary);

  /// Shows a widget between the choice and its arguments; the form becomes its parent.
  void insertAbove(QWidget* widget);

  void setChoice(const graph::Choice& choice);
  const graph::Choice& choice() const { return choice_; }
  QComboBox* chooser() const { return chooser_; }
  DescriptionForm* form() const { return form_; }

 signals:
  void choiceChanged(const nw::graph::Choice& choice);

 private:
  const nn::Description* current() const;
  void choose(int row);
  void change(const QString& param, const nn::Value& value);
  void showChoice();

  std::vector<const nn::Description*> descriptions_;
  graph::Choice choice_;
  QHash<QString, nn::Args> remembered_;
  QString noneSummary_;
  QComboBox* chooser_;
  TextLabel* summary_;
  DescriptionForm* form_;
};

}  // namespace nw::widgets
