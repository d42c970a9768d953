#pragma once

#include <QWidget>

#include "core/nn/description.h"

namespace nw::widgets {

/// Edits one parameter of any type: switch, choice, text, path or number.
class ParamEditor : public QWidget {
  Q_OBJECT

 public:
  static ParamEditor* create(const nn::Param& param, QWidget* parent);

  using QWidget::QWidget;
  /// Shows the document's value; `effective` stands in for a None.
  virtual void setValue(const nn::Value& value, const nn::Value& effective) = 0;
  /// Why what stands in the field does not fit; empty when it does.
  virtual QString message() const { return {}; }
  /// The widget that takes the keyboard, for labels and screen readers.
  virtual QWidget* field() = 0;

 signals:
  void valueEdited(const nw::nn::Value& value);
  void messageChanged(const QString& message);
};

}  // namespace nw::widgets
