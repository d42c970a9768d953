#include "tests/support/oracle.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <cstring>

#include "core/backend/creation.h"
#include "core/base/error.h"

namespace nw::test {
namespace {

constexpr int kStartMs = 120'000;
constexpr int kAnswerMs = 120'000;

QString text(std::string_view utf8) {
  return QString::fromUtf8(utf8.data(), static_cast<qsizetype>(utf8.size()));
}

QJsonObject to_json(const Tensor& tensor) {
  const Tensor dense = raw::contiguous(tensor);
  const auto bytes =
      static_cast<qsizetype>(dense.numel()) * static_cast<qsizetype>(item_bytes(dense.dtype()));
  const QByteArray data(static_cast<const char*>(dense.raw()), bytes);
  QJsonArray shape;
  for (int64_t size : dense.sizes()) shape.append(static_cast<qint64>(size));
  QJsonObject sent{{"dtype", text(name(dense.dtype()))},
                   {"shape", shape},
                   {"data", QString::fromLatin1(data.toBase64())}};
  if (!tensor.is_contiguous()) {
    QJsonArray strides;
    for (int64_t stride : tensor.strides()) strides.append(static_cast<qint64>(stride));
    sent.insert("strides", strides);
  }
  return sent;
}

Tensor from_json(const QJsonObject& sent) {
  Dims sizes;
  const QJsonArray shape = sent["shape"].toArray();
  for (const QJsonValue& size : shape) sizes.push_back(size.toInteger());
  const Tensor tensor = empty(sizes, dtype_from_name(sent["dtype"].toString().toStdString()), kCpu);
  const QByteArray data = QByteArray::fromBase64(sent["data"].toString().toLatin1());
  const size_t bytes = static_cast<size_t>(tensor.numel()) * item_bytes(tensor.dtype());
  NW_CHECK(static_cast<size_t>(data.size()) == bytes, "[oracle] expects ", bytes, " bytes, gets ",
           data.size());
  if (bytes > 0) std::memcpy(tensor.raw(), data.data(), bytes);
  return tensor;
}

}  // namespace

const Tensor& Oracle::Reply::operator[](const std::string& name) const {
  const auto it = tensors.find(name);
  NW_CHECK(it != tensors.end(), "[oracle] no tensor '", name, "' came back; ", error);
  return it->second;
}

Oracle::Oracle() {
  process_.setProcessChannelMode(QProcess::ForwardedErrorChannel);
  start();
}

void Oracle::start() {
  process_.start("/usr/bin/python3", {NW_SOURCE_DIR "/tests/support/oracle_server.py"});
  if (!process_.waitForStarted(kStartMs)) {
    problem_ = "cannot start /usr/bin/python3: " + process_.errorString().toStdString();
    return;
  }
  try {
    problem_ = receive().error;
  } catch (const Error& error) {
    problem_ = error.text();
  }
}

Oracle::~Oracle() {
  process_.closeWriteChannel();
  process_.waitForFinished(kStartMs);
}

Oracle::Reply Oracle::run(const std::string& code, const Inputs& inputs,
                          const std::vector<std::string>& outputs) {
  QJsonObject tensors;
  for (const auto& [name, tensor] : inputs) tensors.insert(text(name), to_json(tensor));
  QJsonArray names;
  for (const std::string& name : outputs) names.append(text(name));
  const QJsonObject request{{"code", text(code)}, {"inputs", tensors}, {"outputs", names}};
  const QByteArray line = QJsonDocument(request).toJson(QJsonDocument::Compact) + '\n';
  process_.write(line);
  Reply reply = receive();
  if (reply.crashed) {
    // PyTorch may have spoiled its memory long before.
    start();
    process_.write(line);
    reply = receive();
    if (reply.crashed) start();
  }
  return reply;
}

Oracle::Reply Oracle::receive() {
  Reply reply;
  while (!process_.canReadLine()) {
    const bool ready = process_.waitForReadyRead(kAnswerMs);
    if (!ready && process_.state() == QProcess::NotRunning) {
      reply.error = "Python died";
      reply.crashed = true;
      return reply;
    }
    NW_CHECK(ready, "[oracle] Python does not answer: ", process_.errorString().toStdString());
  }
  const QJsonObject answer = QJsonDocument::fromJson(process_.readLine()).object();
  reply.error = answer["error"].toString().toStdString();
  const QJsonObject tensors = answer["tensors"].toObject();
  for (auto it = tensors.begin(); it != tensors.end(); ++it) {
    reply.tensors.emplace(it.key().toStdString(), from_json(it.value().toObject()));
  }
  const QJsonObject texts = answer["texts"].toObject();
  for (auto it = texts.begin(); it != texts.end(); ++it) {
    reply.texts.emplace(it.key().toStdString(), it.value().toString().toStdString());
  }
  return reply;
}

}  // namespace nw::test
