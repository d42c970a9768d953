#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <random>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/idx.h"
#include "core/io/saved_value.h"
#include "core/io/state_file.h"
#include "core/io/tensor_file.h"
#include "tests/support/gzip.h"
#include "tests/support/python.h"

// Damaged files of every kind must end in an Error or a valid result: no crash, no hang, no memory
// that the file's size does not justify. The seed is printed; NW_FUZZ_SEED sets another one.

namespace {

std::atomic<size_t> largest_request{0};

}  // namespace

void* operator new(size_t bytes) {
  size_t largest = largest_request.load();
  while (bytes > largest && !largest_request.compare_exchange_weak(largest, bytes)) continue;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

using namespace nw;

namespace {

using Random = std::mt19937_64;

uint64_t seed() {
  return qEnvironmentVariableIsSet("NW_FUZZ_SEED")
             ? qEnvironmentVariable("NW_FUZZ_SEED").toULongLong()
             : 20'240'607;
}

size_t below(Random& random, size_t bound) {
  return bound == 0 ? 0 : random() % bound;
}

/// Overwrites a number of 1, 2, 4 or 8 bytes by one that breaks careless arithmetic.
void change_number(std::string& bytes, Random& random) {
  const uint64_t size = bytes.size();
  const uint64_t values[] = {0,
                             1,
                             2,
                             0x7f,
                             0x80,
                             0xff,
                             0xffff,
                             0x7fffffff,
                             0x80000000,
                             0xffffffff,
                             uint64_t{1} << 32,
                             uint64_t{1} << 62,
                             ~uint64_t{0} >> 1,
                             ~uint64_t{0},
                             size,
                             size - 1,
                             size + 1,
                             size / 2,
                             random()};
  uint64_t value = values[below(random, std::size(values))];
  const size_t width = size_t{1} << below(random, 4);
  if (random() % 4 == 0) value = __builtin_bswap64(value) >> (64 - 8 * width);
  if (bytes.size() < width) return;
  std::memcpy(bytes.data() + below(random, bytes.size() - width + 1), &value, width);
}

std::string mutate(std::string bytes, Random& random) {
  const auto at = [&] { return below(random, bytes.size()); };
  const size_t rounds = 1 + below(random, 3);
  for (size_t round = 0; round < rounds && !bytes.empty(); ++round) {
    switch (random() % 7) {
      case 0:
        bytes.resize(at());
        break;
      case 1:
        for (size_t i = 1 + below(random, 8); i > 0; --i) bytes[at()] ^= char(1 << random() % 8);
        break;
      case 2:
        bytes[at()] = static_cast<char>(random());
        break;
      case 3:
        bytes.erase(at(), 1 + below(random, 64));
        break;
      case 4:
        bytes.insert(at(), bytes.substr(at(), 1 + below(random, 64)));
        break;
      default:
        change_number(bytes, random);
    }
  }
  return bytes;
}

/// Sets the checksums of a zip archive to "not computed", so that damage gets past them.
std::string without_checksums(std::string bytes) {
  for (size_t at = bytes.find("PK\x01\x02"); at != std::string::npos;
       at = bytes.find("PK\x01\x02", at + 1)) {
    std::memset(bytes.data() + at + 16, 0, 4);
  }
  return bytes;
}

nn::StateDict small_state() {
  nn::StateDict state;
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::Complex128) continue;  // unknown to safetensors
    const Tensor whole = empty({3, 4}, dtype);
    std::memset(whole.raw(), 1, 12 * item_bytes(dtype));
    state.entries.push_back({std::string(name(dtype)), whole});
    state.entries.push_back({std::string(name(dtype)) + ".t", whole.as_strided({4, 3}, {1, 4}, 0)});
  }
  state.versions = {{"", 1}, {"bn", 2}};
  return state;
}

/// Reads every byte of a state, so that a sanitizer sees a view that leaves its memory.
size_t touch(const nn::StateDict& state) {
  size_t sum = 0;
  for (const auto& entry : state.entries) {
    const Tensor dense = raw::contiguous(entry.tensor);
    const auto* bytes = static_cast<const uint8_t*>(dense.raw());
    const auto count = static_cast<size_t>(dense.numel()) * item_bytes(dense.dtype());
    for (size_t i = 0; i < count; ++i) sum += bytes[i];
  }
  return sum;
}

}  // namespace

class TestFuzzFiles : public QObject {
  Q_OBJECT

 private:
  using Load = std::function<void(const std::string& path)>;

  QTemporaryDir folder_;
  int loaded_ = 0;
  int refused_ = 0;

  std::string path(const char* name) const { return folder_.filePath(name).toStdString(); }

  void tryOne(const std::string& bytes, const Load& load) {
    constexpr size_t kMostExpansion = 1032;  // of deflate
    constexpr size_t kSlack = 4 << 20;
    constexpr qint64 kPatienceMs = 10'000;
    const std::string where = path("mutant");
    QFile file(QString::fromStdString(where));
    file.remove();  // some file systems flush a file that is cut to nothing and written anew
    QVERIFY(file.open(QFile::WriteOnly));
    file.write(bytes.data(), qint64(bytes.size()));
    file.close();
    largest_request = 0;
    QElapsedTimer timer;
    timer.start();
    try {
      load(where);
      ++loaded_;
    } catch (const InternalError& error) {
      QFAIL(error.what());
    } catch (const Error& error) {
      ++refused_;
      QVERIFY2(error.text().find("mutant") != std::string::npos, error.what());
      QVERIFY2(error.text().find("more memory than there is") == std::string::npos, error.what());
    }
    QVERIFY(timer.elapsed() < kPatienceMs);
    QVERIFY2(largest_request <= bytes.size() * kMostExpansion + kSlack,
             qPrintable(QString::number(largest_request)));
  }

  /// Tries `count` mutants of `original`, and every way to cut it short at its ends.
  void fuzz(const std::string& original, int count, const Load& load,
            const std::function<std::string(std::string)>& wrap = {}) {
    Random random(seed());
    loaded_ = refused_ = 0;
    tryOne(original, load);
    QCOMPARE(loaded_, 1);  // the original is good
    for (size_t i = 0; i < std::min<size_t>(original.size(), 300); ++i) {
      tryOne(original.substr(0, i), load);
      tryOne(original.substr(0, original.size() - 1 - i), load);
    }
    for (int i = 0; i < count && !QTest::currentTestFailed(); ++i) {
      std::string mutant = mutate(original, random);
      if (wrap) mutant = wrap(std::move(mutant));
      tryOne(mutant, load);
      if (QTest::currentTestFailed()) keepMutant(mutant);
    }
    qInfo("seed %llu: %d loaded, %d refused", (unsigned long long)seed(), loaded_, refused_);
    QVERIFY(refused_ > count / 10);
  }

  /// Leaves the file that failed where a person can find it.
  static void keepMutant(const std::string& mutant) {
    const std::string where = NW_BINARY_DIR "/fuzz_failure.bin";
    write_file_atomically(where, mutant);
    qWarning("the file is kept as %s", where.c_str());
  }

  static void loadState(const std::string& where) { touch(io::load_state(where)); }

  std::string torchFile(const char* arguments, const char* after = "") {
    runPython(QString(R"(
import sys, torch, zipfile
from collections import OrderedDict
path = sys.argv[1]
torch.manual_seed(0)
state = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
state['view'] = state['0.weight'].t()
torch.save({'epoch': 1, 'model': state, 'lr': [0.5, -1, 2**40, None, True]}, path%1)
%2)")
                  .arg(arguments, after),
              {QString::fromStdString(path("torch.pt"))});
    return read_file(path("torch.pt"));
  }

 private slots:
  void ownTorchFiles() {
    io::save_state(small_state(), path("own.pt"), io::StateFormat::Pt);
    fuzz(read_file(path("own.pt")), 1500, loadState);
    fuzz(without_checksums(read_file(path("own.pt"))), 4000, loadState);
  }

  void filesOfTorch() { fuzz(without_checksums(torchFile("")), 4000, loadState); }

  void wholeCheckpoints() {
    fuzz(without_checksums(torchFile("")), 3000,
         [](const std::string& where) { io::load_value(where); });
  }

  void legacyFilesOfTorch() {
    fuzz(torchFile(", _use_new_zipfile_serialization=False"), 4000, loadState);
  }

  void deflatedFilesOfTorch() {
    const std::string packed = torchFile("", R"(
old = zipfile.ZipFile(path); items = [(n, old.read(n)) for n in old.namelist()]; old.close()
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as z:
    for name, data in items: z.writestr(name, data)
)");
    fuzz(without_checksums(packed), 3000, loadState);
  }

  void safetensors() {
    io::save_state(small_state(), path("own.safetensors"), io::StateFormat::Safetensors);
    fuzz(read_file(path("own.safetensors")), 5000, loadState);
  }

  void arraysOfNumPy() {
    const Load load = [](const std::string& where) { touch(io::load_tensors(where)); };
    const nn::StateDict one{{{"x", zeros({3, 5}, DType::Float64)}}, {}};
    io::save_tensors(one, path("own.npy"));
    io::save_tensors(one, path("own.npz"));
    fuzz(read_file(path("own.npy")), 3000, load);
    fuzz(without_checksums(read_file(path("own.npz"))), 3000, load);
  }

  void idx() {
    std::string images("\0\0\x08\x03\0\0\0\x05\0\0\0\x04\0\0\0\x06", 16);
    images += std::string(5 * 4 * 6, '\7');
    std::string labels("\0\0\x0b\x01\0\0\0\x05", 8);
    labels += std::string("\0\1\0\2\0\3\0\4\0\5", 10);
    const Load load_images = [](const std::string& where) { data::read_idx_samples(where); };
    const Load load_labels = [](const std::string& where) { data::read_idx_labels(where, 10); };
    fuzz(images, 3000, load_images);
    fuzz(labels, 2000, load_labels);
    fuzz(gzip(images), 2000, load_images);  // damaged packing
    fuzz(gzip(images), 2000, load_images, [&, random = Random(seed())](std::string) mutable {
      return gzip(mutate(images, random));  // damaged content, well packed
    });
  }
};

QTEST_GUILESS_MAIN(TestFuzzFiles)
#include "test_fuzz_files.moc"
