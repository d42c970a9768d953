#pragma once

#include <QByteArray>
#include <QString>
#include <map>

#include "core/backend/creation.h"
#include "core/nn/module.h"

/// One line for each tensor of a state: name, dtype, sizes, strides, offset, which storage it lies
/// in, and its bytes; then the versions. Equal text means equal states, to the bit.
inline QByteArray summaryOf(const nw::nn::StateDict& state) {
  const auto list = [](const nw::Dims& dims) {
    QByteArray text;
    for (int64_t size : dims) text += QByteArray::number(qint64{size}) + ',';
    return text;
  };
  QByteArray text;
  std::map<const nw::Storage*, int> storages;
  for (const auto& [key, tensor] : state.entries) {
    const int number = storages.emplace(tensor.storage().get(), storages.size()).first->second;
    const nw::Tensor dense = nw::raw::contiguous(tensor);
    const QByteArray bytes(static_cast<const char*>(dense.raw()),
                           dense.numel() * static_cast<qsizetype>(item_bytes(dense.dtype())));
    text += QByteArray::fromStdString(key) + ' ' +
            QByteArray(name(tensor.dtype()).data(), qsizetype(name(tensor.dtype()).size())) + " (" +
            list(tensor.sizes()) + ") (" + list(tensor.strides()) + ") " +
            QByteArray::number(qint64{tensor.offset()}) + " #" + QByteArray::number(number) + ' ' +
            bytes.toHex() + '\n';
  }
  for (const auto& [path, version] : state.versions) {
    text += "version of '" + QByteArray::fromStdString(path) + "' " + QByteArray::number(version) +
            '\n';
  }
  return text;
}

/// The same in Python: `summary(state)`.
inline constexpr const char* kSummaryInPython = R"(
import torch
def summary(state, versions=True):
    groups, lines = {}, []
    sizes = lambda s: '(' + ''.join('%d,' % i for i in s) + ')'
    for key, t in state.items():
        pointer = t.storage().data_ptr() or ('empty', key)
        group = groups.setdefault(pointer, len(groups))
        dense = t.detach().contiguous().clone()
        raw = b''
        if dense.numel():
            if dense.dtype == torch.bool: dense = dense.to(torch.uint8)
            if dense.is_complex(): dense = torch.view_as_real(dense).contiguous()
            if dense.dtype == torch.bfloat16: dense = dense.view(torch.int16)
            raw = dense.numpy().tobytes()
        lines.append('%s %s %s %s %d #%d %s\n' % (key, str(t.dtype)[6:], sizes(t.shape),
                     sizes(t.stride()), t.storage_offset(), group, raw.hex()))
    if versions and hasattr(state, '_metadata'):
        for path, about in state._metadata.items():
            if 'version' in about: lines.append("version of '%s' %d\n" % (path, about['version']))
    return ''.join(lines)
)";
