#include <QTemporaryDir>
#include <QtTest>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/io/tensor_file.h"
#include "tests/support/python.h"

using namespace nw;

namespace {

/// Arrays of every type, order, byte order and some sizes, drawn from the seed in argv[2].
const char* const kArrays = R"(
import sys
import numpy as np
folder, seed = sys.argv[1] + '/', int(sys.argv[2])
TYPES = 'f2 f4 f8 c8 c16 i1 i2 i4 i8 u1 b1'.split()
def arrays():
    random = np.random.default_rng(seed)
    for kind in TYPES:
        for shape in [(), (0,), (1,), (7,), (3, 4), (2, 0, 3), (2, 3, 4), (1, 2, 1, 3, 2)]:
            x = random.integers(-100, 100, shape).astype(kind)
            if kind[0] == 'c': x = x + 1j * random.integers(-9, 9, shape).astype(kind)
            yield f'{kind}_{len(shape)}_{x.size}', np.asarray(x, kind)
)";

}  // namespace

/// NumPy's files, written and read by NumPy itself.
class TestNpy : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  QString seed_ = QString::number(QRandomGenerator::global()->bounded(1'000'000));

  std::string path(const QString& name) const { return folder_.filePath(name).toStdString(); }
  QByteArray python(const char* script) const {
    return runPython(QString(kArrays) + script, {folder_.path(), seed_});
  }

 private slots:
  void initTestCase() { qInfo("seed %s", qPrintable(seed_)); }

  /// What NumPy wrote comes back to NumPy as it was.
  void readsAndWritesWhatNumPyDoes() {
    const QByteArray names = python(R"(
for name, x in arrays():
    for order, y in [('C', x), ('F', np.asarray(x, order='F')), ('big', x.astype(x.dtype.newbyteorder('>')))]:
        np.save(f'{folder}{name}_{order}.npy', y)
        print(f'{name}_{order}')
)");
    int count = 0;
    for (const QByteArray& name : names.trimmed().split('\n')) {
      const auto read = io::load_tensors(path(name + ".npy"));
      QCOMPARE(read.entries.size(), size_t{1});
      io::save_tensors(read, path(name + "_ours.npy"));
      ++count;
    }
    QCOMPARE(count, 11 * 8 * 3);
    QCOMPARE(python(R"(
count = 0
for name, x in arrays():
    for order in ('C', 'F', 'big'):
        y = np.load(f'{folder}{name}_{order}_ours.npy')
        assert y.dtype == x.dtype and y.shape == x.shape and (y == x).all(), (name, order, x, y)
        count += 1
print(count)
)"),
             QByteArray::number(count) + "\n");
  }

  void readsAndWritesArchives() {
    python(R"(
np.savez(folder + 'plain.npz', **dict(arrays()))
np.savez_compressed(folder + 'packed.npz', **dict(arrays()))
)");
    for (const QString name : {"plain", "packed"}) {
      const auto read = io::load_tensors(path(name + ".npz"));
      io::save_tensors(read, path(name + "_ours.npz"));
    }
    QCOMPARE(python(R"(
for name in ('plain', 'packed'):
    ours = np.load(folder + name + '_ours.npz')
    assert list(ours) == [name for name, _ in arrays()]
    for key, x in arrays():
        assert ours[key].dtype == x.dtype and ours[key].shape == x.shape and (ours[key] == x).all(), key
print('equal')
)"),
             QByteArray("equal\n"));
  }

  void refusesWhatItCannotHold_data() {
    QTest::addColumn<QString>("code");
    QTest::addColumn<QString>("said");
    QTest::newRow("records") << "np.save(f, np.zeros(2, [('a', 'f4'), ('b', 'i8')]))"
                             << "records of several fields";
    QTest::newRow("objects") << "np.save(f, np.array([None]))"
                             << "type '|O'";
    QTest::newRow("text") << "np.save(f, np.array(['a']))"
                          << "not supported";
    QTest::newRow("cut") << "np.save(f, np.zeros(5)); open(f, 'r+b').truncate(150)"
                         << "does not fill";
    QTest::newRow("short") << "open(f, 'wb').write(b'\\x93NUMPY\\x01')"
                           << "shorter than a header";
    QTest::newRow("huge") << "open(f, 'wb').write(b'\\x93NUMPY\\x01\\0\\x46\\0{\"descr\": \"<f8\", "
                             "\"fortran_order\": False, \"shape\": (4611686018427387904, 4)}  \\n')"
                          << "cut short or damaged";
  }

  void refusesWhatItCannotHold() {
    QFETCH(QString, code);
    QFETCH(QString, said);
    runPython("import sys\nimport numpy as np\nf = sys.argv[1]\n" + code,
              {folder_.filePath("bad.npy")});
    try {
      io::load_tensors(path("bad.npy"));
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY2(error.text().starts_with("[bad.npy]"), error.what());
      QVERIFY2(QString::fromStdString(error.text()).contains(said), error.what());
    }
  }

  void refusesToWriteBFloat16() {
    const nn::StateDict one{{{"x", zeros({2}, DType::BFloat16)}}, {}};
    QVERIFY_THROWS_EXCEPTION(Error, io::save_tensors(one, path("b.npy")));
    QVERIFY(!QFile::exists(folder_.filePath("b.npy")));
  }
};

QTEST_GUILESS_MAIN(TestNpy)
#include "test_npy.moc"
