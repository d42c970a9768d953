#include "widgets/inspector/block_facts.h"

#include <QCoreApplication>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "widgets/training/figures.h"

namespace nw::widgets {

namespace {

QString translated(const char* text) {
  return QCoreApplication::translate("BlockFacts", text);
}

QString sizesText(const Dims& sizes) {
  QStringList parts;
  for (int64_t size : sizes) parts << QString::number(size);
  return parts.join(QStringLiteral("×"));
}

}  // namespace

QString parameterBreakdown(const nn::Block& block, const nn::Args& args) {
  if (!block.make) return {};
  for (const nn::Param& param : block.params) {
    const nn::Value* value = args.find(param.name);
    if (param.inferred && (!value || std::holds_alternative<nn::None>(*value))) return {};
  }
  if (!block.problems(args).empty()) return {};
  try {
    // On the meta device a module has shapes only: no memory, no random numbers drawn.
    const DeviceGuard guard(kMeta);
    QStringList parts;
    for (const auto& [name, tensor] : block.make(args)->named_parameters()) {
      parts << QString::fromStdString(name) + QLatin1Char(' ') + sizesText(tensor.sizes());
    }
    return parts.join(QStringLiteral(" + "));
  } catch (const Error&) {
    return {};  // the graph's inference tells the person what is wrong with these arguments
  }
}

QVector<FactList::Fact> shapeFacts(const nn::Block& block, const graph::NodeInfo& info,
                                   const QStringList& inputs) {
  QVector<FactList::Fact> facts;
  for (size_t port = 0; port < block.inputs.size(); ++port) {
    const bool wired = qsizetype(port) < inputs.size() && !inputs[qsizetype(port)].isEmpty();
    const QString none = block.inputs[port].optional ? translated("not wired (optional)")
                                                     : translated("unknown yet");
    facts.append({QString::fromStdString(block.inputs[port].name),
                  wired ? inputs[qsizetype(port)] : none, QString()});
  }
  for (size_t port = 0; port < block.outputs.size(); ++port) {
    const bool known = port < info.outputs.size() && info.outputs[port].known;
    facts.append(
        {QString::fromStdString(block.outputs[port].name),
         known ? QString::fromStdString(info.outputs[port].text) : translated("unknown yet"),
         QString()});
  }
  return facts;
}

QVector<FactList::Fact> costFacts(const nn::Block& block, const graph::NodeInfo& info) {
  QVector<FactList::Fact> facts;
  facts.append({translated("parameters"), groupedDigits(info.parameters),
                info.parameters > 0 ? parameterBreakdown(block, info.args) : QString()});
  if (info.multiply_adds > 0) {
    facts.append({translated("multiply-adds"), groupedDigits(info.multiply_adds),
                  translated("for one sample")});
  }
  if (info.activation_bytes > 0) {
    facts.append({translated("activations"), byteSize(info.activation_bytes),
                  translated("for one sample, float32")});
  }
  return facts;
}

}  // namespace nw::widgets
