#include "widgets/style/style_sheet.h"

#include <QPair>
#include <QVector>

#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

// @name stands for a colour or a measure of the theme.
constexpr char kBars[] = R"(
QMainWindow::separator { background: @line; width: @hair; height: @hair; }
QSplitter::handle { background: @line; }
QSplitter::handle:horizontal { width: @hair; }
QSplitter::handle:vertical { height: @hair; }
QToolBar { background: @window; border: none; border-bottom: @hair solid @line; padding: 4px 8px;
           spacing: 4px; }
QToolBarExtension { qproperty-icon: url(:/icons/arrow-right.svg); min-width: 18px; }
QToolBar::separator { background: @line; width: @hair; margin: 4px; }
QStatusBar { background: @window; color: @secondary; border-top: @hair solid @line; }
QStatusBar::item { border: none; }
QMenuBar { background: @window; }
QMenuBar::item { padding: 4px 8px; border-radius: 6px; background: transparent; }
QMenuBar::item:selected { background: @hover; color: @text; }
QMenu { background: @card; border: @hair solid @line; padding: 4px; }
QMenu::item { padding: 5px 28px 5px 10px; border-radius: 4px; }
QMenu::item:selected { background: @accent; color: @onAccent; }
QMenu::item:disabled { color: @disabled; background: transparent; }
QMenu::separator { height: @hair; background: @line; margin: 4px 8px; }
QMenu::icon { padding-left: 6px; }
QMenu::indicator { width: 14px; height: 14px; left: 6px; border: @hair solid @border;
              background: @canvas; border-radius: 4px; }
QMenu::indicator:exclusive { border-radius: 8px; }
QMenu::indicator:checked { background: @accent; border-color: @accent;
              image: url(:/icons/mark-check.svg); }
QMenu::indicator:exclusive:checked { image: url(:/icons/mark-dot.svg); }
QMenu::indicator:checked:selected { border-color: @onAccent; }
QFrame#blockSearch { background: @window; border: @hair solid @line; }
QToolTip { background: @card; color: @text; border: @hair solid @line; padding: 6px; }
QDockWidget { titlebar-close-icon: none; titlebar-normal-icon: none; }
QDockWidget::title { background: @window; padding: 6px 8px; text-align: left; }
)";

constexpr char kButtons[] = R"(
QToolButton { background: transparent; border: @hair solid transparent; border-radius: 6px;
              padding: 3px; }
QToolButton[toolButtonStyle="2"] { padding: 3px 8px 3px 6px; }
QToolButton:hover { background: @hover; }
QToolButton:pressed, QToolButton:checked { background: @pressed; }
QToolButton[checkable="true"][toolButtonStyle="1"] { border-color: @border; padding: 1px 6px; }
QToolButton[checkable="true"][toolButtonStyle="1"]:checked { background: @selected;
              border-color: @accent; }
QToolButton:focus { border-color: @accent; }
QToolButton:disabled { color: @disabled; }
QToolButton[popupMode="1"] { padding-right: 18px; }
QToolButton::menu-button { border: none; width: 16px; }
QToolButton[popupMode="2"] { border-color: @border; background: @canvas; padding: 3px 22px 3px 8px; }
QToolButton[popupMode="2"]:hover { background: @hover; }
QToolButton[popupMode="2"]:focus { border-color: @accent; }
QToolButton[popupMode="2"]:disabled { background: @window; color: @disabled; border-color: @line; }
QToolButton[popupMode="2"]::menu-indicator { subcontrol-origin: padding;
              subcontrol-position: center right; right: 6px; }
QToolButton::menu-arrow, QToolButton::menu-indicator { image: url(:/icons/arrow-down.svg);
              width: 10px; height: 10px; }
QPushButton { background: @card; border: @hair solid @border; border-radius: 6px;
              padding: 4px 12px; min-height: 18px; }
QPushButton:hover { background: @hover; }
QPushButton:pressed, QPushButton:checked { background: @pressed; }
QPushButton:focus { border-color: @accent; }
QPushButton:default { background: @accent; color: @onAccent; border-color: @accent; }
QPushButton:default:hover, QPushButton:default:pressed { background: @accentHover; }
QPushButton:default:focus { border-color: @text; }
QPushButton:disabled { background: @window; color: @disabled; border-color: @line; }
QPushButton:flat { background: transparent; border-color: transparent; color: @link; }
QPushButton:flat:hover { background: @hover; }
QPushButton:flat:focus { border-color: @accent; }
)";

constexpr char kInputs[] = R"(
QLineEdit, QAbstractSpinBox, QComboBox, QPlainTextEdit, QTextEdit {
  background: @canvas; border: @hair solid @border; border-radius: 6px;
  selection-background-color: @accent; selection-color: @onAccent; }
QLineEdit, QAbstractSpinBox, QComboBox { padding: 3px 4px; min-height: 18px; }
QComboBox { combobox-popup: 0; }
QLineEdit:focus, QAbstractSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus, QTextEdit:focus {
  border-color: @accent; }
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled { background: @window;
  color: @disabled; border-color: @line; }
QLineEdit:read-only { background: @window; }
QComboBox QAbstractItemView { background: @card; border: @hair solid @line; padding: 4px;
  outline: none; selection-background-color: @accent; selection-color: @onAccent; }
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::item { padding: 3px 8px; }
QComboBox::down-arrow { image: url(:/icons/arrow-down.svg); width: 10px; height: 10px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { subcontrol-origin: border;
  border: none; background: transparent; width: 18px; border-radius: 4px; margin: 2px; }
QAbstractSpinBox::up-button { subcontrol-position: top right; margin-bottom: 0px; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; margin-top: 0px; }
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover { background: @hover; }
QAbstractSpinBox::up-arrow { image: url(:/icons/arrow-up.svg); width: 9px; height: 9px; }
QAbstractSpinBox::down-arrow { image: url(:/icons/arrow-down.svg); width: 9px; height: 9px; }
QProgressBar { background: @pressed; border: none; border-radius: 3px; max-height: 6px;
  min-height: 6px; color: transparent; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QCheckBox, QRadioButton { spacing: 8px; }
QCheckBox::indicator, QRadioButton::indicator { width: 14px; height: 14px;
  border: @hair solid @border; background: @canvas; }
QCheckBox::indicator { border-radius: 4px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: @secondary; }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border-color: @accent; }
QCheckBox::indicator:checked { background: @accent; border-color: @accent;
  image: url(:/icons/mark-check.svg); }
QRadioButton::indicator:checked { background: @accent; border-color: @accent;
  image: url(:/icons/mark-dot.svg); }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled { background: @window;
  border-color: @line; }
QCheckBox::indicator:checked:disabled, QRadioButton::indicator:checked:disabled {
  background: @disabled; }
QSlider:horizontal { min-height: 18px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: @pressed; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: @accent; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -6px 0px; border-radius: 8px;
  background: @card; border: @hair solid @handle; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus { border-color: @accent; }
QGroupBox { border: none; margin-top: 22px; font-weight: 600; }
QGroupBox::title { subcontrol-origin: margin; left: 0px; top: 2px; }
)";

constexpr char kViews[] = R"(
QAbstractScrollArea { border: none; }
QAbstractItemView { background: @window; outline: none; }
QListView::item, QTreeView::item, QTableView::item { padding: 3px 8px; }
QAbstractItemView::item:hover { background: @hover; }
QAbstractItemView::item:selected { background: @selected; color: @text; }
QHeaderView { background: @window; }
QHeaderView::section { background: @window; color: @secondary; border: none;
  border-bottom: @hair solid @line; padding: 4px 8px; }
QTableView { gridline-color: @line; }
QTableCornerButton::section { background: @window; border: none; }
QTreeView::branch { background: transparent; }
QTreeView::branch:has-children:closed { image: url(:/icons/arrow-right.svg); }
QTreeView::branch:has-children:open { image: url(:/icons/arrow-down.svg); }
QTabWidget::pane { border: none; border-top: @hair solid @line; }
QTabBar { qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: @secondary; padding: 6px 12px; border: none;
  border-bottom: 2px solid transparent; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:selected { color: @text; border-bottom-color: @accent; }
QTabBar::tab:focus { color: @link; }
QScrollBar { background: transparent; border: none; margin: 0px; }
QScrollBar:vertical { width: 10px; }
QScrollBar:horizontal { height: 10px; }
QScrollBar::handle { background: @handle; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 24px; }
QScrollBar::handle:horizontal { min-width: 24px; }
QScrollBar::handle:hover { background: @secondary; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0px; height: 0px; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: transparent; border: none; }
)";

}  // namespace

QString styleSheet(const Theme& theme) {
  const QPair<QString, QString> names[] = {
      {"@window", theme.window.name()},
      {"@canvas", theme.canvas.name()},
      {"@card", theme.card.name()},
      {"@text", theme.text.name()},
      {"@secondary", theme.secondary.name()},
      {"@disabled", theme.disabled.name()},
      {"@line", theme.line.name()},
      {"@link", theme.link.name()},
      {"@onAccent", theme.onAccent.name()},
      {"@accentHover", mix(theme.accent, Qt::black, 0.12).name()},
      {"@accent", theme.accent.name()},
      {"@hover", theme.hover.name()},
      {"@pressed", mix(theme.hover, theme.text, 0.08).name()},
      {"@selected", mix(theme.window, theme.accent, theme.dark ? 0.35 : 0.16).name()},
      {"@border", mix(theme.line, theme.text, theme.dark ? 0.12 : 0.08).name()},
      {"@handle", mix(theme.window, theme.secondary, 0.4).name()},
      {"@hair", QString("%1px").arg(theme.lineWidth)},
  };
  QString text = QString::fromUtf8(kBars) + kButtons + kInputs + kViews;
  for (const auto& [name, value] : names) text.replace(name, value);
  return text;
}

}  // namespace nw::widgets
