#include "widgets/inspector/param_editor.h"

#include <QCheckBox>
#include <QDir>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QToolButton>

#include "widgets/controls/calm_combo_box.h"
#include "widgets/controls/value_field.h"
#include "widgets/style/icons.h"

namespace nw::widgets {

namespace {

QHBoxLayout* fill(QWidget* editor, QWidget* field) {
  auto* layout = new QHBoxLayout(editor);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(4);
  layout->addWidget(field);
  editor->setFocusProxy(field);
  return layout;
}

/// Numbers, tuples of them and nested layers: text that nn::parse_value reads.
class NumberEditor : public ParamEditor {
 public:
  NumberEditor(const nn::Param& param, QWidget* parent)
      : ParamEditor(parent), field_(new ValueField(param, this)) {
    fill(this, field_);
    connect(field_, &ValueField::valueEdited, this, &ParamEditor::valueEdited);
    connect(field_, &ValueField::messageChanged, this, &ParamEditor::messageChanged);
  }
  void setValue(const nn::Value& value, const nn::Value& effective) override {
    field_->setValue(value, effective);
  }
  QString message() const override { return field_->message(); }
  QWidget* field() override { return field_; }

 private:
  ValueField* field_;
};

class SwitchEditor : public ParamEditor {
 public:
  explicit SwitchEditor(QWidget* parent) : ParamEditor(parent), box_(new QCheckBox(this)) {
    fill(this, box_)->addStretch();
    connect(box_, &QCheckBox::toggled, this, &SwitchEditor::showWord);
    connect(box_, &QCheckBox::clicked, this, [this](bool on) { emit valueEdited(on); });
    showWord(false);
  }
  void setValue(const nn::Value& value, const nn::Value& effective) override {
    const bool* on = std::get_if<bool>(&value);
    if (!on) on = std::get_if<bool>(&effective);
    box_->setChecked(on && *on);
  }
  QWidget* field() override { return box_; }

 private:
  void showWord(bool on) { box_->setText(on ? tr("on") : tr("off")); }

  QCheckBox* box_;
};

class ChoiceEditor : public ParamEditor {
 public:
  ChoiceEditor(const nn::Param& param, QWidget* parent)
      : ParamEditor(parent), param_(param), box_(new CalmComboBox(this)) {
    if (param.optional || param.inferred) box_->addItem(tr("None"));
    for (const std::string& choice : param.choices) {
      box_->addItem(QString::fromStdString(choice), QString::fromStdString(choice));
    }
    fill(this, box_);
    connect(box_, &QComboBox::activated, this, &ChoiceEditor::send);
  }

  void setValue(const nn::Value& value, const nn::Value& effective) override {
    const auto* text = std::get_if<std::string>(&value);
    if (!text) text = std::get_if<std::string>(&effective);
    const QString wanted = text ? QString::fromStdString(*text) : QString();
    int row = text ? box_->findData(wanted) : box_->findData(QVariant());
    if (text && row < 0) {
      // A value that this program does not offer is shown, not hidden; the message says so.
      box_->addItem(wanted, wanted);
      row = box_->count() - 1;
    }
    box_->setCurrentIndex(row);
    const QString message = QString::fromStdString(nn::problem_of(param_, value));
    if (message == message_) return;
    message_ = message;
    emit messageChanged(message_);
  }
  QString message() const override { return message_; }
  QWidget* field() override { return box_; }

 private:
  void send(int row) {
    const QVariant choice = box_->itemData(row);
    const bool none = !choice.isValid();
    emit valueEdited(none ? nn::Value(nn::None{}) : nn::Value(choice.toString().toStdString()));
  }

  nn::Param param_;
  QComboBox* box_;
  QString message_;
};

class TextEditor : public ParamEditor {
 public:
  TextEditor(const nn::Param& param, QWidget* parent)
      : ParamEditor(parent), param_(param), field_(new QLineEdit(this)) {
    QHBoxLayout* layout = fill(this, field_);
    if (param.type == nn::ParamType::Path) addBrowseButton(layout);
    connect(field_, &QLineEdit::editingFinished, this, &TextEditor::commit);
  }

  void setValue(const nn::Value& value, const nn::Value& effective) override {
    if (value == value_ && field_->isModified()) return;
    value_ = value;
    if (const auto* standIn = std::get_if<std::string>(&effective)) {
      field_->setPlaceholderText(QString::fromStdString(*standIn));
    } else if (param_.optional) {
      field_->setPlaceholderText(tr("None"));
    }
    const QString text = valueText(value);
    if (field_->text() != text) field_->setText(text);
    field_->setCursorPosition(0);  // a long path shows where it begins
    field_->setToolTip(text);
    setMessage(QString::fromStdString(nn::problem_of(param_, value)));
  }
  QString message() const override { return message_; }
  QWidget* field() override { return field_; }

 private:
  bool wantsFolder() const {
    const QString name = QString::fromStdString(param_.name);
    return name.contains("folder") || name.contains("root") || name.contains("dir");
  }

  void addBrowseButton(QHBoxLayout* layout) {
    auto* browse = new QToolButton(this);
    browse->setIcon(icon(QStringLiteral("folder")));
    browse->setToolTip(wantsFolder() ? tr("Choose a folder") : tr("Choose a file"));
    browse->setAccessibleName(browse->toolTip());
    connect(browse, &QToolButton::clicked, this, &TextEditor::browse);
    layout->addWidget(browse);
  }

  void browse() {
    const QString from = field_->text().isEmpty() ? QDir::homePath() : field_->text();
    const QString path = wantsFolder()
                             ? QFileDialog::getExistingDirectory(this, tr("Choose a folder"), from)
                             : QFileDialog::getOpenFileName(this, tr("Choose a file"), from);
    if (path.isEmpty()) return;
    field_->setText(path);
    field_->setModified(true);
    commit();
  }

  void commit() {
    if (!field_->isModified()) return;
    const QString text = field_->text();
    nn::Value value = text.toStdString();
    if (text.isEmpty() && (param_.optional || param_.inferred)) value = nn::None{};
    const QString message = QString::fromStdString(nn::problem_of(param_, value));
    setMessage(message);
    if (!message.isEmpty()) return;
    field_->setModified(false);
    if (value == value_) return;
    value_ = value;
    emit valueEdited(value);
  }

  void setMessage(const QString& message) {
    if (message == message_) return;
    message_ = message;
    emit messageChanged(message);
  }

  nn::Param param_;
  nn::Value value_;
  QLineEdit* field_;
  QString message_;
};

}  // namespace

ParamEditor* ParamEditor::create(const nn::Param& param, QWidget* parent) {
  switch (param.type) {
    case nn::ParamType::Bool:
      return new SwitchEditor(parent);
    case nn::ParamType::Choice:
      return new ChoiceEditor(param, parent);
    case nn::ParamType::Text:
    case nn::ParamType::Path:
      return new TextEditor(param, parent);
    case nn::ParamType::Int:
    case nn::ParamType::Real:
    case nn::ParamType::IntTuple:
    case nn::ParamType::RealTuple:
    case nn::ParamType::Module:
      break;
  }
  return new NumberEditor(param, parent);
}

}  // namespace nw::widgets
