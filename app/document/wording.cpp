#include "app/document/wording.h"

#include <QCoreApplication>
#include <algorithm>

#include "core/base/error.h"
#include "core/data/dataset.h"
#include "core/optim/scheduler.h"

namespace nw::app {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("nw::app::wording", text);
}

QString qt(const std::string& text) {
  return QString::fromStdString(text);
}

QString setText(const std::string& param, const std::string& owner, const QString& value) {
  return tr("Set %1 of %2 to %3").arg(qt(param), qt(owner), value);
}

/// The value in words, as a field of the inspector shows it.
QString valueText(const nn::Param* param, const nn::Value& value) {
  if (param && param->inferred && std::holds_alternative<nn::None>(value)) return tr("automatic");
  return qt(nn::to_python(value));
}

/// The first argument in which two sets differ, as a step of `owner`'s; `section` prefixes the
/// field.
RunDifference argsDifference(const std::string& section, const std::string& owner,
                             const nn::Args& before, const nn::Args& after,
                             const nn::Description* description) {
  const auto difference = [&](const std::string& name, const nn::Value& value) {
    const nn::Param* param = description ? description->find(name) : nullptr;
    return RunDifference{section + name, setText(name, owner, valueText(param, value))};
  };
  for (const auto& [name, value] : after) {
    const nn::Value* old = before.find(name);
    if (!old || *old != value) return difference(name, value);
  }
  for (const auto& [name, value] : before) {
    if (after.has(name)) continue;
    const nn::Param* param = description ? description->find(name) : nullptr;
    return difference(name, param ? param->fallback : nn::Value{});
  }
  return {};
}

/// The first difference of two lists of schedulers.
RunDifference scheduleDifference(const std::vector<graph::Choice>& before,
                                 const std::vector<graph::Choice>& after) {
  const size_t both = std::min(before.size(), after.size());
  size_t i = 0;
  while (i < both && before[i].id == after[i].id) ++i;
  if (after.size() < before.size()) {
    return {"schedulers", tr("Remove scheduler %1").arg(qt(before[i].id))};
  }
  if (i < after.size()) return {"schedulers", tr("Choose scheduler %1").arg(qt(after[i].id))};
  for (size_t k = 0; k < after.size(); ++k) {
    RunDifference found = argsDifference(concat("schedulers.", k, "."), after[k].id, before[k].args,
                                         after[k].args, optim::schedulers().find(after[k].id));
    if (!found.field.empty()) return found;
  }
  return {};
}

}  // namespace

QString nodeTitle(const graph::Node& node) {
  return qt(node.name.empty() ? node.block : node.name);
}

QString setArgText(const graph::Node& node, const nn::Param& param, const nn::Value& value) {
  return setText(param.name, node.name.empty() ? node.block : node.name, valueText(&param, value));
}

QString countText(const QString& verb, size_t blocks, size_t wires) {
  const auto count = [](size_t number, const char* one, const char* many) {
    return number == 1 ? tr(one) : tr(many).arg(number);
  };
  const QString blockText = count(blocks, "1 block", "%1 blocks");
  const QString wireText = count(wires, "1 wire", "%1 wires");
  if (wires == 0) return tr("%1 %2").arg(verb, blockText);
  if (blocks == 0) return tr("%1 %2").arg(verb, wireText);
  return tr("%1 %2 and %3").arg(verb, blockText, wireText);
}

RunDifference runDifference(const graph::RunSettings& before, const graph::RunSettings& after) {
  if (before.data.id != after.data.id) {
    return {"data", tr("Choose data set %1").arg(qt(after.data.id))};
  }
  if (before.optimizer.id != after.optimizer.id) {
    return {"optimizer", tr("Choose optimiser %1").arg(qt(after.optimizer.id))};
  }
  RunDifference found = argsDifference("data.", after.data.id, before.data.args, after.data.args,
                                       data::datasets().find(after.data.id));
  if (found.field.empty()) {
    found = argsDifference("optimizer.", after.optimizer.id, before.optimizer.args,
                           after.optimizer.args, optim::optimizers().find(after.optimizer.id));
  }
  if (found.field.empty()) found = scheduleDifference(before.schedulers, after.schedulers);
  if (found.field.empty()) {
    found = argsDifference("", "the run", graph::to_args(before), graph::to_args(after),
                           &graph::run_settings_description());
  }
  return found;
}

}  // namespace nw::app
