#include "widgets/training/schedule_form.h"

#include <QComboBox>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/controls/text_label.h"
#include "widgets/inspector/description_form.h"
#include "widgets/style/theme.h"
#include "widgets/training/choice_form.h"
#include "widgets/training/rate_preview.h"

namespace nw::widgets {

namespace {

std::vector<const nn::Description*> allSchedulers() {
  std::vector<const nn::Description*> descriptions;
  for (const auto& spec : optim::schedulers().all()) descriptions.push_back(&spec);
  return descriptions;
}

/// `choice` with what suits a run of so many epochs, when it is a fresh one.
graph::Choice suggested(graph::Choice choice, qint64 epochs) {
  const optim::SchedulerSpec* spec = optim::schedulers().find(choice.id);
  if (!spec || !spec->suggest || choice.args != nn::Args{}) return choice;
  nn::Args args;
  spec->suggest(epochs, args);
  for (const auto& [name, value] : args) {
    if (value != spec->find(name)->fallback) choice.args.set(name, value);
  }
  return choice;
}

}  // namespace

ScheduleForm::ScheduleForm(QWidget* parent)
    : QWidget(parent),
      choices_(new QVBoxLayout),
      add_(new QPushButton),
      warmup_(new DescriptionForm),
      problem_(TextLabel::note({}, TextLabel::Tone::Error)),
      preview_(new RatePreview) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(Theme::kGrid);
  choices_->setSpacing(2 * Theme::kGrid);
  layout->addLayout(choices_);
  layout->addWidget(add_, 0, Qt::AlignLeft);
  layout->addWidget(warmup_);

  add_->setObjectName(QStringLiteral("add-scheduler"));
  add_->setText(tr("Add another scheduler"));
  add_->setToolTip(
      tr("Several schedulers change the same learning rate in turn, as PyTorch's "
         "ChainedScheduler."));
  connect(add_, &QPushButton::clicked, this, &ScheduleForm::add);
  warmup_->setDescription(&graph::run_settings_description(graph::RunPart::Rate));
  connect(warmup_, &DescriptionForm::argChanged, this, &ScheduleForm::rateArgChanged);

  // Close to the choice, so that it is in sight while the arguments change.
  makeForms(1);
  for (QWidget* widget : {static_cast<QWidget*>(problem_), static_cast<QWidget*>(preview_)}) {
    forms_[0]->insertAbove(widget);
  }
}

QString ScheduleForm::problem() const {
  return problem_->text();
}

void ScheduleForm::makeForms(size_t count) {
  while (forms_.size() > count) {
    // It may be in the middle of its own signal.
    forms_.back()->disconnect(this);
    forms_.back()->hide();
    forms_.back()->deleteLater();
    forms_.pop_back();
  }
  while (forms_.size() < count) {
    const size_t index = forms_.size();
    const bool first = index == 0;
    const QString title = first ? tr("Scheduler") : tr("Scheduler %1").arg(index + 1);
    auto* form = new ChoiceForm(title, allSchedulers());
    form->offerNone(tr("No scheduler"),
                    first ? tr("The learning rate stays as it is.") : QString());
    form->chooser()->setObjectName(first ? QStringLiteral("scheduler")
                                         : QStringLiteral("scheduler-%1").arg(index + 1));
    connect(form, &ChoiceForm::choiceChanged, this,
            [this, index](const graph::Choice& choice) { change(index, choice); });
    choices_->addWidget(form);
    forms_.push_back(form);
  }
}

void ScheduleForm::change(size_t index, const graph::Choice& choice) {
  std::vector<graph::Choice> next = schedulers_;
  if (choice.id.empty()) {
    if (index < next.size()) next.erase(next.begin() + std::ptrdiff_t(index));
  } else if (index < next.size()) {
    const bool fresh = next[index].id != choice.id;
    next[index] = fresh ? suggested(choice, epochs_) : choice;
  } else {
    next.push_back(suggested(choice, epochs_));
  }
  emit schedulersChanged(next);
}

void ScheduleForm::add() {
  std::vector<graph::Choice> next = schedulers_;
  next.push_back(suggested({optim::schedulers().all().front().id, {}}, epochs_));
  emit schedulersChanged(next);
}

void ScheduleForm::setSettings(const graph::RunSettings& settings, qint64 trainSamples) {
  schedulers_ = settings.schedulers;
  epochs_ = settings.epochs;
  makeForms(std::max<size_t>(1, schedulers_.size()));
  for (size_t i = 0; i < forms_.size(); ++i) {
    forms_[i]->setChoice(i < schedulers_.size() ? schedulers_[i] : graph::Choice{});
  }
  add_->setVisible(!schedulers_.empty());
  const nn::Args args = graph::to_args(settings);
  warmup_->setArgs(args, graph::run_settings_description().complete(args));

  const std::string problem = graph::schedule_problem(settings);
  problem_->setText(QString::fromStdString(problem));
  problem_->setVisible(!problem.empty());
  const bool changes = !settings.schedulers.empty() || settings.warmup.has_value();
  preview_->setVisible(changes && problem.empty());
  if (!changes || !problem.empty()) return;
  try {
    preview_->setPlan(train::planned_rates(settings, trainSamples), settings.epochs);
  } catch (const Error& error) {
    problem_->setText(QString::fromStdString(error.text()));
    problem_->show();
    preview_->hide();
  }
}

}  // namespace nw::widgets
