#include <dlfcn.h>

#include <QtTest>
#include <filesystem>
#include <fstream>

#include "core/backend/creation.h"
#include "core/backend/fallback.h"
#include "core/backend/kernel_table.h"
#include "core/base/error.h"
#include "plugins/cuda/cuda_backend.h"
#include "plugins/cuda/diagnosis.h"
#include "plugins/cuda/libraries.h"
#include "plugins/cuda/trace.h"

using namespace nw;
namespace fs = std::filesystem;

/// What the plugin does on a machine without a GPU; skipped where there is one.
class TestCudaPlugin : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    backend_ = &cuda::cuda_backend();
    register_backend(DeviceType::Cuda, *backend_);
  }

  void without_a_gpu_it_says_what_is_missing() {
    if (backend_->device_count() > 0) QSKIP("this machine has a GPU");
    QVERIFY(backend_->missing().find("driver") != std::string::npos);
    for (const auto& use : std::initializer_list<void (*)()>{
             [] {
               empty(Dims{2}, DType::Float32, Device{DeviceType::Cuda, 0});
             },
             [] {
               raw::to(zeros(Dims{2}, DType::Float32, kCpu), Device{DeviceType::Cuda, 3});
             },
             [] {
               backend_of({DeviceType::Cuda, 0}).synchronize({DeviceType::Cuda, 0});
             },
         }) {
      try {
        use();
        QFAIL("there is no GPU");
      } catch (const Error& error) {
        QVERIFY2(error.text().starts_with("[device] cuda:"), error.what());
        QVERIFY2(error.text().find("driver") != std::string::npos, error.what());
      }
    }
  }

  void every_entry_has_a_kernel_or_falls_back() {
    const Kernels& table = backend_->kernels();
    const auto entries = kernel_table::entries_of(table);
    const auto names = kernel_table::names_of<Kernels>();
    int native = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      const std::string name = names[i];
      if (name == "attention" || name == "cross_entropy" || name == "chain") continue;
      QVERIFY2(entries[i] != nullptr, names[i]);
      native += has_native_kernel(name);
    }
    QVERIFY(has_native_kernel("fill") && has_native_kernel("copy"));
    QVERIFY(native >= 10);
    QVERIFY(!has_native_kernel("no such kernel"));
  }

  void the_doctor_names_each_piece() {
    std::string names;
    for (const plugin::Piece& piece : cuda::diagnose()) {
      names += piece.name + " ";
      QVERIFY2(piece.found ? !piece.version.empty() : !piece.text.empty(), piece.name.c_str());
    }
    QVERIFY2(names.starts_with("driver runtime cuBLAS cuDNN 9 NCCL 2 "), names.c_str());
  }

  /// A library under a Python's packages is found where the system has none of that name.
  void libraries_are_found_in_python_wheels() {
    QTemporaryDir python;
    const fs::path folder = fs::path(python.path().toStdString()) / "lib" / "python3.11" /
                            "site-packages" / "nvidia" / "pretended" / "lib";
    cuda::Library absent("Pretended", "libnw-pretended.so.1", {"pretended"});
    QVERIFY(!absent.found());
    QVERIFY(absent.problem().find("libnw-pretended.so.1") != std::string::npos);
    try {
      absent.symbol<int()>("zlibVersion");
      QFAIL("there is no such library");
    } catch (const Error& error) {
      QVERIFY(error.text().find("Pretended") != std::string::npos);
    }

    fs::create_directories(folder);
    Dl_info zlib{};
    QVERIFY(dladdr(dlsym(RTLD_DEFAULT, "zlibVersion"), &zlib) != 0);
    fs::copy_file(fs::canonical(zlib.dli_fname), folder / "libnw-pretended.so.1");
    qputenv("VIRTUAL_ENV", python.path().toUtf8());
    cuda::Library present("Pretended", "libnw-pretended.so.1", {"pretended"});
    QVERIFY2(present.found(), present.problem().c_str());
    QCOMPARE(fs::canonical(present.path()), fs::canonical(folder / "libnw-pretended.so.1"));
    const char* version = present.symbol<const char*()>("zlibVersion")();
    QVERIFY(version[0] >= '1');
    QVERIFY_THROWS_EXCEPTION(Error, present.symbol<int()>("no_such_function"));
    qunsetenv("VIRTUAL_ENV");
  }

  void the_kernels_queued_last_are_named() {
    for (const char* name : {"a", "b", "c"}) cuda::note_kernel(name);
    QVERIFY(cuda::last_kernels().starts_with("c, b, a"));
    for (int i = 0; i < 100; ++i) cuda::note_kernel("x");
    QCOMPARE(cuda::last_kernels(), std::string("x, x, x, x, x, x, x, x"));
  }

 private:
  Backend* backend_ = nullptr;
};

QTEST_GUILESS_MAIN(TestCudaPlugin)
#include "test_cuda_plugin.moc"
