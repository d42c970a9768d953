#include "app/windows/device_button.h"

#include <QActionGroup>
#include <QEvent>
#include <QWidgetAction>
#include <algorithm>
#include <set>

#include "core/backend/backend.h"
#include "core/base/error.h"
#include "core/graph/devices.h"
#include "widgets/controls/text_label.h"
#include "widgets/controls/tick_menu.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::app {
namespace {

constexpr int kProcesses[] = {1, 2, 4, 8};
constexpr int kWarningPx = 14;
constexpr int kNoteWidth = 280;
constexpr int kNoteMargin = 8;

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

std::vector<Device> processes(int count) {
  return std::vector<Device>(static_cast<size_t>(count), kCpu);
}

QString processesTitle(int count) {
  return count == 1 ? DeviceButton::tr("CPU") : DeviceButton::tr("CPU, %1 processes").arg(count);
}

QString settingOf(const std::vector<Device>& devices) {
  return QString::fromStdString(graph::setting_of(devices));
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
  menu_->setTitle(tr("&Device"));
  menu_->setSeparatorsCollapsible(false);  // they carry notes
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
  if (event->type() == QEvent::EnabledChange) menu_->menuAction()->setEnabled(isEnabled());
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
    addNote(tr("No graphics card to train on: %1")
                .arg(cards ? QString::fromStdString(cards->missing())
                           : tr("the CUDA plugin is not installed.")));
  }
  menu_->addSeparator();
  addNote(
      tr("Several processes or cards share out each batch. All-reduce averages their gradients "
         "in every step, so that all learn the same (data parallel)."));
  showTicks();
}

void DeviceButton::addNote(const QString& text) {
  auto* label = widgets::TextLabel::note(text);
  label->setMargin(kNoteMargin);
  label->setFixedSize(kNoteWidth, label->heightForWidth(kNoteWidth));
  auto* action = new QWidgetAction(menu_);
  action->setDefaultWidget(label);
  action->setText(text);       // for screen readers
  action->setSeparator(true);  // the arrow keys pass over it
  menu_->addAction(action);
}

void DeviceButton::addProcesses(int count) {
  QAction* action = menu_->addAction(processesTitle(count));
  action->setCheckable(true);
  action->setData(count);
  processes_->addAction(action);
  connect(action, &QAction::triggered, this, [this, count] { chooseAll(processes(count)); });
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
  chooseAll(ticked.empty() ? processes(1) : ticked);
}

void DeviceButton::chooseAll(const std::vector<Device>& devices) {
  choose(settingOf(devices));
}

void DeviceButton::choose(const QString& setting) {
  setSetting(setting);
  if (processes_) showTicks();
  emit chosen(setting_);
}

QList<DeviceButton::Offer> DeviceButton::offers() const {
  QList<Offer> offers;
  for (const int count : kProcesses) {
    offers.append({processesTitle(count), settingOf(processes(count))});
  }
  std::vector<Device> cards;
  for (int index = 0; index < cardsHere(); ++index) {
    cards.push_back({DeviceType::Cuda, index});
    offers.append({cardTitle(cards.back()), settingOf({cards.back()})});
  }
  if (cards.size() > 1) {
    offers.append({tr("all %1 graphics cards").arg(cards.size()), settingOf(cards)});
  }
  return offers;
}

}  // namespace nw::app
