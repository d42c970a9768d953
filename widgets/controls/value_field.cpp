#include "widgets/controls/value_field.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLineEdit>
#include <QPainter>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kPatienceMs = 600;

/// The unit at a field's right end. Painted, since a label would take the field's text colour.
class UnitMark : public QWidget {
 public:
  explicit UnitMark(const QString& unit) : unit_(unit) {
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Expanding);
  }
  QSize sizeHint() const override {
    const QFontMetrics metrics(uiFont(Theme::kSecondaryPx));
    return QSize(metrics.horizontalAdvance(unit_), metrics.height());
  }

 protected:
  void paintEvent(QPaintEvent*) override {
    const Theme theme = Theme::of(window());
    QPainter painter(this);
    painter.setFont(uiFont(Theme::kSecondaryPx));
    painter.setPen(isEnabled() ? theme.secondary : theme.disabled);
    painter.drawText(rect(), Qt::AlignCenter, unit_);
  }

 private:
  QString unit_;
};

QString realText(double value) {
  QString text = QString::number(value, 'g', QLocale::FloatingPointShortest);
  // C writes exponents with two digits and a plus: 1e-05, 1e+06.
  text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-");
  return text;
}

/// One step along 1, 2, 5, 10, 20, 50 …, as learning rates are tried.
double decadeStep(double value, bool up) {
  if (value == 0) return up ? 1e-4 : 0;
  const double magnitude = std::pow(10.0, std::floor(std::log10(value) + 1e-9));
  const double lead = value / magnitude;
  constexpr double kLeads[] = {0.5, 1, 2, 5, 10};
  if (up) {
    for (double candidate : kLeads) {
      if (candidate > lead * (1 + 1e-9)) return candidate * magnitude;
    }
  }
  for (auto it = std::rbegin(kLeads); it != std::rend(kLeads); ++it) {
    if (*it < lead * (1 - 1e-9)) return *it * magnitude;
  }
  return value;
}

/// Takes the noise of binary fractions out: 0.30000000000000004 -> 0.3.
double rounded(double value) {
  return QString::number(value, 'g', 12).toDouble();
}

/// `bound` as an integer; what lies beyond is the last one there is.
int64_t boundOf(double bound) {
  constexpr double kLimit = 9.2e18;
  return static_cast<int64_t>(std::clamp(bound, -kLimit, kLimit));
}

int64_t stepInt(const nn::Param& param, int64_t value, int steps) {
  int64_t next = 0;
  if (__builtin_add_overflow(value, int64_t{steps}, &next)) return value;
  if (const auto low = param.low()) {
    next = std::max(next, boundOf(*low) + (param.min_exclusive ? 1 : 0));
  }
  if (const auto high = param.high()) {
    next = std::min(next, boundOf(*high) - (param.max_exclusive ? 1 : 0));
  }
  // No step leads back from what was typed beyond the useful values.
  return steps > 0 ? std::max(value, next) : steps < 0 ? std::min(value, next) : next;
}

double stepReal(const nn::Param& param, double value, int steps) {
  // A share moves evenly; what may span decades moves along them.
  const auto least = param.low();
  const auto most = param.high();
  const bool share = least && most && *most - *least <= 1;
  if (share) {
    const double next = rounded(value + 0.05 * steps);
    const double low = *least + (param.min_exclusive ? 0.05 : 0);
    const double high = *most - (param.max_exclusive ? 0.05 : 0);
    return steps > 0 ? std::max(value, std::min(next, high)) : std::min(value, std::max(next, low));
  }
  for (int i = 0; i < std::abs(steps); ++i) {
    value = value < 0 ? -decadeStep(-value, steps < 0) : decadeStep(value, steps > 0);
  }
  return rounded(value);
}

}  // namespace

QString valueText(const nn::Value& value) {
  if (std::holds_alternative<nn::None>(value)) return {};
  if (const auto* real = std::get_if<double>(&value)) return realText(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return QString::fromStdString(*text);
  if (const auto* tuple = std::get_if<std::vector<int64_t>>(&value)) {
    QStringList parts;
    for (int64_t part : *tuple) {
      parts << (part == nn::kNoneItem ? QStringLiteral("None") : QString::number(part));
    }
    return parts.join(QStringLiteral(", "));
  }
  if (const auto* tuple = std::get_if<std::vector<double>>(&value)) {
    QStringList parts;
    for (double part : *tuple) parts << realText(part);
    return parts.join(QStringLiteral(", "));
  }
  return QString::fromStdString(nn::to_python(value));
}

ValueField::ValueField(const nn::Param& param, QWidget* parent)
    : QAbstractSpinBox(parent), param_(param) {
  setFocusPolicy(Qt::StrongFocus);
  setAccelerated(true);
  if (param.type == nn::ParamType::Module) setButtonSymbols(NoButtons);  // nothing to count
  if (!param.unit.empty()) addUnit(QString::fromStdString(param.unit));
  patience_.setSingleShot(true);
  patience_.setInterval(kPatienceMs);
  connect(&patience_, &QTimer::timeout, this, [this] { setMessage(read().message); });
  connect(lineEdit(), &QLineEdit::textEdited, this, &ValueField::onTyped);
  connect(this, &QAbstractSpinBox::editingFinished, this, &ValueField::commit);
  setValue(param.fallback, nn::None{});
}

void ValueField::addUnit(const QString& unit) {
  auto* mark = new UnitMark(unit);
  auto* layout = new QHBoxLayout(lineEdit());
  layout->setContentsMargins(0, 0, Theme::kPadding, 0);
  layout->addStretch();
  layout->addWidget(mark);
  lineEdit()->setTextMargins(0, 0, mark->sizeHint().width() + Theme::kPadding, 0);
}

void ValueField::setValue(const nn::Value& value, const nn::Value& effective) {
  effective_ = effective;
  showPlaceholder();
  const bool same = value == value_;
  value_ = value;
  if (same && typed_) return;
  showText();
}

void ValueField::showText() {
  patience_.stop();
  const QString text = valueText(value_);
  if (lineEdit()->text() != text) {
    lineEdit()->setText(text);
    lineEdit()->setCursorPosition(0);  // a long one shows where it begins
  }
  typed_ = false;
  setMessage(QString::fromStdString(nn::problem_of(param_, value_)));
}

void ValueField::showPlaceholder() {
  QString text;
  if (!std::holds_alternative<nn::None>(effective_)) {
    text = tr("%1 · automatic").arg(valueText(effective_));
  } else if (param_.inferred) {
    text = tr("automatic");
  } else if (param_.optional) {
    text = tr("None");
  }
  lineEdit()->setPlaceholderText(text);
}

ValueField::Reading ValueField::read() const {
  const QString text = lineEdit()->text().trimmed();
  if (text.isEmpty() && (param_.inferred || param_.optional)) return {nn::None{}, {}};
  if (text.isEmpty()) return {{}, tr("A value is needed here.")};
  try {
    const nn::Value value = nn::parse_value(param_, text.toStdString());
    return {value, QString::fromStdString(nn::problem_of(param_, value))};
  } catch (const Error& error) {
    return {{}, QString::fromStdString(error.text())};
  }
}

void ValueField::onTyped() {
  typed_ = true;
  // An emptied field is mostly on the way to a new number: it counts when it is left.
  if (lineEdit()->text().trimmed().isEmpty()) {
    patience_.stop();
    return;
  }
  const Reading reading = read();
  if (!reading.message.isEmpty()) {
    patience_.start();
    return;
  }
  patience_.stop();
  setMessage({});
  send(reading.value);
}

void ValueField::commit() {
  patience_.stop();
  if (!typed_) return;
  const Reading reading = read();
  setMessage(reading.message);
  if (!reading.message.isEmpty()) return;
  send(reading.value);
  showText();
}

void ValueField::send(const nn::Value& value) {
  if (value == value_) return;
  value_ = value;
  emit valueEdited(value);
}

void ValueField::setMessage(const QString& message) {
  if (message == message_) return;
  message_ = message;
  emit messageChanged(message);
}

QAbstractSpinBox::StepEnabled ValueField::stepEnabled() const {
  if (isReadOnly()) return StepNone;
  const nn::Value from = std::holds_alternative<nn::None>(value_) ? effective_ : value_;
  StepEnabled enabled = StepNone;
  if (stepped(from, 1) != from) enabled |= StepUpEnabled;
  if (stepped(from, -1) != from) enabled |= StepDownEnabled;
  return enabled;
}

nn::Value ValueField::stepped(const nn::Value& from, int steps) const {
  if (std::holds_alternative<nn::None>(from)) {
    if (param_.type == nn::ParamType::Module) return from;
    const bool real = param_.type == nn::ParamType::Real || param_.type == nn::ParamType::RealTuple;
    const double low = param_.low().value_or(0);
    if (real) return low + (param_.min_exclusive ? 0.1 : 0);
    return stepInt(param_, boundOf(low), 0);
  }
  if (const auto* integer = std::get_if<int64_t>(&from)) {
    if (param_.type == nn::ParamType::Real) return stepReal(param_, double(*integer), steps);
    return stepInt(param_, *integer, steps);
  }
  if (const auto* real = std::get_if<double>(&from)) return stepReal(param_, *real, steps);
  if (const auto* tuple = std::get_if<std::vector<int64_t>>(&from)) {
    std::vector<int64_t> next = *tuple;
    for (int64_t& part : next) {
      if (part != nn::kNoneItem) part = stepInt(param_, part, steps);
    }
    return next;
  }
  if (const auto* tuple = std::get_if<std::vector<double>>(&from)) {
    std::vector<double> next = *tuple;
    for (double& part : next) part = stepReal(param_, part, steps);
    return next;
  }
  return from;
}

void ValueField::stepBy(int steps) {
  const Reading reading = read();
  nn::Value from = reading.message.isEmpty() ? reading.value : value_;
  if (std::holds_alternative<nn::None>(from)) from = effective_;
  const nn::Value next = stepped(from, steps);
  if (!nn::problem_of(param_, next).empty()) return;
  send(next);
  showText();
  selectAll();
}

void ValueField::wheelEvent(QWheelEvent* event) {
  // A form that scrolls under the wheel must not change its numbers on the way.
  if (hasFocus()) {
    QAbstractSpinBox::wheelEvent(event);
  } else {
    event->ignore();
  }
}

void ValueField::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape && typed_) {
    showText();
    selectAll();
    event->accept();
    return;
  }
  QAbstractSpinBox::keyPressEvent(event);
}

}  // namespace nw::widgets
