#include "app/windows/device_button.h"

#include <QMenu>
#include <algorithm>

#include "core/backend/backend.h"
#include "core/base/error.h"
#include "core/graph/devices.h"

namespace nw::app {
namespace {

constexpr int kProcesses[] = {1, 2, 4, 8};

bool onCpu(const std::vector<Device>& devices) {
  return !devices.empty() && devices[0].type == DeviceType::Cpu;
}

/// "cpu × 4"
QString shown(const QString& setting) {
  return QString(setting).replace("*", QStringLiteral(" × "));
}

}  // namespace

DeviceButton::DeviceButton(QWidget* parent) : QToolButton(parent), menu_(new QMenu(this)) {
  setPopupMode(InstantPopup);
  setToolButtonStyle(Qt::ToolButtonTextOnly);
  setMenu(menu_);
  setToolTip(tr("Where the network is trained; on several devices with a process for each"));
  setAccessibleName(tr("Device"));
  menu_->setToolTipsVisible(true);
  connect(menu_, &QMenu::aboutToShow, this, &DeviceButton::fillMenu);
  setSetting("cpu");
}

void DeviceButton::setSetting(const QString& setting) {
  setting_ = setting;
  setText(shown(setting));
}

std::vector<Device> DeviceButton::devices() const {
  try {
    return graph::devices_of(setting_.toStdString());
  } catch (const Error&) {
    return {};
  }
}

void DeviceButton::fillMenu() {
  menu_->clear();
  for (const int count : kProcesses) addProcesses(count);
  const std::vector<Device> now = devices();
  const bool other = onCpu(now) && std::none_of(std::begin(kProcesses), std::end(kProcesses),
                                                [&](int n) { return size_t(n) == now.size(); });
  if (other) addProcesses(static_cast<int>(now.size()));
  menu_->addSeparator();
  const Backend* cards = find_backend(DeviceType::Cuda);
  const int count = cards ? cards->device_count() : 0;
  for (int index = 0; index < count; ++index) addCard(index);
  if (count > 0) return;
  QAction* none = menu_->addAction(tr("No graphics card to train on"));
  none->setEnabled(false);
  none->setToolTip(cards ? QString::fromStdString(cards->missing())
                         : tr("The CUDA plugin is not installed."));
}

void DeviceButton::addProcesses(int count) {
  QAction* action = menu_->addAction(count == 1 ? tr("CPU") : tr("CPU, %1 processes").arg(count));
  action->setCheckable(true);
  const std::vector<Device> now = devices();
  action->setChecked(onCpu(now) && now.size() == static_cast<size_t>(count));
  connect(action, &QAction::triggered, this,
          [this, count] { choose(std::vector<Device>(static_cast<size_t>(count), kCpu)); });
}

void DeviceButton::addCard(int index) {
  const Device card{DeviceType::Cuda, index};
  const std::string name = backend_of(card).facts(card).name;
  QAction* action = menu_->addAction(QString("%1 · %2").arg(QString::fromStdString(to_string(card)),
                                                            QString::fromStdString(name)));
  action->setCheckable(true);
  std::vector<Device> ticked = devices();
  if (onCpu(ticked)) ticked.clear();
  const auto place = std::find(ticked.begin(), ticked.end(), card);
  action->setChecked(place != ticked.end());
  connect(action, &QAction::triggered, this, [this, card, ticked](bool on) mutable {
    std::erase(ticked, card);
    if (on) ticked.push_back(card);
    std::sort(ticked.begin(), ticked.end(), [](Device a, Device b) { return a.index < b.index; });
    choose(ticked.empty() ? std::vector<Device>{kCpu} : ticked);
  });
}

void DeviceButton::choose(const std::vector<Device>& devices) {
  setSetting(QString::fromStdString(graph::setting_of(devices)));
  emit chosen(setting_);
}

}  // namespace nw::app
