#include "widgets/training/run_settings_form.h"

#include <QComboBox>
#include <QScrollArea>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

#include "core/data/dataset.h"
#include "core/optim/optimizer.h"
#include "widgets/controls/text_label.h"
#include "widgets/inspector/description_form.h"
#include "widgets/inspector/section.h"
#include "widgets/style/theme.h"
#include "widgets/training/choice_form.h"
#include "widgets/training/schedule_form.h"

namespace nw::widgets {

namespace {

// What one column of sections needs.
constexpr int kColumnWidth = 280;
constexpr int kMostColumns = 4;
constexpr int kSections = 5;

/// Which column each section stands in, for a form of so many columns.
constexpr std::array<std::array<int, kSections>, kMostColumns> kPlaces = {{
    {0, 0, 0, 0, 0},  // data, training, optimiser, learning rate, updates
    {0, 0, 1, 1, 0},
    {0, 1, 2, 0, 1},
    {0, 1, 2, 3, 1},
}};

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
  ScheduleForm* schedule = nullptr;
  DescriptionForm* update = nullptr;
  TextLabel* lock = nullptr;
  qint64 trainSamples = 0;
  std::array<Section*, kSections> sections{};
  QHBoxLayout* row = nullptr;
  std::array<QVBoxLayout*, kMostColumns> columns{};  // in the row
  int columnCount = 0;

  QWidget* build();
  void buildSections();
  void arrange(int count);
};

/// Puts the sections into so many columns.
void RunSettingsForm::Parts::arrange(int count) {
  if (count == columnCount) return;
  columnCount = count;
  for (QVBoxLayout* column : columns) {
    for (Section* section : sections) column->removeWidget(section);
  }
  for (int i = 0; i < kMostColumns; ++i) row->setStretch(i, i < count ? 1 : 0);
  for (size_t i = 0; i < sections.size(); ++i) {
    QVBoxLayout* column = columns[size_t(kPlaces[size_t(count) - 1][i])];
    column->insertWidget(column->count() - 1, sections[i]);  // the stretch stays last
  }
}

void RunSettingsForm::Parts::buildSections() {
  auto* dataSection = new Section(RunSettingsForm::tr("Data"));
  data = new ChoiceForm(RunSettingsForm::tr("Data set"), descriptionsOf(data::datasets()));
  dataNote = TextLabel::note({});
  dataNote->hide();
  dataSection->content()->addWidget(data);
  dataSection->content()->addWidget(dataNote);

  auto* runSection = new Section(RunSettingsForm::tr("Training"));
  run = new DescriptionForm;
  run->setDescription(&graph::run_settings_description(graph::RunPart::Training));
  runSection->content()->addWidget(run);

  auto* optimizerSection = new Section(RunSettingsForm::tr("Optimizer"));
  optimizer = new ChoiceForm(RunSettingsForm::tr("Optimizer"), descriptionsOf(optim::optimizers()));
  optimizerSection->content()->addWidget(optimizer);

  auto* rateSection = new Section(RunSettingsForm::tr("Learning rate"));
  schedule = new ScheduleForm;
  rateSection->content()->addWidget(schedule);

  auto* updateSection = new Section(RunSettingsForm::tr("Clipping and averaging"));
  update = new DescriptionForm;
  update->setDescription(&graph::run_settings_description(graph::RunPart::Update));
  updateSection->content()->addWidget(update);
  sections = {dataSection, runSection, optimizerSection, rateSection, updateSection};
}

QWidget* RunSettingsForm::Parts::build() {
  page = new QWidget;
  auto* layout = new QVBoxLayout(page);
  layout->setContentsMargins(12, Theme::kPadding, 12, 12);
  layout->setSpacing(Theme::kPadding);

  lock = TextLabel::note(
      RunSettingsForm::tr("Settings of the run in progress. Stop it to change them."));
  lock->setContentsMargins(0, Theme::kPadding, 0, Theme::kPadding);
  lock->hide();
  buildSections();

  layout->addWidget(lock);
  row = new QHBoxLayout;
  row->setSpacing(3 * Theme::kGrid);
  layout->addLayout(row);
  for (QVBoxLayout*& column : columns) {
    column = new QVBoxLayout;
    column->setSpacing(Theme::kPadding);
    column->addStretch();
    row->addLayout(column);
  }
  arrange(1);
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

  connectParts();
  setSettings({});
}

RunSettingsForm::~RunSettingsForm() = default;

void RunSettingsForm::connectParts() {
  parts_->data->chooser()->setObjectName(QStringLiteral("dataset"));
  parts_->optimizer->chooser()->setObjectName(QStringLiteral("optimizer"));
  connect(parts_->data, &ChoiceForm::choiceChanged, this, [this](const graph::Choice& choice) {
    parts_->settings.data = choice;
    emit settingsChanged(parts_->settings);
  });
  connect(parts_->optimizer, &ChoiceForm::choiceChanged, this, [this](const graph::Choice& choice) {
    parts_->settings.optimizer = choice;
    showRun();
    emit settingsChanged(parts_->settings);
  });
  connect(parts_->schedule, &ScheduleForm::schedulersChanged, this,
          [this](const std::vector<graph::Choice>& schedulers) {
            parts_->settings.schedulers = schedulers;
            showRun();
            emit settingsChanged(parts_->settings);
          });
  connect(parts_->schedule, &ScheduleForm::rateArgChanged, this, &RunSettingsForm::changeRun);
  for (DescriptionForm* form : {parts_->run, parts_->update}) {
    connect(form, &DescriptionForm::argChanged, this, &RunSettingsForm::changeRun);
  }
}

void RunSettingsForm::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  parts_->arrange(std::clamp(width() / kColumnWidth, 1, kMostColumns));
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
  const nn::Args complete = graph::run_settings_description().complete(args);
  parts_->run->setArgs(args, complete);
  parts_->update->setArgs(args, complete);
  parts_->schedule->setSettings(parts_->settings, parts_->trainSamples);
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

void RunSettingsForm::setTrainSamples(qint64 samples) {
  if (samples == parts_->trainSamples) return;
  parts_->trainSamples = samples;
  showRun();
}

void RunSettingsForm::setDataNote(const QString& text, bool warning) {
  parts_->dataNote->setText(text);
  parts_->dataNote->setTone(warning ? TextLabel::Tone::Warning : TextLabel::Tone::Secondary);
  parts_->dataNote->setVisible(!text.isEmpty());
}

void RunSettingsForm::setRunning(bool running) {
  parts_->lock->setVisible(running);
  QWidget* const forms[] = {parts_->data, parts_->run, parts_->optimizer, parts_->schedule,
                            parts_->update};
  for (QWidget* form : forms) form->setEnabled(!running);
}

}  // namespace nw::widgets
