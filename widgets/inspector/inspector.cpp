#include "widgets/inspector/inspector.h"

#include <QDesktopServices>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QScrollArea>
#include <QStackedLayout>
#include <QUrl>

#include "widgets/controls/text_label.h"
#include "widgets/inspector/block_facts.h"
#include "widgets/inspector/block_header.h"
#include "widgets/inspector/description_form.h"
#include "widgets/inspector/problem_card.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

struct Inspector::Parts {
  graph::NodeId node = graph::kNoNode;

  QStackedLayout* stack = nullptr;
  TextLabel* invitation = nullptr;
  QScrollArea* scroll = nullptr;

  BlockHeader* header = nullptr;
  QVBoxLayout* problems = nullptr;
  std::vector<std::string> shownProblems;
  Section* parameters = nullptr;
  DescriptionForm* form = nullptr;
  Section* shapes = nullptr;
  FactList* shapeList = nullptr;
  Section* cost = nullptr;
  FactList* costList = nullptr;
  Section* about = nullptr;
  TextLabel* formula = nullptr;
  TextLabel* whenToUse = nullptr;
  TextLabel* reference = nullptr;

  QWidget* buildPage();
  QWidget* buildAbout();
  void showProblems(Inspector* inspector, const QVector<graph::Problem>& list);
  void showAbout(const nn::Block& block);
};

namespace {

TextLabel* invitationLabel() {
  auto* label = new TextLabel({}, TextLabel::Tone::Secondary);
  label->setAlignment(Qt::AlignCenter);
  label->setWordWrap(true);
  label->setMargin(3 * Theme::kGrid);
  return label;
}

/// Tells two lists of problems apart without comparing their fixes' values one by one.
std::vector<std::string> fingerprint(const QVector<graph::Problem>& problems) {
  std::vector<std::string> texts;
  for (const graph::Problem& problem : problems) {
    std::string text = std::to_string(int(problem.severity)) + problem.text;
    for (const graph::Fix& fix : problem.fixes) {
      text += '\n' + fix.text + ' ' + fix.param + ' ' + nn::to_python(fix.value);
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace

QWidget* Inspector::Parts::buildPage() {
  auto* page = new QWidget;
  auto* layout = new QVBoxLayout(page);
  layout->setContentsMargins(12, 12, 12, 12);
  layout->setSpacing(Theme::kPadding);

  header = new BlockHeader;
  layout->addWidget(header);
  problems = new QVBoxLayout;
  problems->setSpacing(Theme::kPadding);
  problems->setContentsMargins(0, Theme::kPadding, 0, Theme::kPadding);
  layout->addLayout(problems);

  parameters = new Section(Inspector::tr("Parameters"));
  form = new DescriptionForm;
  parameters->content()->addWidget(form);
  shapes = new Section(Inspector::tr("Shapes"));
  shapeList = new FactList;
  shapes->content()->addWidget(shapeList);
  cost = new Section(Inspector::tr("Cost"));
  costList = new FactList;
  cost->content()->addWidget(costList);
  for (Section* section : {parameters, shapes, cost}) layout->addWidget(section);
  layout->addWidget(buildAbout());
  layout->addStretch();
  return page;
}

QWidget* Inspector::Parts::buildAbout() {
  about = new Section(Inspector::tr("About"));
  formula = new TextLabel;
  formula->setWordWrap(true);
  formula->setTextInteractionFlags(Qt::TextSelectableByMouse);
  whenToUse = new TextLabel({}, TextLabel::Tone::Secondary);
  whenToUse->setWordWrap(true);
  reference = new TextLabel;
  reference->setTextFormat(Qt::RichText);
  reference->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
  about->content()->addWidget(formula);
  about->content()->addWidget(whenToUse);
  about->content()->addWidget(reference, 0, Qt::AlignLeft);
  QObject::connect(reference, &QLabel::linkActivated, reference,
                   [](const QString& address) { QDesktopServices::openUrl(QUrl(address)); });
  return about;
}

void Inspector::Parts::showProblems(Inspector* inspector, const QVector<graph::Problem>& list) {
  std::vector<std::string> wanted = fingerprint(list);
  if (wanted == shownProblems) return;
  shownProblems = std::move(wanted);
  while (QLayoutItem* item = problems->takeAt(0)) {
    // A card may be in the middle of its own click.
    item->widget()->hide();
    item->widget()->deleteLater();
    delete item;
  }
  for (const graph::Problem& problem : list) {
    auto* card = new ProblemCard(problem);
    QObject::connect(card, &ProblemCard::fixRequested, inspector, &Inspector::fixRequested);
    problems->addWidget(card);
  }
}

void Inspector::Parts::showAbout(const nn::Block& block) {
  formula->setText(QString::fromStdString(block.formula));
  formula->setVisible(!block.formula.empty());
  whenToUse->setText(QString::fromStdString(block.when_to_use));
  whenToUse->setVisible(!block.when_to_use.empty());
  const QUrl address(QString::fromStdString(block.reference));
  reference->setText(QStringLiteral("<a href=\"%1\">%2</a>")
                         .arg(address.toString().toHtmlEscaped(),
                              Inspector::tr("Read more at %1").arg(address.host())));
  reference->setToolTip(address.toString());
  reference->setVisible(!block.reference.empty());
  about->setVisible(!block.formula.empty() || !block.when_to_use.empty() ||
                    !block.reference.empty());
}

Inspector::Inspector(QWidget* parent) : QWidget(parent), parts_(std::make_unique<Parts>()) {
  parts_->stack = new QStackedLayout(this);
  parts_->invitation = invitationLabel();
  parts_->scroll = new QScrollArea;
  parts_->scroll->setWidget(parts_->buildPage());
  parts_->scroll->setWidgetResizable(true);
  parts_->scroll->setFrameShape(QFrame::NoFrame);
  parts_->scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  parts_->stack->addWidget(parts_->invitation);
  parts_->stack->addWidget(parts_->scroll);
  setMinimumWidth(240);

  connect(parts_->header, &BlockHeader::nameEdited, this,
          [this](const QString& name) { emit nameChanged(parts_->node, name); });
  connect(parts_->form, &DescriptionForm::argChanged, this,
          [this](const QString& param, const nn::Value& value) {
            emit argChanged(parts_->node, param, value);
          });
  showNothing();
}

Inspector::~Inspector() = default;

graph::NodeId Inspector::node() const {
  return parts_->node;
}

void Inspector::showNode(const graph::Node& node, const nn::Block* block,
                         const graph::NodeInfo& info, const QVector<graph::Problem>& problems,
                         const QStringList& inputs) {
  Parts& parts = *parts_;
  if (parts.node != node.id) {
    // A field of the block before must not send its text on behalf of this one.
    parts.form->setDescription(nullptr);
    parts.scroll->ensureVisible(0, 0);
  }
  parts.node = node.id;
  parts.header->showBlock(node, block, QString::fromStdString(info.key));
  parts.showProblems(this, problems);
  for (Section* section : {parts.parameters, parts.shapes, parts.cost, parts.about}) {
    section->setVisible(block != nullptr);
  }
  if (block) {
    parts.form->setDescription(block);
    parts.form->setArgs(node.args, info.args);
    parts.parameters->setVisible(!block->params.empty());
    parts.shapeList->setFacts(shapeFacts(*block, info, inputs));
    parts.costList->setFacts(costFacts(*block, info));
    parts.cost->setVisible(block->role == nn::Role::Layer);
    parts.showAbout(*block);
  } else {
    parts.form->setDescription(nullptr);
  }
  parts.stack->setCurrentWidget(parts.scroll);
}

void Inspector::showNothing() {
  parts_->node = graph::kNoNode;
  parts_->form->setDescription(nullptr);
  parts_->invitation->setText(
      tr("Select a block to see and edit what it does.\n\n"
         "Drag blocks from the left, or press Ctrl+K."));
  parts_->stack->setCurrentWidget(parts_->invitation);
}

void Inspector::showMany(int count) {
  parts_->node = graph::kNoNode;
  parts_->form->setDescription(nullptr);
  parts_->invitation->setText(
      tr("%1 blocks selected.\n\nSelect a single one to edit it.").arg(count));
  parts_->stack->setCurrentWidget(parts_->invitation);
}

}  // namespace nw::widgets
