#include <QTemporaryDir>
#include <QtTest>
#include <cstring>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/idx.h"
#include "core/data/loader.h"
#include "core/data/sources/sources.h"
#include "tests/support/gzip.h"
#include "tests/support/python.h"

using namespace nw;
using namespace nw::data;

namespace {

const char* const kFashion = "/usr/share/datasets/fashion-mnist";

/// Head and numbers; the high byte of each comes first.
template <typename T>
std::string idx(uint8_t type, const std::vector<uint32_t>& sizes, const std::vector<T>& values) {
  std::string bytes{'\0', '\0', static_cast<char>(type), static_cast<char>(sizes.size())};
  const auto put = [&bytes](const auto& value) {
    char raw[sizeof(value)];
    std::memcpy(raw, &value, sizeof(value));
    bytes.append(std::make_reverse_iterator(raw + sizeof(value)), std::make_reverse_iterator(raw));
  };
  for (uint32_t size : sizes) put(size);
  for (const T& value : values) put(value);
  return bytes;
}

template <typename Action>
QString errorOf(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return QString::fromStdString(error.text());
  }
  return {};
}

template <typename T>
std::vector<T> counting(size_t count) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<T>(i * 7 % 100);
  return values;
}

}  // namespace

class TestIdx : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  std::string write(const char* name, const std::string& bytes) {
    const std::string path = folder_.filePath(name).toStdString();
    write_file_atomically(path, bytes);
    return path;
  }
  nn::Args files(const std::string& images, const std::string& labels) {
    return {{"train_images", write("images", images)}, {"train_labels", write("labels", labels)}};
  }

  template <typename T>
  void checkType(uint8_t type, const std::vector<T>& values) {
    for (bool packed : {false, true}) {
      const std::string bytes = idx<T>(type, {3, 2}, values);
      const Samples samples = read_idx_samples(write("typed", packed ? gzip(bytes) : bytes));
      QCOMPARE(samples.sizes, Dims({2}));
      QVERIFY(samples.bytes.empty());
      QCOMPARE(samples.floats.size(), values.size());
      for (size_t i = 0; i < values.size(); ++i) {
        QCOMPARE(samples.floats[i], static_cast<float>(values[i]));
      }
    }
  }

 private slots:
  void readsEveryType() {
    checkType<int8_t>(0x09, {0, 1, -1, 127, -128, 5});
    checkType<int16_t>(0x0B, {0, 1, -1, 32767, -32768, 258});
    checkType<int32_t>(0x0C, {0, 1, -1, 2147483647, -2147483647, 66051});
    checkType<float>(0x0D, {0, 1.5f, -2.25f, 1e30f, 1e-30f, 3});
    checkType<double>(0x0E, {0, 1.5, -2.25, 1e30, 0.1, 3});
    const Samples bytes =
        read_idx_samples(write("bytes", idx<uint8_t>(8, {2, 2}, {0, 1, 254, 255})));
    QCOMPARE(bytes.bytes, (std::vector<uint8_t>{0, 1, 254, 255}));
  }

  void readsEveryRank() {
    const auto sizes_of = [&](const std::vector<uint32_t>& sizes, size_t count) {
      return read_idx_samples(write("rank", idx(8, sizes, counting<uint8_t>(count)))).sizes;
    };
    QCOMPARE(sizes_of({6}, 6), Dims({1}));
    QCOMPARE(sizes_of({3, 2}, 6), Dims({2}));
    QCOMPARE(sizes_of({2, 3, 4}, 24), Dims({1, 3, 4}));
    QCOMPARE(sizes_of({2, 3, 4, 5}, 120), Dims({3, 4, 5}));
    QCOMPARE(sizes_of({2, 1, 2, 1, 2, 1, 2, 1}, 16), Dims({1, 2, 1, 2, 1, 2, 1}));
  }

  void bytesBecomeWhatToTensorMakes() {
    std::vector<uint8_t> all(256);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint8_t>(i);
    const nn::Args args = files(idx<uint8_t>(8, {1, 16, 16}, all), idx<uint8_t>(8, {1}, {4}));
    const auto dataset = idx_files().load(args).train;
    const Tensor x = empty({1, 1, 16, 16});
    const Tensor y = empty({1}, DType::Int64);
    const std::vector<int64_t> first{0};
    dataset->read(first, x, y);
    const QByteArray expected = runPython(R"(
import numpy, torchvision, sys
image = numpy.arange(256, dtype=numpy.uint8).reshape(16, 16)
print(torchvision.transforms.functional.to_tensor(image).numpy().tobytes().hex())
)");
    QCOMPARE(QByteArray(static_cast<const char*>(x.raw()), 1024).toHex() + '\n', expected);
    QCOMPARE(y.item(), 4.0);
  }

  void fashionMnistIsRead() {
    const DatasetSpec& spec = fashion_mnist();
    const Signature signature = spec.signature({});
    QCOMPARE(signature.sample, Dims({1, 28, 28}));
    QCOMPARE(signature.classes, int64_t{10});
    const Splits splits = spec.load({});
    QCOMPARE(splits.train->size(), int64_t{60'000});
    QCOMPARE(splits.test->size(), int64_t{10'000});
    QCOMPARE(splits.train->class_names().size(), size_t{10});
    for (const auto& [dataset, part] : {std::pair{splits.train, "train"}, {splits.test, "t10k"}}) {
      Loader loader(dataset, 5'000, false);
      Generator generator;
      Batch batch;
      loader.start(generator);
      QByteArray seen;
      while (loader.next(batch)) {
        QCryptographicHash hash(QCryptographicHash::Sha256);
        hash.addData({static_cast<const char*>(batch.x.raw()), qsizetype(batch.x.numel() * 4)});
        hash.addData({static_cast<const char*>(batch.y.raw()), qsizetype(batch.y.numel() * 8)});
        seen += hash.result().toHex() + '\n';
      }
      QCOMPARE(seen, runPython(R"(
import gzip, hashlib, numpy, sys, torch
path = sys.argv[1] + '/' + sys.argv[2]
x = numpy.frombuffer(gzip.open(path + '-images-idx3-ubyte.gz').read()[16:], dtype=numpy.uint8)
y = numpy.frombuffer(gzip.open(path + '-labels-idx1-ubyte.gz').read()[8:], dtype=numpy.uint8)
x = torch.from_numpy(x.reshape(-1, 784).copy())
for i in range(0, len(y), 5000):
    h = hashlib.sha256((x[i:i+5000].to(torch.float32).div(255)).numpy().tobytes())
    h.update(y[i:i+5000].astype(numpy.int64).tobytes())
    print(h.hexdigest())
)",
                               {kFashion, part}));
    }
  }

  void theSignatureIsCheap() {
    constexpr int kTimes = 100;
    QElapsedTimer timer;
    timer.start();
    for (int i = 0; i < kTimes; ++i) fashion_mnist().signature({});
    const double ms = static_cast<double>(timer.nsecsElapsed()) / 1e6 / kTimes;
    qInfo("signature: %.3f ms", ms);
    QVERIFY(ms < 10);  // called at each edit, on the thread of the window
  }

  void readsPlainFilesWhereSomebodyUnpackedThem() {
    for (const char* part : {"train", "t10k"}) {
      const std::string stem(part);
      write((stem + "-images-idx3-ubyte").c_str(), idx(8, {4, 2, 2}, counting<uint8_t>(16)));
      write((stem + "-labels-idx1-ubyte.gz").c_str(), gzip(idx<uint8_t>(8, {4}, {1, 2, 3, 9})));
    }
    const nn::Args args{{"root", folder_.path().toStdString()}};
    QCOMPARE(fashion_mnist().signature(args).sample, Dims({1, 2, 2}));
    QCOMPARE(fashion_mnist().load(args).train->size(), int64_t{4});
  }

  void missingDataTellsHowToGetIt() {
    const nn::Args args{{"root", std::string("/nowhere")}};
    const QString expected =
        "[FashionMNIST] expects train-images-idx3-ubyte.gz in /nowhere, which has no such file. "
        "Install it with `sudo apt install dataset-fashion-mnist`, or set root to the folder that "
        "holds it";
    // The order in which the files are looked up is not promised.
    QVERIFY(errorOf([&] {
              fashion_mnist().signature(args);
            }).contains("sudo apt install dataset-fashion-mnist"));
    QCOMPARE(errorOf([&] { fashion_mnist().load(args); }).section(' ', 4),
             expected.section(' ', 4));
  }

  void joinedAndPaddedGzip() {
    const std::string bytes = idx(8, {6}, counting<uint8_t>(6));
    const std::string joined = gzip(bytes.substr(0, 9)) + gzip(bytes.substr(9));
    QCOMPARE(read_idx_samples(write("joined", joined)).bytes, counting<uint8_t>(6));
    QCOMPARE(read_idx_samples(write("padded", gzip(bytes) + std::string(20, '\0'))).bytes,
             counting<uint8_t>(6));
  }

  void tellsWhatIsWrongWithAFile_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("text");
    const std::string good = idx(8, {3, 2}, counting<uint8_t>(6));
    const auto row = [](const char* name, const std::string& bytes, const char* text) {
      QTest::newRow(name) << QByteArray::fromStdString(bytes) << QString(text);
    };
    row("empty", "", "ends at byte 0, within the head");
    row("short head", good.substr(0, 7), "ends at byte 7, within the head");
    row("text", "hello, world", "expects 0x00 in byte 0, finds 0x68");
    row("second byte", std::string("\0x\x08\x01", 4), "expects 0x00 in byte 1, finds 0x78");
    row("type", idx(7, {3, 2}, counting<uint8_t>(6)), "in byte 2, finds 0x07");
    row("no dimensions", idx(8, {}, counting<uint8_t>(6)), "dimensions in byte 3, finds 0");
    row("too many", idx(8, {1, 1, 1, 1, 1, 1, 1, 1, 1}, counting<uint8_t>(1)), "byte 3, finds 9");
    row("cut short", good.substr(0, good.size() - 1),
        "expects 6 bytes of numbers (3×2) from byte 12, finds 5");
    row("cut short within gzip", gzip(good.substr(0, good.size() - 1)),
        "expects 6 bytes of numbers (3×2) from byte 12, finds 5");
    row("too long", good + "x", "expects 6 bytes of numbers (3×2) from byte 12, finds more");
    row("no samples", idx(8, {0, 2}, counting<uint8_t>(0)), "holds no samples");
    row("no numbers", idx(8, {2, 0}, counting<uint8_t>(0)), "samples of no numbers");
    row("huge", idx(8, {0xffffffff, 0xffffffff, 0xffffffff}, counting<uint8_t>(6)), "promises");
    row("huge in gzip", gzip(idx(8, {0xffffffff, 0xffff}, counting<uint8_t>(6))), "promises");
    const std::string packed = gzip(good);
    row("half a gzip", packed.substr(0, packed.size() / 2), "is cut short: its packed data ends");
    row("gzip without its end", packed.substr(0, packed.size() - 4), "cut short");
    std::string flipped = packed;
    flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);
    row("gzip with a wrong checksum", flipped, "is damaged: its packed data is not valid");
  }

  void tellsWhatIsWrongWithAFile() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, text);
    const std::string path = write("bad.gz", bytes.toStdString());
    const QString error = errorOf([&] { read_idx_samples(path); });
    QVERIFY2(error.startsWith("[bad.gz] ") && error.contains(text), qPrintable(error));
  }

  void tellsWhatIsWrongWithLabels() {
    const auto failure = [&](const std::string& bytes) {
      const std::string path = write("labels", bytes);
      return errorOf([&] { read_idx_labels(path, 10); });
    };
    QVERIFY(failure(idx<uint8_t>(8, {2, 2}, {1, 2, 3, 4})).contains("one dimension"));
    QVERIFY(failure(idx<float>(0x0D, {2}, {1, 2})).contains("whole numbers"));
    QCOMPARE(
        failure(idx<uint8_t>(8, {3}, {1, 9, 10})),
        QString("[labels] expects labels from 0 to 9, finds 10 for sample 2. Set classes to 11 "
                "or more"));
    QVERIFY(failure(idx<int8_t>(9, {2}, {1, -3})).contains("finds -3 for sample 1"));
    QCOMPARE(read_idx_labels(write("labels", idx<int32_t>(0x0C, {2}, {5, 9})), 10).labels,
             (std::vector<int64_t>{5, 9}));
  }

  void filesMustBelongTogether() {
    const std::string images = idx(8, {3, 2}, counting<uint8_t>(6));
    const std::string labels = idx<uint8_t>(8, {3}, {0, 1, 2});
    const std::string two = idx<uint8_t>(8, {2}, {0, 1});
    const DatasetSpec& spec = idx_files();
    QVERIFY(errorOf([&] {
              spec.signature(files(images, two));
            }).contains("[labels] expects one label for each of the 3 samples in images, finds 2"));
    QVERIFY(errorOf([&] { spec.load(files(images, two)); }).contains("finds 2"));
    nn::Args args = files(images, labels);
    QCOMPARE(spec.signature(args).sample, Dims({2}));
    QVERIFY(spec.load(args).test == nullptr);

    args.set("test_images", write("test-images", idx(8, {3, 3}, counting<uint8_t>(9))));
    QVERIFY(errorOf([&] { spec.signature(args); }).contains("Set test_labels too"));
    args.set("test_labels", write("test-labels", labels));
    QVERIFY(errorOf([&] { spec.load(args); }).contains("expects samples of 2 as in the training"));
    args.set("test_images", write("test-images", images));
    QCOMPARE(spec.load(args).test->size(), int64_t{3});

    QVERIFY(errorOf([&] { spec.signature({}); }).contains("Set train_images"));
    args.set("classes", int64_t{1});
    QVERIFY(errorOf([&] { spec.signature(args); }).contains("classes"));
  }
};

QTEST_GUILESS_MAIN(TestIdx)
#include "test_idx.moc"
