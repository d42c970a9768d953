#pragma once

#include <QToolButton>
#include <vector>

#include "core/tensor/device.h"

class QActionGroup;

namespace nw::widgets {
class TickMenu;
}

namespace nw::app {

/// Chooses where a run trains: the CPU, in one process or in several, or ticked graphics cards,
/// with a process for each. Shows and gives the setting that graph::devices_of() reads.
class DeviceButton : public QToolButton {
  Q_OBJECT

 public:
  explicit DeviceButton(QWidget* parent = nullptr);

  /// A setting that this machine cannot follow stays, marked with a warning, and can be changed.
  void setSetting(const QString& setting);
  QString setting() const { return setting_; }
  /// Why this machine cannot follow the setting; empty: it can.
  QString problem() const;
  /// What can be chosen in one go, for a list of commands.
  struct Offer {
    QString title;
    QString setting;
  };
  QList<Offer> offers() const;
  /// As if it had been ticked in the menu.
  void choose(const QString& setting);

 signals:
  void chosen(const QString& setting);

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void showSetting();
  void fillMenu();
  void addProcesses(int count);
  void addCard(Device card);
  void addNote(const QString& text);
  void showTicks();
  void toggleCard(Device card);
  void chooseAll(const std::vector<Device>& devices);
  /// None for a setting that cannot be read.
  std::vector<Device> devices() const;

  QString setting_;
  widgets::TickMenu* menu_;
  QActionGroup* processes_ = nullptr;  // of the menu as it was last opened
  QList<QAction*> cards_;
};

}  // namespace nw::app
