#include "widgets/canvas/empty_invitation.h"

#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

/// A button with icon, title and a line of explanation.
class TemplateButton : public QPushButton {
 public:
  TemplateButton(const CanvasTemplate& offer, QWidget* parent)
      : QPushButton(parent), offer_(offer) {
    setAccessibleName(offer.title);
    setAccessibleDescription(offer.summary);
    setToolTip(offer.summary);
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    setCursor(Qt::PointingHandCursor);
  }
  QSize sizeHint() const override { return {176, 88}; }

 protected:
  void paintEvent(QPaintEvent* event) override {
    QPushButton::paintEvent(event);
    const Theme theme = Theme::of(this);
    QPainter painter(this);
    const QString iconName = hasIcon(offer_.icon) ? offer_.icon : QString("shape");
    paintIcon(painter, QRectF(12, 12, 20, 20), iconName, theme.link);
    painter.setPen(theme.text);
    painter.setFont(uiFont(Theme::kBasePx, QFont::DemiBold));
    painter.drawText(QRect(40, 12, width() - 52, 20), Qt::AlignLeft | Qt::AlignVCenter,
                     offer_.title);
    painter.setPen(theme.secondary);
    painter.setFont(uiFont(Theme::kSecondaryPx));
    painter.drawText(QRect(12, 40, width() - 24, height() - 48),
                     Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, offer_.summary);
  }

 private:
  CanvasTemplate offer_;
};

}  // namespace

EmptyInvitation::EmptyInvitation(QWidget* parent) : QWidget(parent) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(8);
  auto* title = new QLabel(tr("Drag a block here or press Ctrl+K"), this);
  title->setFont(uiFont(Theme::kHeroPx));
  title->setAlignment(Qt::AlignCenter);
  title->setAttribute(Qt::WA_TransparentForMouseEvents);
  column->addWidget(title);
  orStart_ = new QLabel(tr("or start from a network that already runs"), this);
  orStart_->setAlignment(Qt::AlignCenter);
  orStart_->setAttribute(Qt::WA_TransparentForMouseEvents);
  column->addWidget(orStart_);
  column->addSpacing(8);
  buttons_ = new QHBoxLayout;
  buttons_->setSpacing(16);
  column->addLayout(buttons_);
  orStart_->hide();
}

void EmptyInvitation::setTemplates(const QVector<CanvasTemplate>& templates) {
  qDeleteAll(findChildren<QPushButton*>(Qt::FindDirectChildrenOnly));
  for (const CanvasTemplate& offer : templates) {
    auto* button = new TemplateButton(offer, this);
    connect(button, &QPushButton::clicked, this,
            [this, id = offer.id] { emit templateRequested(id); });
    buttons_->addWidget(button);
    button->show();
  }
  orStart_->setVisible(!templates.isEmpty());
  adjustSize();
}

}  // namespace nw::widgets
