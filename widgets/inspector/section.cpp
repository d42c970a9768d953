#include "widgets/inspector/section.h"

#include <QGridLayout>
#include <QPainter>
#include <QToolButton>
#include <QVBoxLayout>

#include "widgets/controls/text_label.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kNameWidth = 112;

}  // namespace

Section::Section(const QString& title, QWidget* parent)
    : QWidget(parent),
      title_(new QToolButton),
      body_(new QWidget),
      content_(new QVBoxLayout(body_)) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, Theme::kGrid, 0, Theme::kGrid);
  layout->setSpacing(Theme::kPadding);
  layout->addWidget(title_);
  layout->addWidget(body_);
  content_->setContentsMargins(0, 0, 0, Theme::kPadding);
  content_->setSpacing(Theme::kGrid);

  title_->setText(title);
  title_->setFont(uiFont(Theme::kBasePx, QFont::DemiBold));
  title_->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  title_->setIconSize(QSize(12, 12));
  title_->setAutoRaise(true);
  title_->setCheckable(false);
  title_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(title_, &QToolButton::clicked, this, [this] { setFolded(!body_->isHidden()); });
  setFolded(false);
}

void Section::setFolded(bool folded) {
  body_->setVisible(!folded);
  title_->setIcon(icon(folded ? QStringLiteral("chevron-right") : QStringLiteral("chevron-down")));
  title_->setAccessibleDescription(folded ? tr("folded") : tr("open"));
}

void Section::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(this);
  QPainter painter(this);
  painter.fillRect(QRectF(0, 0, width(), theme.lineWidth), theme.line);
}

FactList::FactList(QWidget* parent) : QWidget(parent) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
}

void FactList::setFacts(const QVector<Fact>& facts) {
  if (facts == facts_) return;
  facts_ = facts;
  delete rows_;
  rows_ = new QWidget;
  auto* grid = new QGridLayout(rows_);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setHorizontalSpacing(Theme::kGrid);
  grid->setVerticalSpacing(Theme::kPadding);
  grid->setColumnMinimumWidth(0, kNameWidth);
  grid->setColumnStretch(1, 1);
  for (const Fact& fact : facts_) {
    const int row = grid->rowCount();
    auto* name = new TextLabel(fact.name, TextLabel::Tone::Secondary);
    auto* value = new TextLabel(fact.value);
    value->setWordWrap(true);
    value->setTextInteractionFlags(Qt::TextSelectableByMouse);
    value->setAccessibleName(fact.name + QStringLiteral(": ") + fact.value);
    grid->addWidget(name, row, 0, Qt::AlignTop);
    grid->addWidget(value, row, 1);
    if (!fact.note.isEmpty()) grid->addWidget(TextLabel::note(fact.note), row + 1, 1);
  }
  layout()->addWidget(rows_);
}

}  // namespace nw::widgets
