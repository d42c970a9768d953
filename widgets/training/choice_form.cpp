#include "widgets/training/choice_form.h"

#include <QVBoxLayout>

#include "widgets/controls/calm_combo_box.h"
#include "widgets/controls/text_label.h"
#include "widgets/inspector/description_form.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

ChoiceForm::ChoiceForm(const QString& title, std::vector<const nn::Description*> descriptions,
                       QWidget* parent)
    : QWidget(parent),
      descriptions_(std::move(descriptions)),
      chooser_(new CalmComboBox),
      summary_(new TextLabel({}, TextLabel::Tone::Secondary)),
      form_(new DescriptionForm) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(Theme::kGrid);
  layout->addWidget(chooser_);
  layout->addWidget(summary_);
  layout->addWidget(form_);
  summary_->setWordWrap(true);
  chooser_->setAccessibleName(title);
  for (const nn::Description* description : descriptions_) {
    const QString id = QString::fromStdString(description->id);
    chooser_->addItem(icon(QString::fromStdString(description->icon)), id, id);
    chooser_->setItemData(chooser_->count() - 1, QString::fromStdString(description->summary),
                          Qt::ToolTipRole);
  }
  connect(chooser_, &QComboBox::activated, this, &ChoiceForm::choose);
  connect(form_, &DescriptionForm::argChanged, this, &ChoiceForm::change);
}

void ChoiceForm::offerNone(const QString& name, const QString& summary) {
  chooser_->insertItem(0, name, QString());
  noneSummary_ = summary;
}

void ChoiceForm::insertAbove(QWidget* widget) {
  auto* rows = static_cast<QVBoxLayout*>(layout());
  rows->insertWidget(rows->indexOf(form_), widget);
}

const nn::Description* ChoiceForm::current() const {
  for (const nn::Description* description : descriptions_) {
    if (description->id == choice_.id) return description;
  }
  return nullptr;
}

void ChoiceForm::setChoice(const graph::Choice& choice) {
  choice_ = choice;
  showChoice();
}

void ChoiceForm::showChoice() {
  const QString id = QString::fromStdString(choice_.id);
  const nn::Description* description = current();
  remembered_[id] = choice_.args;
  int row = chooser_->findData(id);
  if (row < 0) {
    // A file may name one that this program does not have: shown as it is, not replaced.
    chooser_->addItem(icon(QStringLiteral("unknown")), id, id);
    row = chooser_->count() - 1;
  }
  chooser_->setCurrentIndex(row);
  const bool known = description || id.isEmpty();
  summary_->setText(description ? QString::fromStdString(description->summary)
                    : id.isEmpty()
                        ? noneSummary_
                        : tr("This program does not know “%1”. Choose another.").arg(id));
  summary_->setTone(known ? TextLabel::Tone::Secondary : TextLabel::Tone::Warning);
  form_->setDescription(description);
  form_->setVisible(description && !description->params.empty());
  if (description) form_->setArgs(choice_.args, description->complete(choice_.args));
}

void ChoiceForm::choose(int row) {
  const QString id = chooser_->itemData(row).toString();
  if (id.toStdString() == choice_.id) return;
  choice_ = {id.toStdString(), remembered_.value(id)};
  showChoice();
  emit choiceChanged(choice_);
}

void ChoiceForm::change(const QString& param, const nn::Value& value) {
  const nn::Description* description = current();
  const nn::Param* described = description ? description->find(param.toStdString()) : nullptr;
  if (!described) return;
  // Only what differs from the defaults is kept, as in the graph.
  if (value == described->fallback) {
    choice_.args.erase(described->name);
  } else {
    choice_.args.set(described->name, value);
  }
  showChoice();
  emit choiceChanged(choice_);
}

}  // namespace nw::widgets
