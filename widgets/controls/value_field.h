#pragma once

#include <QAbstractSpinBox>
#include <QTimer>
#include <optional>

#include "core/nn/description.h"

namespace nw::widgets {

/// `value` as a person writes it: "5", "1e-3", "5, 3", "same"; empty for None.
QString valueText(const nn::Value& value);

/// Edits one number, tuple or nested layer as text, numbers with steps by arrows and wheel.
/// Understands what nn::parse_value reads: "1e-3", "5, 3", "None", "nn.LayerNorm(128)". What does
/// not fit is not sent, but told by message(). Escape takes back what was typed.
class ValueField : public QAbstractSpinBox {
  Q_OBJECT

 public:
  explicit ValueField(const nn::Param& param, QWidget* parent = nullptr);

  /// Shows the document's value. None shows `effective`, what stands in for it, greyed as
  /// automatic. Leaves text and cursor alone while the person types just that value.
  void setValue(const nn::Value& value, const nn::Value& effective);
  /// Last value shown or sent.
  const nn::Value& value() const { return value_; }
  /// Why what stands in the field does not fit; empty when it does.
  QString message() const { return message_; }

  void stepBy(int steps) override;

 signals:
  void valueEdited(const nw::nn::Value& value);
  void messageChanged(const QString& message);

 protected:
  StepEnabled stepEnabled() const override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  struct Reading {
    nn::Value value;
    QString message;
  };
  void addUnit(const QString& unit);
  Reading read() const;
  void onTyped();
  void commit();
  void send(const nn::Value& value);
  void setMessage(const QString& message);
  void showText();
  void showPlaceholder();
  nn::Value stepped(const nn::Value& from, int steps) const;

  nn::Param param_;
  nn::Value value_;
  nn::Value effective_;
  QString message_;
  bool typed_ = false;  // since the value was last shown
  QTimer patience_;     // a half-typed number is not called wrong at once
};

}  // namespace nw::widgets
