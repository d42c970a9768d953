#pragma once

#include <QToolButton>
#include <vector>

#include "core/tensor/device.h"

class QMenu;

namespace nw::app {

/// Chooses where a run trains: the CPU, in one process or in several, or ticked graphics cards,
/// with a process for each. Shows and gives the setting that graph::devices_of() reads.
class DeviceButton : public QToolButton {
  Q_OBJECT

 public:
  explicit DeviceButton(QWidget* parent = nullptr);

  /// A setting that this machine cannot follow stays visible and can be changed.
  void setSetting(const QString& setting);
  QString setting() const { return setting_; }

 signals:
  void chosen(const QString& setting);

 private:
  void fillMenu();
  void addProcesses(int count);
  void addCard(int index);
  void choose(const std::vector<Device>& devices);
  /// None for a setting that cannot be read.
  std::vector<Device> devices() const;

  QString setting_;
  QMenu* menu_;
};

}  // namespace nw::app
