#include "app/windows/device_button.h"

#include <QActionGroup>
#include <QEvent>
#include <algorithm>
#include <set>

#include "core/backend/backend.h"
#include "core/base/error.h"
#include "core/graph/devices.h"
#include "widgets/controls/tick_menu.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::app {
namespace {

constexpr int kProcesses[] = {1, 2, 4, 8};
constexpr int kWarningPx = 14;

bool onCpu(const std::vector<Device>& devices) {
  return !devices.empty() && devices[0].type == DeviceType::Cpu;
}

/// "0, 2–4" of {0, 2, 3, 4}.
QString ranges(const std::vector<Device>& cards) {
  QStringList parts;
  for (size_t i = 0; i < cards.size();) {
    size_t last = i;
    while (last + 1 < cards.size() && cards[last + 1].index == cards[last].index + 1) ++last;
    QString part = QString::number(cards[i].index);
    if (last > i)
      part += (last > i + 1 ? QChar(0x2013) : QChar(',')) + QString::number(cards[last].index);
    parts << part;
    i = last + 1;
  }
  return parts.join(',');
}

/// "cpu × 4", "cuda:0–3"; what cannot be read, as it is.
QString shown(const QString& setting, const std::vector<Device>& devices) {
  if (onCpu(devices) && devices.size() > 1) {
    return QStringLiteral("cpu × %1").arg(devices.size());
  }
  if (devices.empty() || onCpu(devices)) return setting;
  return "cuda:" + ranges(devices);
}

int cardsHere() {
  const Backend* cards = find_backend(DeviceType::Cuda);
  return cards ? cards->device_count() : 0;
}

QString cardTitle(Device card) {
  const QString id = QString::fromStdString(to_string(card));
  if (card.index >= cardsHere()) return DeviceButton::tr("%1 · not in this machine").arg(id);
  return QString("%1 · %2").arg(id, QString::fromStdString(backend_of(card).facts(card).name));
}

}  // namespace

DeviceButton::DeviceButton(QWidget* parent)
    : QToolButton(parent), menu_(new widgets::TickMenu(this)) {
  setPopupMode(InstantPopup);
  setIconSize({kWarningPx, kWarningPx});
  setMenu(menu_);
  menu_->setToolTipsVisible(true);
  connect(menu_, &QMenu::aboutToShow, this, &DeviceButton::fillMenu);
  setSetting("cpu");
}

void DeviceButton::setSetting(const QString& setting) {
  setting_ = setting;
  showSetting();
}

void DeviceButton::showSetting() {
  const QString text = shown(setting_, devices());
  const QString wrong = problem();
  setText(text);
  setToolButtonStyle(wrong.isEmpty() ? Qt::ToolButtonTextOnly : Qt::ToolButtonTextBesideIcon);
  setIcon(wrong.isEmpty() ? QIcon() : widgets::icon("warning", widgets::Theme::of(this).warning));
  const QString purpose =
      tr("Where the network is trained; on several devices with a process for each");
  setToolTip(wrong.isEmpty() ? purpose : wrong);
  setAccessibleName(tr("Device: %1").arg(text));
  setAccessibleDescription(toolTip());
  updateGeometry();
}

void DeviceButton::changeEvent(QEvent* event) {
  QToolButton::changeEvent(event);
  if (event->type() == QEvent::PaletteChange && !problem().isEmpty()) showSetting();
}

std::vector<Device> DeviceButton::devices() const {
  try {
    return graph::devices_of(setting_.toStdString());
  } catch (const Error&) {
    return {};
  }
}

QString DeviceButton::problem() const {
  try {
    for (const Device device : graph::devices_of(setting_.toStdString())) backend_of(device);
  } catch (const Error& error) {
    return QString::fromStdString(error.text());
  }
  return {};
}

void DeviceButton::fillMenu() {
  menu_->clear();
  cards_.clear();
  delete processes_;
  processes_ = new QActionGroup(menu_);
  processes_->setExclusionPolicy(QActionGroup::ExclusionPolicy::ExclusiveOptional);

  const std::vector<Device> now = devices();
  std::set<int> counts(std::begin(kProcesses), std::end(kProcesses));
  if (onCpu(now)) counts.insert(static_cast<int>(now.size()));
  for (const int count : counts) addProcesses(count);
  menu_->addSeparator();
  for (int index = 0; index < cardsHere(); ++index) addCard({DeviceType::Cuda, index});
  for (const Device device : now) {
    if (device.type == DeviceType::Cuda && device.index >= cardsHere()) addCard(device);
  }
  if (cardsHere() == 0) {
    const Backend* cards = find_backend(DeviceType::Cuda);
    QAction* none = menu_->addAction(tr("No graphics card to train on"));
    none->setEnabled(false);
    none->setToolTip(cards ? QString::fromStdString(cards->missing())
                           : tr("The CUDA plugin is not installed."));
  }
  showTicks();
}

void DeviceButton::addProcesses(int count) {
  QAction* action = menu_->addAction(count == 1 ? tr("CPU") : tr("CPU, %1 processes").arg(count));
  action->setCheckable(true);
  action->setData(count);
  processes_->addAction(action);
  connect(action, &QAction::triggered, this,
          [this, count] { choose(std::vector<Device>(static_cast<size_t>(count), kCpu)); });
}

void DeviceButton::addCard(Device card) {
  QAction* action = menu_->addAction(cardTitle(card));
  action->setCheckable(true);
  action->setData(card.index);
  cards_ << action;
  connect(action, &QAction::triggered, this, [this, card] { toggleCard(card); });
}

void DeviceButton::showTicks() {
  const std::vector<Device> now = devices();
  for (QAction* action : processes_->actions()) {
    action->setChecked(onCpu(now) && static_cast<size_t>(action->data().toInt()) == now.size());
  }
  for (QAction* action : cards_) {
    const Device card{DeviceType::Cuda, action->data().toInt()};
    action->setChecked(std::find(now.begin(), now.end(), card) != now.end());
  }
}

void DeviceButton::toggleCard(Device card) {
  std::vector<Device> ticked = devices();
  if (onCpu(ticked)) ticked.clear();
  if (std::erase(ticked, card) == 0) ticked.push_back(card);
  std::sort(ticked.begin(), ticked.end(), [](Device a, Device b) { return a.index < b.index; });
  choose(ticked.empty() ? std::vector<Device>{kCpu} : ticked);
}

void DeviceButton::choose(const std::vector<Device>& devices) {
  setSetting(QString::fromStdString(graph::setting_of(devices)));
  showTicks();
  emit chosen(setting_);
}

}  // namespace nw::app
