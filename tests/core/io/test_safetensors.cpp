#include <QTemporaryDir>
#include <QtTest>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/io/little_endian.h"
#include "core/io/safetensors.h"
#include "core/io/state_file.h"
#include "tests/core/io/state_summary.h"
#include "tests/support/python.h"

using namespace nw;
using io::StateFormat;

namespace {

/// Reads and writes the format by its description alone, with nothing but Python's own modules, so
/// that it can judge ours.
const char* const kReference = R"(
import json, struct, sys
folder = sys.argv[1] + '/'
SIZE = dict(F64=8, F32=4, F16=2, BF16=2, C64=8, I64=8, I32=4, I16=2, I8=1, U8=1, BOOL=1)
def read(path):
    raw = open(path, 'rb').read()
    n, = struct.unpack('<Q', raw[:8])
    header = json.loads(raw[8:8 + n]); data = raw[8 + n:]
    return raw[8:8 + n], header, data
)";

std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes;
  io::append_le(bytes, uint64_t{header.size()});
  return bytes + header + data;
}

Tensor counting(const Dims& sizes, DType dtype) {
  const Tensor tensor = empty(sizes, dtype);
  auto* bytes = static_cast<uint8_t*>(tensor.raw());
  const auto count = static_cast<size_t>(tensor.numel()) * item_bytes(dtype);
  for (size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<uint8_t>(dtype == DType::Bool ? i % 2 : i);
  return tensor;
}

nn::StateDict everything() {
  nn::StateDict state;
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::Complex128) continue;  // the format has no name for it
    const std::string type(name(dtype));
    const Tensor whole = counting({3, 4}, dtype);
    state.entries.push_back({type, whole});
    state.entries.push_back({type + ".turned", whole.as_strided({4, 3}, {1, 4}, 0)});
    state.entries.push_back({type + ".scalar", counting({}, dtype)});
    state.entries.push_back({type + ".empty", counting({2, 0}, dtype)});
  }
  state.entries.push_back({"quote\" \\ ü\n", counting({1}, DType::Float32)});
  return state;
}

/// Key -> "dtype (sizes) bytes", whatever the order and the strides.
std::map<QByteArray, QByteArray> contentOf(const nn::StateDict& state) {
  std::map<QByteArray, QByteArray> content;
  for (const auto& [key, tensor] : state.entries) {
    const nn::StateDict alone{{{"x", raw::contiguous(tensor)}}, {}};
    QList<QByteArray> words = summaryOf(alone).split(' ');
    words.removeAt(4);  // the offset in the storage
    words.removeAt(3);  // the strides, which say nothing about an empty tensor
    content[QByteArray::fromStdString(key)] = words.join(' ');
  }
  return content;
}

}  // namespace

class TestSafetensors : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  std::string path(const char* name) const { return folder_.filePath(name).toStdString(); }

 private slots:
  void readsBackWhatItWrote() {
    const nn::StateDict state = everything();
    io::save_state(state, path("a.safetensors"), StateFormat::Safetensors);
    QCOMPARE(contentOf(io::load_state(path("a.safetensors"))), contentOf(state));
    // Told by content, not by name.
    io::save_state(state, path("a.pt"), StateFormat::Safetensors);
    QCOMPARE(contentOf(io::load_state(path("a.pt"))), contentOf(state));
  }

  void writesByTheDescription() {
    io::save_state(everything(), path("a.safetensors"), StateFormat::Safetensors);
    QCOMPARE(runPython(QString(kReference) + R"(
raw, header, data = read(folder + 'a.safetensors')
assert raw[:1] == b'{' and len(raw) % 8 == 0 and raw.rstrip(b' ').endswith(b'}')
assert header.pop('__metadata__') == {'format': 'pt'}
entries = list(header.items())
assert entries == sorted(entries, key=lambda e: (-SIZE[e[1]['dtype']], e[0].encode()))
at = 0
for name, about in entries:
    numel = 1
    for size in about['shape']: numel *= size
    assert about['data_offsets'] == [at, at + numel * SIZE[about['dtype']]], name
    at = about['data_offsets'][1]
assert at == len(data)
begin, end = header['float32.turned']['data_offsets']
print(len(entries), header['int16']['shape'], data[begin:end].hex())
)",
                       {folder_.path()}),
             QByteArray("45 [3, 4] "
                        "000102031011121320212223040506071415161724252627"
                        "08090a0b18191a1b28292a2b0c0d0e0f1c1d1e1f2c2d2e2f\n"));
  }

  void readsAnyOrderAndLeadingSpace() {
    write_file_atomically(
        path("a.safetensors"),
        file_of(
            R"(  {"b":{"data_offsets":[4,6],"shape":[2],"dtype":"U8"},)"
            R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
            R"("__metadata__":{"any":"text"},"z":{"dtype":"BOOL","shape":[2],"data_offsets":[6,8]}} )",
            std::string("\0\0\x80\x3f\x05\x06\x02\x00", 8)));
    const nn::StateDict state = io::load_state(path("a.safetensors"));
    QCOMPARE(state.entries.size(), size_t{3});
    QCOMPARE(state.entries[0].key, std::string("a"));
    QCOMPARE(state.entries[0].tensor.item(), 1.0);
    QCOMPARE(state.entries[1].tensor.data<uint8_t>()[1], uint8_t{6});
    QCOMPARE(state.entries[2].tensor.data<bool>()[0], true);
    QCOMPARE(static_cast<const uint8_t*>(state.entries[2].tensor.raw())[0], uint8_t{1});
  }

  void refusesBadFiles_data() {
    QTest::addColumn<QByteArray>("header");
    QTest::addColumn<int>("bytes");
    QTest::addColumn<QString>("text");
    const auto row = [](const char* name, const char* header, int bytes, const char* text) {
      QTest::newRow(name) << QByteArray(header) << bytes << QString(text);
    };
    row("not JSON", R"({"a":)", 0, "not valid JSON");
    row("not an object", R"({} [])", 0, "not valid JSON");
    row("hole", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                    "b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
        3, "begin at byte 1");
    row("overlap", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                       "b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
        3, "begin at byte 2");
    row("not from the start", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3,
        "begin at byte 0");
    row("rest", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 3, "end at byte 2");
    row("nothing but data", R"({})", 3, "end at byte 0");
    row("too short", R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 3,
        "lies at bytes 0 … 9 of 3");
    row("backwards", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}})", 3, "lies at");
    row("size differs", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
        "does not fill its 4 bytes");
    row("overflow",
        R"({"a":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,16]}})", 16,
        "does not fill");
    row("negative", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "whole number");
    row("fraction", R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1,
        "whole number");
    row("huge", R"({"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}})", 1,
        "whole number");
    row("same name", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                         "a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
        2, "'a' twice");
    row("same member", R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1,
        "'dtype' twice");
    row("unknown type", R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1,
        "type 'F8_E4M3', which is not supported");
    row("no type", R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, "expects a dtype");
    row("no name for it", R"({"a":{"dtype":"","shape":[],"data_offsets":[0,16]}})", 16, "type ''");
    row("one offset", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1,
        "expects a dtype");
    row("not a tensor", R"({"a":5})", 0, "expects a dtype");
    row("nine dimensions",
        R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1,
        "at most 8 are supported");
    row("metadata of numbers", R"({"__metadata__":{"x":1}})", 0, "is not a string");
    row("metadata of text", R"({"__metadata__":"x"})", 0, "not a JSON object");
    row("deep", R"({"a":[[[[[[1]]]]]]})", 0, "too deep");
  }

  void refusesBadFiles() {
    QFETCH(QByteArray, header);
    QFETCH(int, bytes);
    QFETCH(QString, text);
    write_file_atomically(
        path("bad.safetensors"),
        file_of(header.toStdString(), std::string(static_cast<size_t>(bytes), '\0')));
    QString error;
    try {
      io::load_state(path("bad.safetensors"));
    } catch (const Error& caught) {
      error = QString::fromStdString(caught.text());
    }
    QVERIFY2(error.startsWith("[bad.safetensors] ") && error.contains(text), qPrintable(error));
  }

  void refusesLengthsThatLie() {
    for (uint64_t length : {uint64_t{3}, uint64_t{100'000'000}, uint64_t{100'000'001},
                            uint64_t{1} << 40, ~uint64_t{0}}) {
      std::string bytes;
      io::append_le(bytes, length);
      write_file_atomically(path("bad.safetensors"), bytes + "{}");
      QVERIFY_THROWS_EXCEPTION(Error, io::load_state(path("bad.safetensors")));
    }
  }

  void complex128IsRefusedWithAWayOut() {
    const nn::StateDict state{{{"phase", empty({2}, DType::Complex128)}}, {}};
    QString error;
    try {
      io::save_state(state, path("c.safetensors"), StateFormat::Safetensors);
    } catch (const Error& caught) {
      error = QString::fromStdString(caught.text());
    }
    QCOMPARE(error, QString("[safetensors] cannot hold 'phase': the format does not know "
                            "complex128. Export a .pt file instead"));
    QVERIFY(!QFile::exists(folder_.filePath("c.safetensors")));
  }
};

QTEST_GUILESS_MAIN(TestSafetensors)
#include "test_safetensors.moc"
