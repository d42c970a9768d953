#include "widgets/inspector/section.h"

#include <QAbstractButton>
#include <QGridLayout>
#include <QPainter>
#include <QVBoxLayout>

#include "widgets/controls/text_label.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kNameWidth = 96;
constexpr int kChevronPx = 12;

}  // namespace

/// The line that folds a section: its name, a chevron at the far end.
class SectionTitle : public QAbstractButton {
 public:
  explicit SectionTitle(const QString& title) {
    setText(title);
    setFont(uiFont(Theme::kBasePx, QFont::DemiBold));
    setFocusPolicy(Qt::TabFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  }
  void setFolded(bool folded) {
    folded_ = folded;
    setAccessibleDescription(folded ? Section::tr("folded") : Section::tr("open"));
    update();
  }
  QSize sizeHint() const override { return QSize(100, fontMetrics().height() + Theme::kGrid); }

 protected:
  void paintEvent(QPaintEvent*) override {
    const Theme theme = Theme::of(this);
    QPainter painter(this);
    painter.setPen(hasFocus() ? theme.link : theme.text);
    painter.drawText(rect(), Qt::AlignLeft | Qt::AlignVCenter, text());
    const QRectF place(width() - kChevronPx - 4, (height() - kChevronPx) / 2.0, kChevronPx,
                       kChevronPx);
    const QString chevron =
        folded_ ? QStringLiteral("chevron-right") : QStringLiteral("chevron-down");
    paintIcon(painter, place, chevron, underMouse() ? theme.text : theme.secondary);
  }

 private:
  bool folded_ = false;
};

Section::Section(const QString& title, QWidget* parent)
    : QWidget(parent),
      title_(new SectionTitle(title)),
      body_(new QWidget),
      content_(new QVBoxLayout(body_)) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, Theme::kGrid, 0, Theme::kGrid);
  layout->setSpacing(Theme::kPadding);
  layout->addWidget(title_);
  layout->addWidget(body_);
  content_->setContentsMargins(0, 0, 0, Theme::kPadding);
  content_->setSpacing(Theme::kGrid);

  connect(title_, &QAbstractButton::clicked, this, [this] { setFolded(!body_->isHidden()); });
  setFolded(false);
}

void Section::setFolded(bool folded) {
  body_->setVisible(!folded);
  title_->setFolded(folded);
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
  grid->setHorizontalSpacing(Theme::kPadding);
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
