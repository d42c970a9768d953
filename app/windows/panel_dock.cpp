#include "app/windows/panel_dock.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QStackedWidget>
#include <QTabBar>
#include <QToolButton>

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::app {
namespace {

QToolButton* headerButton(const QString& icon, const QString& tip, QWidget* parent) {
  auto* button = new QToolButton(parent);
  button->setIcon(widgets::icon(icon));
  button->setIconSize({14, 14});
  button->setToolTip(tip);
  button->setAccessibleName(tip);
  button->setAutoRaise(true);
  button->setFocusPolicy(Qt::TabFocus);
  return button;
}

}  // namespace

PanelDock::PanelDock(const QString& name, const QString& title, Header header, QWidget* parent)
    : QDockWidget(title, parent), pages_(new QStackedWidget(this)) {
  setObjectName(name);  // by which the layout is remembered
  setWidget(pages_);

  auto* line = new QWidget(this);
  auto* layout = new QHBoxLayout(line);
  layout->setContentsMargins(12, 0, 4, 0);
  layout->setSpacing(0);
  line->setFixedHeight(32);
  if (header == Header::Tabs) {
    tabs_ = new QTabBar(line);
    tabs_->setExpanding(false);
    tabs_->setDrawBase(false);
    layout->setContentsMargins(4, 0, 4, 0);
    layout->addWidget(tabs_);
    connect(tabs_, &QTabBar::currentChanged, this, [this](int index) {
      pages_->setCurrentIndex(index);
      emit pageShown(index);
    });
  } else {
    auto* label = new QLabel(title, line);
    label->setFont(widgets::uiFont(widgets::Theme::kBasePx, QFont::DemiBold));
    layout->addWidget(label);
  }
  layout->addStretch();
  QToolButton* tearOff = headerButton("tear-off", tr("Tear off"), line);
  connect(tearOff, &QToolButton::clicked, this, [this] { setFloating(!isFloating()); });
  layout->addWidget(tearOff);
  QToolButton* close = headerButton("close", tr("Close panel (View menu brings it back)"), line);
  connect(close, &QToolButton::clicked, this, &QDockWidget::close);
  layout->addWidget(close);
  setTitleBarWidget(line);
}

void PanelDock::addPage(QWidget* page, const QString& title) {
  pages_->addWidget(page);
  if (tabs_) tabs_->addTab(title);
}

void PanelDock::setPageTitle(int index, const QString& title) {
  if (tabs_) tabs_->setTabText(index, title);
}

void PanelDock::showPage(int index) {
  if (tabs_) tabs_->setCurrentIndex(index);
  show();
  raise();
}

int PanelDock::currentPage() const {
  return pages_->currentIndex();
}

}  // namespace nw::app
