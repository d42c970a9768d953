#pragma once

#include <QWidget>
#include <vector>

#include "core/graph/project.h"

class QPushButton;
class QVBoxLayout;

namespace nw::widgets {

class ChoiceForm;
class DescriptionForm;
class RatePreview;
class TextLabel;

/// Chooses the schedulers of the learning rate and the warm-up, says what does not go together, and
/// shows what the rate will be.
class ScheduleForm : public QWidget {
  Q_OBJECT

 public:
  explicit ScheduleForm(QWidget* parent = nullptr);

  /// Shows the document's settings; emits nothing and keeps what is being typed. `trainSamples`:
  /// the data set's, 0 where they are not known.
  void setSettings(const graph::RunSettings& settings, qint64 trainSamples);
  RatePreview* preview() const { return preview_; }
  /// What does not go together; empty: nothing.
  QString problem() const;

 signals:
  void schedulersChanged(const std::vector<nw::graph::Choice>& schedulers);
  void rateArgChanged(const QString& param, const nw::nn::Value& value);

 private:
  void makeForms(size_t count);
  void change(size_t index, const graph::Choice& choice);
  void add();

  std::vector<graph::Choice> schedulers_;
  qint64 epochs_ = 1;
  std::vector<ChoiceForm*> forms_;  // one for each scheduler; one with none of them
  QVBoxLayout* choices_;
  QPushButton* add_;
  DescriptionForm* warmup_;
  TextLabel* problem_;
  RatePreview* preview_;
};

}  // namespace nw::widgets
