#include "widgets/inspector/param_row.h"

#include <QGridLayout>
#include <QPainter>
#include <QToolButton>
#include <algorithm>

#include "widgets/controls/text_label.h"
#include "widgets/controls/value_field.h"
#include "widgets/inspector/param_editor.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kLabelWidth = 96;

/// "At least 0, below 1" of a numeric parameter; empty without bounds.
QString rangeText(const nn::Param& param) {
  QStringList parts;
  if (param.min) {
    const QString low = valueText(*param.min);
    parts
        << (param.min_exclusive ? ParamRow::tr("above %1") : ParamRow::tr("at least %1")).arg(low);
  }
  if (param.max) {
    const QString high = valueText(*param.max);
    parts
        << (param.max_exclusive ? ParamRow::tr("below %1") : ParamRow::tr("at most %1")).arg(high);
  }
  return parts.join(QStringLiteral(", "));
}

/// "at least 1, at most 2" of the values that are useful among those that are taken.
QString usualText(const nn::Param& param) {
  QStringList parts;
  if (param.usual_min) parts << ParamRow::tr("at least %1").arg(valueText(*param.usual_min));
  if (param.usual_max) parts << ParamRow::tr("at most %1").arg(valueText(*param.usual_max));
  return parts.join(QStringLiteral(", "));
}

/// How a value is written that is not one number or one word.
QString writingText(const nn::Param& param) {
  if (param.type == nn::ParamType::Module) {
    return ParamRow::tr("Written as in PyTorch, such as nn.Tanh().");
  }
  const bool tuple =
      param.type == nn::ParamType::IntTuple || param.type == nn::ParamType::RealTuple;
  if (!tuple) return {};
  QStringList parts;
  if (param.arity == 0) parts << ParamRow::tr("numbers with commas, as in 3, 5");
  if (param.arity > 1) {
    parts << ParamRow::tr("one number for all, or %1 with commas, as in %2")
                 .arg(param.arity)
                 .arg(QStringLiteral("3, 5, 7, 9").left(3 * qsizetype(param.arity) - 2));
  }
  if (!param.choices.empty()) {
    QStringList words;
    for (const std::string& choice : param.choices) words << QString::fromStdString(choice);
    parts << ParamRow::tr("the words %1").arg(words.join(ParamRow::tr(" or ")));
  }
  if (parts.isEmpty()) return {};
  return ParamRow::tr("Write %1.").arg(parts.join(ParamRow::tr("; or ")));
}

QString tooltip(const nn::Param& param) {
  QStringList lines{QString::fromStdString(param.help)};
  const QString writing = writingText(param);
  if (!writing.isEmpty()) lines << writing;
  const QString range = rangeText(param);
  if (!range.isEmpty()) lines << ParamRow::tr("Range: %1").arg(range);
  const QString usual = usualText(param);
  if (!usual.isEmpty()) lines << ParamRow::tr("Usually %1").arg(usual);
  if (param.inferred) {
    lines << ParamRow::tr("Automatic: taken from what arrives at the input.");
  } else if (!param.required) {
    lines << ParamRow::tr("Default: %1").arg(QString::fromStdString(nn::to_python(param.fallback)));
  }
  return lines.join(QLatin1Char('\n'));
}

}  // namespace

ParamRow::ParamRow(const nn::Param& param, QWidget* parent)
    : QWidget(parent),
      param_(param),
      label_(new TextLabel(name())),
      editor_(ParamEditor::create(param, this)),
      reset_(new QToolButton(this)),
      note_(TextLabel::note(QString::fromStdString(param.help))) {
  auto* layout = new QGridLayout(this);
  layout->setContentsMargins(0, 2, 0, 0);  // room for the frame around what does not fit
  layout->setHorizontalSpacing(Theme::kPadding);
  layout->setVerticalSpacing(2);
  layout->addWidget(label_, 0, 0);
  // A layer with its arguments is long: it gets a line of its own.
  const bool own = param.type == nn::ParamType::Module;
  layout->addWidget(editor_, own ? 1 : 0, own ? 0 : 1, 1, own ? 3 : 1);
  layout->addWidget(reset_, 0, 2);
  layout->addWidget(note_, 2, 0, 1, 3);
  layout->setColumnMinimumWidth(0, kLabelWidth);
  layout->setColumnStretch(1, 1);

  buildLabel();
  connect(editor_, &ParamEditor::valueEdited, this,
          [this](const nn::Value& value) { emit edited(name(), value); });
  connect(editor_, &ParamEditor::messageChanged, this, &ParamRow::showMessage);
  connect(reset_, &QToolButton::clicked, this, &ParamRow::reset);
  setValue(nullptr, param.fallback);
}

void ParamRow::buildLabel() {
  QWidget* field = editor_->field();
  label_->setBuddy(field);
  field->setObjectName(name());
  field->setAccessibleName(name());
  field->setAccessibleDescription(QString::fromStdString(param_.help));
  setToolTip(tooltip(param_));

  reset_->setIcon(icon(QStringLiteral("undo")));
  reset_->setIconSize(QSize(14, 14));
  reset_->setAutoRaise(true);
  reset_->setFixedSize(22, 22);
  reset_->setFocusPolicy(Qt::TabFocus);
  reset_->setToolTip(param_.inferred ? tr("Back to automatic") : tr("Back to the default"));
  reset_->setAccessibleName(tr("%1 of %2").arg(reset_->toolTip(), name()));
  QSizePolicy policy = reset_->sizePolicy();
  policy.setRetainSizeWhenHidden(true);
  reset_->setSizePolicy(policy);
}

QWidget* ParamRow::field() const {
  return editor_->field();
}

int ParamRow::labelWidth() const {
  const QFontMetrics bold(uiFont(Theme::kBasePx, QFont::DemiBold));
  return std::max(kLabelWidth, bold.horizontalAdvance(name()) + 2);
}

void ParamRow::setLabelWidth(int width) {
  static_cast<QGridLayout*>(layout())->setColumnMinimumWidth(0, width);
}

QString ParamRow::message() const {
  return editor_->message();
}

void ParamRow::setValue(const nn::Value* given, const nn::Value& complete) {
  const bool automatic = param_.inferred && (!given || std::holds_alternative<nn::None>(*given));
  const nn::Value shown = given ? *given : param_.fallback;
  editor_->setValue(shown, automatic ? complete : nn::Value{});
  const bool changed = given && *given != param_.fallback;
  const bool hasWayBack = param_.inferred || !param_.required;
  reset_->setVisible(changed && hasWayBack);
  label_->setFont(uiFont(Theme::kBasePx, changed && hasWayBack ? QFont::DemiBold : QFont::Normal));
  showMessage(editor_->message());
}

void ParamRow::reset() {
  emit edited(name(), param_.inferred ? nn::Value(nn::None{}) : param_.fallback);
  field()->setFocus();
}

void ParamRow::showMessage(const QString& message) {
  note_->setText(message.isEmpty() ? QString::fromStdString(param_.help) : message);
  note_->setTone(message.isEmpty() ? TextLabel::Tone::Secondary : TextLabel::Tone::Error);
  note_->setVisible(!note_->text().isEmpty());
  field()->setAccessibleDescription(note_->text());
  update();
}

void ParamRow::paintEvent(QPaintEvent*) {
  if (message().isEmpty()) return;
  // The frame stands around the field, whatever style draws it.
  const Theme theme = Theme::of(this);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(theme.error, 1.5));
  const QRectF frame(QRect(field()->mapTo(this, QPoint(0, 0)), field()->size()));
  painter.drawRoundedRect(frame.adjusted(-1.25, -1.25, 1.25, 1.25), Theme::kRadius + 1,
                          Theme::kRadius + 1);
}

}  // namespace nw::widgets
