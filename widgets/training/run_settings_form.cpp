#include "widgets/training/run_settings_form.h"

#include <QComboBox>
#include <QScrollArea>
#include <QVBoxLayout>

#include "core/data/dataset.h"
#include "core/optim/optimizer.h"
#include "widgets/controls/text_label.h"
#include "widgets/inspector/description_form.h"
#include "widgets/inspector/section.h"
#include "widgets/style/theme.h"
#include "widgets/training/choice_form.h"

namespace nw::widgets {

namespace {

// Side by side the sections need this much; below it they stand one under the other.
constexpr int kColumns = 3;
constexpr int kColumnWidth = 280;

template <typename Spec>
std::vector<const nn::Description*> descriptionsOf(const nn::Registry<Spec>& registry) {
  std::vector<const nn::Description*> descriptions;
  for (const Spec& spec : registry.all()) descriptions.push_back(&spec);
  return descriptions;
}

}  // namespace

struct RunSettingsForm::Parts {
  graph::RunSettings settings;
  QWidget* page = nullptr;
  ChoiceForm* data = nullptr;
  TextLabel* dataNote = nullptr;
  DescriptionForm* run = nullptr;
  ChoiceForm* optimizer = nullptr;
  TextLabel* lock = nullptr;
  QBoxLayout* sections = nullptr;

  QWidget* build();
};

QWidget* RunSettingsForm::Parts::build() {
  page = new QWidget;
  auto* layout = new QVBoxLayout(page);
  layout->setContentsMargins(12, Theme::kPadding, 12, 12);
  layout->setSpacing(Theme::kPadding);

  lock = TextLabel::note(
      RunSettingsForm::tr("Settings of the run in progress. Stop it to change them."));
  lock->setContentsMargins(0, Theme::kPadding, 0, Theme::kPadding);
  lock->hide();
  auto* dataSection = new Section(RunSettingsForm::tr("Data"));
  data = new ChoiceForm(RunSettingsForm::tr("Data set"), descriptionsOf(data::datasets()));
  dataNote = TextLabel::note({});
  dataNote->hide();
  dataSection->content()->addWidget(data);
  dataSection->content()->addWidget(dataNote);

  auto* runSection = new Section(RunSettingsForm::tr("Training"));
  run = new DescriptionForm;
  run->setDescription(&graph::run_settings_description());
  runSection->content()->addWidget(run);

  auto* optimizerSection = new Section(RunSettingsForm::tr("Optimizer"));
  optimizer = new ChoiceForm(RunSettingsForm::tr("Optimizer"), descriptionsOf(optim::optimizers()));
  optimizerSection->content()->addWidget(optimizer);

  layout->addWidget(lock);
  sections = new QBoxLayout(QBoxLayout::LeftToRight);
  sections->setSpacing(3 * Theme::kGrid);
  for (Section* section : {dataSection, runSection, optimizerSection}) {
    sections->addWidget(section, 1, Qt::AlignTop);
  }
  layout->addLayout(sections);
  layout->addStretch();
  return page;
}

RunSettingsForm::RunSettingsForm(QWidget* parent)
    : QWidget(parent), parts_(std::make_unique<Parts>()) {
  auto* scroll = new QScrollArea;
  scroll->setWidget(parts_->build());
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(scroll);
  setMinimumWidth(240);

  parts_->data->chooser()->setObjectName(QStringLiteral("dataset"));
  parts_->optimizer->chooser()->setObjectName(QStringLiteral("optimizer"));
  connect(parts_->data, &ChoiceForm::choiceChanged, this, [this](const graph::Choice& choice) {
    parts_->settings.data = choice;
    emit settingsChanged(parts_->settings);
  });
  connect(parts_->optimizer, &ChoiceForm::choiceChanged, this, [this](const graph::Choice& choice) {
    parts_->settings.optimizer = choice;
    emit settingsChanged(parts_->settings);
  });
  connect(parts_->run, &DescriptionForm::argChanged, this, &RunSettingsForm::changeRun);
  setSettings({});
}

RunSettingsForm::~RunSettingsForm() = default;

void RunSettingsForm::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  const bool wide = width() >= kColumns * kColumnWidth;
  parts_->sections->setDirection(wide ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
}

void RunSettingsForm::changeRun(const QString& param, const nn::Value& value) {
  nn::Args args = graph::to_args(parts_->settings);
  args.set(param.toStdString(), value);
  graph::apply_args(args, parts_->settings);
  showRun();
  emit settingsChanged(parts_->settings);
}

void RunSettingsForm::showRun() {
  const nn::Args args = graph::to_args(parts_->settings);
  parts_->run->setArgs(args, graph::run_settings_description().complete(args));
}

void RunSettingsForm::setSettings(const graph::RunSettings& settings) {
  parts_->settings = settings;
  parts_->data->setChoice(settings.data);
  parts_->optimizer->setChoice(settings.optimizer);
  showRun();
}

const graph::RunSettings& RunSettingsForm::settings() const {
  return parts_->settings;
}

void RunSettingsForm::setDataNote(const QString& text, bool warning) {
  parts_->dataNote->setText(text);
  parts_->dataNote->setTone(warning ? TextLabel::Tone::Warning : TextLabel::Tone::Secondary);
  parts_->dataNote->setVisible(!text.isEmpty());
}

void RunSettingsForm::setRunning(bool running) {
  parts_->lock->setVisible(running);
  parts_->data->setEnabled(!running);
  parts_->run->setEnabled(!running);
  parts_->optimizer->setEnabled(!running);
}

}  // namespace nw::widgets
