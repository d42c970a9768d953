#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/io/state_file.h"
#include "tests/core/io/state_summary.h"
#include "tests/support/python.h"

using namespace nw;
using io::StateFormat;

namespace {

/// A dense tensor with bytes that differ everywhere; bools stay 0 or 1.
Tensor pattern(const Dims& sizes, DType dtype, int salt) {
  const Tensor tensor = empty(sizes, dtype);
  auto* bytes = static_cast<uint8_t*>(tensor.raw());
  const auto count = static_cast<size_t>(tensor.numel()) * item_bytes(dtype);
  for (size_t i = 0; i < count; ++i) {
    const auto byte = static_cast<uint8_t>((i * 37 + static_cast<size_t>(salt) * 101) % 120);
    bytes[i] = dtype == DType::Bool ? byte % 2 : byte;
  }
  return tensor;
}

/// Every dtype, dense and strided, scalars, empty tensors, views that share a storage.
nn::StateDict everything() {
  nn::StateDict state;
  const auto add = [&](std::string key, Tensor tensor) {
    state.entries.push_back({std::move(key), std::move(tensor)});
  };
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::string type(name(dtype));
    const Tensor whole = pattern({3, 4}, dtype, i);
    add(type + ".dense", whole);
    add(type + ".transposed", whole.as_strided({4, 3}, {1, 4}, 0));
    add(type + ".part", whole.as_strided({2, 2}, {4, 2}, 5));
    add(type + ".scalar", pattern({}, dtype, i + 50));
    add(type + ".empty", pattern({0, 3}, dtype, 0));
  }
  const Tensor image = pattern({2 * 3 * 4 * 5}, DType::Float32, 3);
  add("image.channels_last", image.as_strided({2, 3, 4, 5}, {60, 1, 15, 3}, 0));
  add("broadcast", image.as_strided({3, 2}, {1, 0}, 7));
  add("many.dimensions", pattern({1, 2, 1, 2, 1, 2, 1, 2}, DType::Int16, 8));
  add("ümlaut·层", pattern({300}, DType::Int64, 9));
  state.versions = {{"", 1}, {"0", 2}, {"0.bn", 2}};
  return state;
}

/// Removes the numbers of storages, which differ for empty tensors between the two sides.
QByteArray withoutEmpty(const QByteArray& summary) {
  QByteArray kept;
  QByteArray last;
  std::map<QByteArray, int> groups;
  for (const QByteArray& line : summary.split('\n')) {
    const QList<QByteArray> words = line.split(' ');
    if (words.size() == 7 && words[6].isEmpty()) {
      kept += words.mid(0, 5).join(' ') + '\n';
    } else if (words.size() == 7) {
      QList<QByteArray> renamed = words;
      renamed[5] = '#' + QByteArray::number(groups.emplace(words[5], groups.size()).first->second);
      kept += renamed.join(' ') + '\n';
    } else {
      kept += line + '\n';
    }
  }
  return kept;
}

QString errorOfLoading(const std::string& path) {
  try {
    io::load_state(path);
  } catch (const Error& error) {
    return QString::fromStdString(error.text());
  }
  return {};
}

}  // namespace

class TestTorchFile : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  std::string path(const QString& name) const { return folder_.filePath(name).toStdString(); }

  /// What `script` prints; it may use `summary` and `folder`.
  QByteArray python(const QString& script) {
    return runPython(QString::fromUtf8(kSummaryInPython) +
                         "import sys, zipfile; from collections import OrderedDict\n"
                         "import torch.nn as nn\n"
                         "folder = sys.argv[1] + '/'\n" +
                         script,
                     {folder_.path()});
  }

  QString errorOfBytes(const QByteArray& bytes) {
    write_file_atomically(path("bad.pt"), bytes.toStdString());
    return errorOfLoading(path("bad.pt"));
  }

 private slots:
  void readsBackWhatItWrote() {
    const nn::StateDict state = everything();
    io::save_state(state, path("own.pt"), StateFormat::Pt);
    QCOMPARE(summaryOf(io::load_state(path("own.pt"))), summaryOf(state));
  }

  void torchReadsWhatWeWrite() {
    const nn::StateDict state = everything();
    io::save_state(state, path("ours.pt"), StateFormat::Pt);
    for (const char* how : {"weights_only=True", "weights_only=False"}) {
      const QByteArray seen = python(QString("state = torch.load(folder + 'ours.pt', %1)\n"
                                             "assert type(state) is OrderedDict\n"
                                             "sys.stdout.buffer.write(summary(state).encode())")
                                         .arg(how));
      QCOMPARE(withoutEmpty(seen), withoutEmpty(summaryOf(state)));
    }
  }

  void theArchiveIsWellFormed() {
    io::save_state(everything(), path("zip.pt"), StateFormat::Pt);
    const QByteArray names = python(R"(
z = zipfile.ZipFile(folder + 'zip.pt')
assert z.testzip() is None
raw = open(folder + 'zip.pt', 'rb').read()
for info in z.infolist():
    at = info.header_offset
    begin = at + 30 + int.from_bytes(raw[at+26:at+28], 'little') + int.from_bytes(raw[at+28:at+30], 'little')
    assert info.compress_type == 0 and begin % 64 == 0, info
names = z.namelist()
print(names[0], names[1], names[2], names[3], names[4], names[-2], names[-1])
print(z.read('archive/byteorder'), z.read('archive/version'), z.read('archive/.storage_alignment'))
)");
    QCOMPARE(names, QByteArray("archive/data.pkl archive/.format_version "
                               "archive/.storage_alignment archive/byteorder archive/data/0 "
                               "archive/version archive/.data/serialization_id\n"
                               "b'little' b'3\\n' b'64'\n"));
  }

  void equalStatesGiveEqualFiles() {
    io::save_state(everything(), path("first.pt"), StateFormat::Pt);
    io::save_state(everything(), path("second.pt"), StateFormat::Pt);
    QVERIFY(read_file(path("first.pt")) == read_file(path("second.pt")));
  }

  void strictLoadingIntoAModule() {
    python(R"(
torch.manual_seed(1)
model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
                      nn.Linear(6 * 24 * 24, 10))
model(torch.randn(3, 1, 28, 28))
torch.save(model.state_dict(), folder + 'model.pt')
)");
    io::save_state(io::load_state(path("model.pt")), path("again.pt"), StateFormat::Pt);
    QCOMPARE(python(R"(
model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
                      nn.Linear(6 * 24 * 24, 10))
state = torch.load(folder + 'again.pt', weights_only=True)
model.load_state_dict(state, strict=True)
original = torch.load(folder + 'model.pt')
assert state._metadata == original._metadata, state._metadata
print(all(torch.equal(state[k], v) for k, v in original.items()), list(state) == list(original))
)"),
             QByteArray("True True\n"));
  }

  void readsWhatTorchWrites_data() {
    QTest::addColumn<QString>("save");
    QTest::newRow("state_dict") << "torch.save(state, path)";
    QTest::newRow("protocol 3") << "torch.save(state, path, pickle_protocol=3)";
    QTest::newRow("protocol 4") << "torch.save(state, path, pickle_protocol=4)";
    QTest::newRow("to a buffer") << "import io\nb = io.BytesIO()\ntorch.save(state, b)\n"
                                    "open(path, 'wb').write(b.getvalue())";
    QTest::newRow("protocol 5") << "torch.save(state, path, pickle_protocol=5)";
    QTest::newRow("legacy") << "torch.save(state, path, _use_new_zipfile_serialization=False)";
    for (const char* protocol : {"3", "4", "5"}) {
      QTest::addRow("legacy, protocol %s", protocol)
          << QString(
                 "torch.save(state, path, _use_new_zipfile_serialization=False, "
                 "pickle_protocol=%1)")
                 .arg(protocol);
    }
    QTest::newRow("beside plain Python data")
        << "from collections import Counter, defaultdict\n"
           "torch.save({'model': state, 'seen': {1, 'x'}, 'frozen': frozenset([2]), 'b': b'\\xff1',"
           " 'array': bytearray(b'ab'), 'z': 1 + 2j, 'count': Counter('aab'),"
           " 'lists': defaultdict(list, {'a': [1]}), 'device': torch.device('cuda', 1)}, path)";
    QTest::newRow("parameters") << "p = OrderedDict((k, nn.Parameter(v, v.is_floating_point()))"
                                   " for k, v in state.items())\n"
                                   "p._metadata = state._metadata\ntorch.save(p, path)";
    QTest::newRow("plain dict") << "del state._metadata\ntorch.save(dict(state), path)";
    QTest::newRow("state_dict in a checkpoint")
        << "torch.save({'epoch': 3, 'loss': 0.25, 'state_dict': state, 'best': None,"
           " 'done': True, 'big': 2**40, 'huge': 2**80, 'names': ['a', ('b', -1)],"
           " 'shape': torch.Size([1, 2]), 'type': torch.float32}, path)";
    QTest::newRow("model and optimizer")
        << "m = nn.Linear(2, 2)\no = torch.optim.Adam(m.parameters())\n"
           "m(torch.randn(1, 2)).sum().backward()\no.step()\n"
           "torch.save({'optimizer': o.state_dict(), 'model': state}, path)";
    QTest::newRow("deflated, reordered, renamed")
        << "torch.save(state, path)\nold = zipfile.ZipFile(path)\n"
           "items = [(i.filename, old.read(i)) for i in old.infolist()]\nold.close()\n"
           "with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as z:\n"
           "    for name, data in reversed(items): z.writestr('other/' + name.split('/', 1)[1], "
           "data)";
    QTest::newRow("with a zip comment")
        << "torch.save(state, path)\nz = zipfile.ZipFile(path, 'a')\n"
           "z.comment = b'made by hand PK\\x05\\x06 ' * 9\nz.close()";
    QTest::newRow("many tensors")
        << "for i in range(2500): state['more.%d' % i] = torch.full((2,), i)\n"
           "torch.save(state, path)";
  }

  void readsWhatTorchWrites() {
    QFETCH(QString, save);
    const QByteArray expected = python(R"(
torch.manual_seed(2)
model = nn.Sequential(OrderedDict(a=nn.Linear(3, 2), b=nn.BatchNorm1d(2), c=nn.LSTM(2, 3)))
state = model.state_dict()
for t in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64,
          torch.complex128, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool):
    state['t.%s' % t] = (torch.arange(12).reshape(3, 4) - 3).to(t)
    state['scalar.%s' % t] = torch.tensor(7).to(t)
    state['empty.%s' % t] = torch.empty(0, 4, dtype=t)
base = torch.randn(4, 6)
state['base'], state['view'], state['turned'] = base, base[1:3, ::2], base.t()
state['last'] = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
state['expanded'] = torch.randn(3, 1).expand(3, 5)
path = folder + 'theirs.pt'
)" + save + "\nsys.stdout.buffer.write(summary(state).encode())\n");
    const nn::StateDict state = io::load_state(path("theirs.pt"));
    QCOMPARE(withoutEmpty(summaryOf(state)), withoutEmpty(expected));
  }

  void refusesWhatIsNotSafe_data() {
    QTest::addColumn<QString>("save");
    QTest::addColumn<QString>("text");
    QTest::newRow("code")
        << "class Evil:\n  def __reduce__(self): import os; return os.system, ('true',)\n"
           "torch.save({'w': torch.ones(1), 'e': Evil()}, path)"
        << "[bad.pt] holds 'posix.system', which is not on the list of safe "
           "types. Save the state_dict, not the whole model";
    QTest::newRow("a call of a name in the list")
        << "class Evil:\n  def __reduce__(self): return list, ((1, 2),)\n"
           "torch.save({'w': torch.ones(1), 'e': Evil()}, path)"
        << "calls '__builtin__.list' with arguments that do not fit";
    QTest::newRow("numbers yet to be conjugated")
        << "from torch._utils import _rebuild_tensor_v2\n"
           "class Lazy:\n  def __reduce__(self): return _rebuild_tensor_v2, (\n"
           "    torch.ones(2, dtype=torch.cfloat).storage(), 0, (2,), (1,), False,\n"
           "    OrderedDict(), {'conj': True})\n"
           "torch.save({'w': Lazy()}, path)"
        << "yet to be changed ('conj')";
    QTest::newRow("legacy code")
        << "class Evil:\n  def __reduce__(self): import os; return os.system, ('true',)\n"
           "torch.save(Evil(), path, _use_new_zipfile_serialization=False)"
        << "'posix.system'";
    QTest::newRow("whole model") << "torch.save(nn.Linear(2, 2), path)"
                                 << "'torch.nn.modules.linear.Linear'";
    QTest::newRow("array") << "import numpy\ntorch.save({'w': numpy.ones(3)}, path)"
                           << "numpy.";
    QTest::newRow("tensor") << "torch.save(torch.ones(3), path)"
                            << "expects a state_dict, finds a tensor";
    QTest::newRow("list") << "torch.save([torch.ones(3)], path)"
                          << "expects a state_dict, finds a list";
    QTest::newRow("no state") << "torch.save({'epoch': 3, 'note': 'x'}, path)"
                              << "finds a dict with epoch (an integer), note (a string)";
    QTest::newRow("two states")
        << "s = {'w': torch.ones(1)}\ntorch.save({'model': s, 'ema': s}, path)"
        << "expects one state_dict, finds 2 (model, ema)";
    QTest::newRow("nine dimensions") << "torch.save({'w': torch.ones([1] * 9)}, path)"
                                     << "tensor 'w' cannot be read";
    QTest::newRow("script") << "torch.jit.save(torch.jit.script(nn.Linear(1, 1)), path)"
                            << "TorchScript";
    QTest::newRow("plain zip") << "zipfile.ZipFile(path, 'w').writestr('a.txt', 'hello')"
                               << "not one of torch";
    QTest::newRow("empty zip") << "zipfile.ZipFile(path, 'w').close()"
                               << "not one of torch";
    QTest::newRow("tar")
        << "import tarfile\nwith tarfile.open(path, 'w') as t: t.add('/etc/hostname')"
        << "tar file of a very old torch";
    QTest::newRow("plain pickle") << "import pickle\npickle.dump({'w': 1}, open(path, 'wb'))"
                                  << "neither a .pt nor a .safetensors";
    QTest::newRow("big endian") << "torch.save({'w': torch.ones(1)}, path)\n"
                                   "zipfile.ZipFile(path, 'a').writestr('bad/byteorder', 'big')"
                                << "high byte first";
  }

  void refusesWhatIsNotSafe() {
    QFETCH(QString, save);
    QFETCH(QString, text);
    python("path = folder + 'bad.pt'\n" + save);
    const QString error = errorOfLoading(path("bad.pt"));
    QVERIFY2(error.startsWith("[bad.pt] ") && error.contains(text), qPrintable(error));
  }

  void findsFlippedBits() {
    io::save_state(everything(), path("good.pt"), StateFormat::Pt);
    std::string bytes = read_file(path("good.pt"));
    const size_t at = bytes.find(std::string(1, '\x25') + "\x4a\x6f");  // in the first tensor
    QVERIFY(at != std::string::npos);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    const QString error = errorOfBytes(QByteArray::fromStdString(bytes));
    QVERIFY2(error.contains("the checksum of 'archive/data/"), qPrintable(error));
  }

  void tellsWhereAFileEnds() {
    io::save_state(everything(), path("good.pt"), StateFormat::Pt);
    const std::string bytes = read_file(path("good.pt"));
    const QString error = errorOfBytes(QByteArray(bytes.data(), qsizetype(bytes.size() / 2)));
    QVERIFY2(error.contains("cut short or damaged: the zip directory at its end is missing"),
             qPrintable(error));
    QCOMPARE(errorOfBytes(""), QString("[bad.pt] is empty. Copy, download or export it again"));
    QVERIFY(errorOfLoading(path("none.pt")).contains("no such file"));
    QVERIFY(errorOfLoading(folder_.path().toStdString()).contains("is a directory"));
  }

  void sizesThatLieAllocateNothing() {
    // A pickle may claim any storage; the archive must have it.
    python(R"(
import pickle, struct
def pkl(numel, size): return (b'\x80\x02}(X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage'
  b'ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu\x8a\x08' + struct.pack('<q', numel) + b'tQK\x00(\x8a\x08' +
  struct.pack('<q', size) + b't(K\x01t\x89ccollections\nOrderedDict\n)RtRu.')
for name, numel, size in (('good', 2, 2), ('numel', 2**60, 2), ('negative', -1, 2), ('size', 2, 2**61), ('minus', 2, -5)):
    with zipfile.ZipFile(folder + name + '.pt', 'w') as z:
        z.writestr('r/data.pkl', pkl(numel, size)); z.writestr('r/data/0', b'\0' * 8); z.writestr('r/version', '3')
)");
    QCOMPARE(io::load_state(path("good.pt")).entries.size(), size_t{1});
    for (const char* name : {"numel.pt", "negative.pt", "size.pt", "minus.pt"}) {
      const QString error = errorOfLoading(path(name));
      QVERIFY2(error.startsWith('[' + QString(name) + ']'), qPrintable(error));
    }
  }

  void zipBombsAreRefused() {
    // Many directory entries that claim the same bytes.
    python(R"(
with zipfile.ZipFile(folder + 'bomb.pt', 'w') as z:
    z.writestr('r/data.pkl', b'\x80\x02}.'); z.writestr('r/data/0', b'\0' * 100000)
    first = z.infolist()[1]
    for i in range(1, 50):
        import copy
        twin = copy.copy(first); twin.filename = 'r/data/%d' % i
        z.filelist.append(twin); z.NameToInfo[twin.filename] = twin
    z._didModify = True
)");
    const QString error = errorOfLoading(path("bomb.pt"));
    QVERIFY2(error.contains("overlap"), qPrintable(error));
  }

  void deepNestingIsNoTrouble() {
    QByteArray nested("\x80\x02");
    nested += QByteArray(2'000'000, ']') + QByteArray(1'999'999, 'a') + '.';
    write_file_atomically(path("deep.pkl"), nested.toStdString());
    python(R"(
with zipfile.ZipFile(folder + 'bad.pt', 'w') as z: z.write(folder + 'deep.pkl', 'r/data.pkl')
)");
    QVERIFY(errorOfLoading(path("bad.pt")).contains("expects a state_dict, finds a list"));
  }

  void formatByExtension() {
    QCOMPARE(io::format_of("/x/a.pt"), StateFormat::Pt);
    QCOMPARE(io::format_of("a.PTH"), StateFormat::Pt);
    QCOMPARE(io::format_of("a.bin"), StateFormat::Pt);
    QCOMPARE(io::format_of("a.ckpt"), StateFormat::Pt);
    QCOMPARE(io::format_of("a.pt.safetensors"), StateFormat::Safetensors);
    QVERIFY_THROWS_EXCEPTION(Error, io::format_of("a.txt"));
    QVERIFY_THROWS_EXCEPTION(Error, io::format_of("pt"));
  }

  void failedSavesKeepTheOldFile() {
    io::save_state(everything(), path("kept.pt"), StateFormat::Pt);
    const std::string before = read_file(path("kept.pt"));
    nn::StateDict broken = everything();
    broken.entries.push_back({"nothing", empty({2}, DType::Float32, kMeta)});
    QVERIFY_THROWS_EXCEPTION(Error, io::save_state(broken, path("kept.pt"), StateFormat::Pt));
    QVERIFY(read_file(path("kept.pt")) == before);
  }
};

QTEST_GUILESS_MAIN(TestTorchFile)
#include "test_torch_file.moc"
