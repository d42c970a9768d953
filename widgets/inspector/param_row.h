#pragma once

#include <QWidget>

#include "core/nn/description.h"

class QToolButton;

namespace nw::widgets {

class ParamEditor;
class TextLabel;

/// One row of a DescriptionForm: name, editor, unit, way back to the default; below it what is
/// wrong, else the help.
class ParamRow : public QWidget {
  Q_OBJECT

 public:
  explicit ParamRow(const nn::Param& param, QWidget* parent = nullptr);

  const nn::Param& param() const { return param_; }
  QString name() const { return QString::fromStdString(param_.name); }
  QWidget* field() const;
  /// What the name needs, also when it is set off as changed; rows of a form share the widest.
  int labelWidth() const;
  void setLabelWidth(int width);
  QString message() const;
  /// `given` is null where the document has nothing of its own.
  void setValue(const nn::Value* given, const nn::Value& complete);

 signals:
  void edited(const QString& param, const nw::nn::Value& value);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void buildLabel();
  void showMessage(const QString& message);
  void reset();

  nn::Param param_;
  TextLabel* label_;
  ParamEditor* editor_;
  QToolButton* reset_;
  TextLabel* note_;
};

}  // namespace nw::widgets
