#include "widgets/charts/figure_header.h"

#include <QHBoxLayout>

#include "widgets/controls/text_label.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

FigureHeader::FigureHeader(const QString& title, QWidget* parent)
    : QWidget(parent),
      title_(new TextLabel(title, TextLabel::Tone::Secondary)),
      hero_(new TextLabel({}, TextLabel::Tone::Normal, Theme::kHeroPx, QFont::DemiBold)),
      note_(new TextLabel({}, TextLabel::Tone::Secondary, Theme::kSecondaryPx)),
      controls_(new QHBoxLayout) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(Theme::kGrid);
  layout->addWidget(title_);
  layout->addWidget(hero_);
  layout->addWidget(note_);
  layout->addStretch();
  layout->addLayout(controls_);
  controls_->setSpacing(Theme::kPadding);
  setFixedHeight(32);
  setMinimumWidth(1);  // a narrow panel cuts the note, not the window's freedom
  hero_->setAccessibleName(title);
}

void FigureHeader::setFigures(const QString& training, const QString& validation) {
  hero_->setText(training);
  hero_->setAccessibleDescription(training);
  note_->setText(validation.isEmpty() ? QString() : tr("validation %1").arg(validation));
  fitNote();
}

QString FigureHeader::hero() const {
  return hero_->text();
}

int FigureHeader::roomForControls() const {
  return width() - title_->sizeHint().width() - hero_->sizeHint().width() - 4 * Theme::kGrid;
}

void FigureHeader::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  fitNote();
}

void FigureHeader::fitNote() {
  const int need = title_->sizeHint().width() + hero_->sizeHint().width() +
                   note_->sizeHint().width() + controls_->sizeHint().width() + 5 * Theme::kGrid;
  note_->setVisible(!note_->text().isEmpty() && need <= width());
}

}  // namespace nw::widgets
