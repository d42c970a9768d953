#pragma once

#include <QString>
#include <QWidget>
#include <vector>

#include "core/nn/description.h"

class QVBoxLayout;

namespace nw::widgets {

class ParamRow;
class TextLabel;

/// A form made wholly from a Description: one row a parameter, with the editor of its type, unit,
/// help, range check and a way back to the default. Owns its rows, not the description. Sends only
/// values that fit; what does not fit is marked with its message below the field.
class DescriptionForm : public QWidget {
  Q_OBJECT

 public:
  explicit DescriptionForm(QWidget* parent = nullptr);

  /// Builds the rows; null empties the form. The description must outlive its use here.
  void setDescription(const nn::Description* description);
  const nn::Description* description() const { return description_; }
  /// `given` is what the document holds, `complete` has defaults and inferred values filled in. A
  /// field being typed in keeps its text and cursor unless the document now holds something else.
  void setArgs(const nn::Args& given, const nn::Args& complete);
  /// Puts the keyboard focus on a parameter's editor.
  void focusParam(const QString& param);
  /// The editor of a parameter; null when there is none of that name.
  QWidget* editor(const QString& param) const;
  /// What stands below a parameter's field as wrong now; empty when it fits.
  QString messageOf(const QString& param) const;

 signals:
  /// The person chose a value. None for an inferred parameter means automatic; for others it is
  /// torch's None. A value equal to the default is sent like any other.
  void argChanged(const QString& param, const nw::nn::Value& value);

 private:
  ParamRow* row(const QString& param) const;
  void checkConstraints(const nn::Args& complete);

  const nn::Description* description_ = nullptr;
  QVBoxLayout* layout_;
  std::vector<ParamRow*> rows_;
  TextLabel* constraints_;
};

}  // namespace nw::widgets
