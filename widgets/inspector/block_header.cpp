#include "widgets/inspector/block_header.h"

#include <QGridLayout>
#include <QLineEdit>
#include <QPainter>

#include "widgets/controls/text_label.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kTilePx = 40;

/// A module's name becomes part of state_dict keys, which are parted by dots.
QString nameProblem(const QString& name) {
  if (name.contains(QLatin1Char('.'))) return BlockHeader::tr("A name has no dots.");
  return {};
}

}  // namespace

BlockHeader::BlockHeader(QWidget* parent)
    : QWidget(parent),
      name_(new QLineEdit),
      kind_(new TextLabel({}, TextLabel::Tone::Secondary, Theme::kSecondaryPx)),
      message_(TextLabel::note({}, TextLabel::Tone::Error)),
      summary_(new TextLabel) {
  auto* layout = new QGridLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setHorizontalSpacing(Theme::kGrid);
  layout->setVerticalSpacing(Theme::kPadding);
  layout->setColumnMinimumWidth(0, kTilePx);
  layout->setColumnStretch(1, 1);
  layout->addWidget(name_, 0, 1);
  layout->addWidget(kind_, 1, 1);
  layout->addWidget(message_, 2, 1);
  layout->addWidget(summary_, 3, 0, 1, 2);

  name_->setObjectName(QStringLiteral("nodeName"));
  name_->setFont(uiFont(Theme::kBasePx, QFont::DemiBold));
  name_->setAccessibleName(tr("Name of the block"));
  name_->setToolTip(
      tr("Name of the module: its weights are saved under it. Empty: numbered by position."));
  kind_->setContentsMargins(Theme::kPadding, 0, 0, 0);
  kind_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  summary_->setWordWrap(true);
  summary_->setContentsMargins(0, Theme::kPadding, 0, 0);
  message_->hide();
  connect(name_, &QLineEdit::editingFinished, this, &BlockHeader::commit);
  connect(name_, &QLineEdit::textEdited, message_, &QWidget::hide);
}

void BlockHeader::showBlock(const graph::Node& node, const nn::Block* block, const QString& key) {
  const QString name = QString::fromStdString(node.name);
  const bool typing = node.id == node_ && name_->isModified() && name == shownName_;
  node_ = node.id;
  shownName_ = name;
  if (!typing) {
    name_->setText(name);
    message_->hide();
  }
  // What makes no module has no key and takes no name.
  const QString id = QString::fromStdString(node.block);
  name_->setPlaceholderText(key.isEmpty() ? id : key);
  name_->setReadOnly(block && block->role == nn::Role::Input);
  const std::string& torchName = block ? block->torch_name : node.block;
  kind_->setText(torchName.empty() ? id : QString::fromStdString(torchName));
  summary_->setText(block ? QString::fromStdString(block->summary)
                          : tr("This program does not know the block “%1”. It is kept and saved "
                               "as it is; the network cannot run with it.")
                                .arg(id));
  color_ = categoryColor(block ? block->category : std::string());
  icon_ = QStringLiteral("unknown");
  if (block) {
    const QString own = QString::fromStdString(block->icon);
    icon_ = hasIcon(own) ? own : QString::fromStdString(block->category);
  }
  update();
}

void BlockHeader::commit() {
  if (!name_->isModified()) return;
  const QString name = name_->text().trimmed();
  const QString problem = nameProblem(name);
  message_->setText(problem);
  message_->setVisible(!problem.isEmpty());
  if (!problem.isEmpty()) return;
  name_->setModified(false);
  if (name == shownName_) return;
  shownName_ = name;
  emit nameEdited(name);
}

QRect BlockHeader::tile() const {
  return QRect(0, 1, kTilePx, kTilePx);
}

void BlockHeader::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(this);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(mix(theme.window, color_, theme.dark ? 0.28 : 0.16));
  painter.drawRoundedRect(tile(), Theme::kRadius, Theme::kRadius);
  const QRectF inner = QRectF(tile()).adjusted(9, 9, -9, -9);
  paintIcon(painter, inner, icon_, theme.dark ? mix(color_, Qt::white, 0.35) : color_);
}

}  // namespace nw::widgets
