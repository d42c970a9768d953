#include <QTemporaryDir>
#include <QtTest>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/io/saved_value.h"
#include "core/io/state_file.h"
#include "core/nn/layers/linear.h"
#include "tests/support/python.h"

using namespace nw;
using io::SavedDict;
using io::SavedValue;

namespace {

/// A checkpoint as people write them: model, optimiser, scheduler, numbers, nested lists.
const char* const kCheckpoint = R"(
import sys
import torch
from torch import nn
folder = sys.argv[1] + '/'
torch.manual_seed(3)
model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.PReLU())
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
for _ in range(3):
    model(torch.randn(5, 4)).sum().backward()
    optimizer.step()
    scheduler.step()
big = torch.randn(600, 700)
checkpoint = {
    'model': model.state_dict(), 'optimizer': optimizer.state_dict(),
    'scheduler': scheduler.state_dict(), 'epoch': 3, 'best': 0.125, 'name': 'grüße', 'none': None,
    'flags': [True, False, -1, 2**40, 1e300, (1, (2, 'x'), [])], 3: {'empty': {}},
    'rng': torch.get_rng_state(), 'big': big, 'turned': big.t()[2:5], 'half': big.half()[:2],
    'wave': torch.randn(3, dtype=torch.complex64), 'bits': torch.tensor([True, False]),
}
def same(a, b):
    if isinstance(a, torch.Tensor):
        return (isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape
                and a.stride() == b.stride() and torch.equal(a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) == type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) == type(b) and a == b
)";

}  // namespace

/// Whole checkpoints, between torch.save and us.
class TestSavedValue : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  std::string path(const char* name) const { return folder_.filePath(name).toStdString(); }
  QByteArray python(const char* script) const {
    return runPython(QString(kCheckpoint) + script, {folder_.path()});
  }

 private slots:
  void tensorsAndAllAroundThemComeBack_data() {
    QTest::addColumn<QString>("option");
    QTest::newRow("zip") << "";
    QTest::newRow("legacy") << ", _use_new_zipfile_serialization=False";
  }

  void tensorsAndAllAroundThemComeBack() {
    QFETCH(QString, option);
    runPython(QString(kCheckpoint) + "torch.save(checkpoint, folder + 'torch.pt'" + option + ")",
              {folder_.path()});
    io::save_value(io::load_value(path("torch.pt")), path("ours.pt"));
    QCOMPARE(python(R"(
# weights_only of 1.13 knows no floats, not even in files of its own
safe = {} if torch.__version__.startswith('1.') else {'weights_only': True}
ours = torch.load(folder + 'ours.pt', **safe)
assert same(checkpoint, ours), ours
assert ours['big'].data_ptr() + 4 * 2 == ours['turned'].data_ptr()  # still one storage
optimizer.load_state_dict(ours['optimizer'])
model.load_state_dict(ours['model'])
assert ours['model']._metadata['1'] == {'version': 2}
torch.set_rng_state(ours['rng'])
print('equal')
)"),
             QByteArray("equal\n"));
  }

  /// A large tensor is not copied before somebody writes to it, and writing changes no file.
  void largeTensorsAreMapped() {
    python("torch.save({'big': big}, folder + 'big.pt')");
    const SavedValue value = io::load_value(path("big.pt"));
    const Tensor big = *value.as<SavedDict>()->find("big")->as<Tensor>();
    QFile maps("/proc/self/maps");
    QVERIFY(maps.open(QFile::ReadOnly));
    QVERIFY(maps.readAll().contains("big.pt"));
    raw::fill_(big, 7);
    QCOMPARE(big.data<float>()[0], 7.0F);
    QCOMPARE(python("print(torch.equal(torch.load(folder + 'big.pt')['big'], big))"),
             QByteArray("True\n"));
  }

  /// DistributedDataParallel puts `module.` before each key.
  void takesStatesOfDistributedModels() {
    python(R"(
model = nn.Linear(2, 3)
torch.save({'module.' + k: v for k, v in model.state_dict().items()}, folder + 'ddp.pt')
)");
    nn::Linear linear({.in_features = 2, .out_features = 3});
    QVERIFY(linear.load_state_dict(io::load_state_for(linear, path("ddp.pt"))).ok());
    QVERIFY_THROWS_EXCEPTION(Error, linear.load_state_dict(io::load_state(path("ddp.pt"))));
  }

  void refusesWhatIsNoData() {
    python(R"(
class Evil:
    def __reduce__(self): return (print, ('gotcha',))
torch.save({'a': Evil()}, folder + 'evil.pt')
torch.save(10 ** 30, folder + 'huge.pt')
a = []; a.append(a)
torch.save(a, folder + 'circle.pt')
)");
    for (const char* name : {"evil.pt", "huge.pt", "circle.pt"}) {
      QVERIFY_THROWS_EXCEPTION(Error, io::load_value(path(name)));
    }
  }
};

QTEST_GUILESS_MAIN(TestSavedValue)
#include "test_saved_value.moc"
