#pragma once

#include <QWidget>
#include <memory>

#include "core/graph/project.h"

namespace nw::widgets {

/// Everything a run needs besides the drawing: data set, split, batch size, epochs, seed, device,
/// optimiser, schedulers of the learning rate, clipping, averages; each field is made from its
/// description.
class RunSettingsForm : public QWidget {
  Q_OBJECT

 public:
  explicit RunSettingsForm(QWidget* parent = nullptr);
  ~RunSettingsForm() override;

  /// Shows the document's settings; emits nothing and keeps what is being typed.
  void setSettings(const graph::RunSettings& settings);
  const graph::RunSettings& settings() const;
  /// One line under the data set, as "60 000 samples · 1×28×28 · 10 classes"; a warning tone when
  /// it tells what is wrong.
  void setDataNote(const QString& text, bool warning = false);
  /// How many samples there are to learn from and to validate; 0: not known.
  void setTrainSamples(qint64 samples);
  /// While a run goes on its settings are shown, not edited.
  void setRunning(bool running);

 signals:
  void settingsChanged(const nw::graph::RunSettings& settings);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  struct Parts;
  void connectParts();
  void changeRun(const QString& param, const nn::Value& value);
  void showRun();

  std::unique_ptr<Parts> parts_;
};

}  // namespace nw::widgets
