#include "widgets/inspector/description_form.h"

#include <QVBoxLayout>
#include <algorithm>

#include "widgets/controls/text_label.h"
#include "widgets/inspector/param_row.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

DescriptionForm::DescriptionForm(QWidget* parent)
    : QWidget(parent),
      layout_(new QVBoxLayout(this)),
      constraints_(TextLabel::note({}, TextLabel::Tone::Error)) {
  layout_->setContentsMargins(0, 0, 0, 0);
  layout_->setSpacing(Theme::kGrid);
  layout_->addWidget(constraints_);
  constraints_->hide();
}

void DescriptionForm::setDescription(const nn::Description* description) {
  if (description == description_) return;
  description_ = description;
  for (ParamRow* row : rows_) {
    // The row may be in the middle of its own signal; half-typed text goes with it.
    row->disconnect(this);
    layout_->removeWidget(row);
    row->hide();
    row->setParent(nullptr);
    row->deleteLater();
  }
  rows_.clear();
  constraints_->hide();
  if (!description) return;
  QWidget* previous = nullptr;
  for (const nn::Param& param : description->params) {
    auto* row = new ParamRow(param, this);
    layout_->insertWidget(int(rows_.size()), row);
    connect(row, &ParamRow::edited, this, &DescriptionForm::argChanged);
    if (previous) setTabOrder(previous, row->field());
    previous = row->field();
    rows_.push_back(row);
  }
  int width = 0;
  for (const ParamRow* row : rows_) width = std::max(width, row->labelWidth());
  for (ParamRow* row : rows_) row->setLabelWidth(width);
}

void DescriptionForm::setArgs(const nn::Args& given, const nn::Args& complete) {
  for (ParamRow* row : rows_) {
    const std::string& name = row->param().name;
    const nn::Value* effective = complete.find(name);
    row->setValue(given.find(name), effective ? *effective : nn::Value{});
  }
  checkConstraints(complete);
}

void DescriptionForm::checkConstraints(const nn::Args& complete) {
  QStringList broken;
  if (description_) {
    // Constraints may only be asked about complete, well-typed arguments.
    const bool askable = std::all_of(
        description_->params.begin(), description_->params.end(), [&](const nn::Param& param) {
          const nn::Value* value = complete.find(param.name);
          return value && nn::problem_of(param, *value).empty() &&
                 (!param.inferred || !std::holds_alternative<nn::None>(*value));
        });
    for (const nn::Constraint& constraint : description_->constraints) {
      if (askable && constraint.holds && !constraint.holds(complete)) {
        broken << QString::fromStdString(constraint.text);
      }
    }
  }
  constraints_->setText(broken.join(QLatin1Char('\n')));
  constraints_->setVisible(!broken.isEmpty());
}

ParamRow* DescriptionForm::row(const QString& param) const {
  const auto found = std::find_if(rows_.begin(), rows_.end(),
                                  [&](const ParamRow* row) { return row->name() == param; });
  return found == rows_.end() ? nullptr : *found;
}

void DescriptionForm::focusParam(const QString& param) {
  if (QWidget* field = editor(param)) field->setFocus(Qt::OtherFocusReason);
}

QWidget* DescriptionForm::editor(const QString& param) const {
  const ParamRow* found = row(param);
  return found ? found->field() : nullptr;
}

QString DescriptionForm::messageOf(const QString& param) const {
  const ParamRow* found = row(param);
  return found ? found->message() : QString();
}

}  // namespace nw::widgets
