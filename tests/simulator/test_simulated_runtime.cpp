#include <cuda_runtime_api.h>

#include <QProcess>
#include <QTest>
#include <functional>
#include <thread>

#include "tests/simulator/queue.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::simulated;

namespace {

#define VERIFY_OK(call) QCOMPARE((call), cudaSuccess)

constexpr size_t kBytes = 4096;

cudaStream_t new_stream() {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  return stream;
}
cudaEvent_t new_event() {
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  return event;
}
float* device_memory(size_t bytes = kBytes) {
  void* memory = nullptr;
  cudaMalloc(&memory, bytes);
  return static_cast<float*>(memory);
}
float* pinned_memory() {
  void* memory = nullptr;
  cudaHostAlloc(&memory, kBytes, cudaHostAllocPortable);
  return static_cast<float*>(memory);
}

/// What a program does that a GPU would not forgive, and what the simulator says to it.
struct Misuse {
  const char* name;
  const char* text;
  std::function<void()> commit;
};

const std::vector<Misuse>& misuses() {
  static const std::vector<Misuse> all = {
      {"the host reads device memory", "the host touches memory of cuda:0",
       [] { std::printf("%g\n", static_cast<double>(*device_memory())); }},
      {"a kernel reads what was freed", "a kernel touches memory of cuda:0",
       [] {
         cudaStream_t stream = new_stream();
         float* memory = device_memory();
         cudaFree(memory);
         enqueue(stream, [memory] { *memory += 1; });
         cudaStreamSynchronize(stream);
       }},
      {"a kernel reads beyond the end", "a kernel touches memory of cuda:0",
       [] {
         cudaStream_t stream = new_stream();
         float* memory = device_memory();
         enqueue(stream, [memory] { memory[kBytes / sizeof(float)] += 1; });
         cudaStreamSynchronize(stream);
       }},
      {"a kernel reads another device's", "a kernel of another device touches memory of cuda:0",
       [] {
         float* memory = device_memory();
         cudaSetDevice(1);
         cudaStream_t stream = new_stream();
         enqueue(stream, [memory] { *memory += 1; });
         cudaStreamSynchronize(stream);
       }},
      {"a copy goes beyond the end", "a copy reads beyond the end of an allocation",
       [] {
         cudaMemcpyAsync(pinned_memory(), device_memory() + 1, kBytes, cudaMemcpyDefault,
                         new_stream());
       }},
      {"pinned memory is freed before it was copied", "a copy reads memory that is not allocated",
       [] {
         cudaStream_t stream = new_stream();
         float* pinned = pinned_memory();
         bool late = false;
         enqueue_until(stream, [&late] { return late; });
         cudaMemcpyAsync(device_memory(), pinned, kBytes, cudaMemcpyDefault, stream);
         cudaFreeHost(pinned);
         late = true;
         cudaStreamSynchronize(stream);
       }},
      {"memory is freed twice", "cudaFree() is given",
       [] {
         float* memory = device_memory();
         cudaFree(memory);
         cudaFree(memory);
       }},
      {"a stream is used that was destroyed", "a stream is used that was destroyed",
       [] {
         cudaStream_t stream = new_stream();
         cudaStreamDestroy(stream);
         enqueue(stream, [] {});
       }},
      {"the legacy stream", "the legacy default stream is used", [] { enqueue(nullptr, [] {}); }},
      {"an event is used that was destroyed", "an event is used that was destroyed",
       [] {
         cudaEvent_t event = new_event();
         cudaEventDestroy(event);
         cudaEventQuery(event);
       }},
      {"pageable memory is recorded", "pageable memory is recorded",
       [] {
         cudaStream_t stream = new_stream();
         cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed);
         float number = 1;
         cudaMemcpyAsync(device_memory(), &number, sizeof(number), cudaMemcpyDefault, stream);
       }},
      {"work throws", "a kernel ended with an error: what it says",
       [] {
         cudaStream_t stream = new_stream();
         enqueue(stream, [] { throw std::runtime_error("what it says"); });
         cudaStreamSynchronize(stream);
       }},
  };
  return all;
}

}  // namespace

/// The simulator does what a GPU does, as late and in as many orders as a GPU may, and forgives
/// nothing.
class TestSimulatedRuntime : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    const QByteArray mine = qgetenv("NW_MISUSE");
    const auto seed = QByteArray::number(static_cast<quint64>(test::test_seed()));
    qputenv("NETWRIGHT_SIMULATED_GPU", "quiet,memory=64M,seed=" + seed);
    for (const Misuse& one : misuses()) {
      if (mine == one.name) one.commit();
    }
    if (!mine.isEmpty()) std::exit(0);  // nobody said anything
  }

  void misuse_ends_the_program_data() {
    QTest::addColumn<int>("number");
    for (size_t i = 0; i < misuses().size(); ++i) {
      QTest::newRow(misuses()[i].name) << static_cast<int>(i);
    }
  }
  void misuse_ends_the_program() {
    QFETCH(int, number);
    const Misuse& one = misuses()[static_cast<size_t>(number)];
    QProcess child;
    QProcessEnvironment variables = QProcessEnvironment::systemEnvironment();
    variables.insert("NW_MISUSE", one.name);
    child.setProcessEnvironment(variables);
    child.start(QCoreApplication::applicationFilePath(), {"-nocrashhandler"});
    QVERIFY(child.waitForFinished());
    const QByteArray said = child.readAllStandardError();
    QCOMPARE(child.exitStatus(), QProcess::CrashExit);
    QVERIFY2(said.contains(one.text), said.constData());
    QVERIFY2(said.contains("(seed "), said.constData());
  }

  void streams_take_turns_in_any_order_that_events_allow() {
    int other_first = 0;
    for (int round = 0; round < 100; ++round) {
      const bool ordered = round % 2 == 1;
      cudaStream_t a = new_stream();
      cudaStream_t b = new_stream();
      cudaEvent_t event = new_event();
      std::vector<int> order;  // written by the one thread that does the work
      enqueue(a, [&order] { order.push_back(1); });
      VERIFY_OK(cudaEventRecord(event, a));
      if (ordered) VERIFY_OK(cudaStreamWaitEvent(b, event, 0));
      enqueue(b, [&order] { order.push_back(2); });
      enqueue(b, [&order] { order.push_back(3); });
      VERIFY_OK(cudaDeviceSynchronize());
      QCOMPARE(order.size(), size_t{3});
      QVERIFY(std::find(order.begin(), order.end(), 2) < std::find(order.begin(), order.end(), 3));
      if (ordered) QCOMPARE(order.front(), 1);
      other_first += order.front() == 1 ? 0 : 1;
      for (cudaStream_t stream : {a, b}) VERIFY_OK(cudaStreamDestroy(stream));
      VERIFY_OK(cudaEventDestroy(event));
    }
    QVERIFY(other_first > 5 && other_first < 45);
  }

  void work_is_late_and_comes_by_itself() {
    cudaStream_t stream = new_stream();
    float* pinned = pinned_memory();
    float* memory = device_memory();
    int early = 0;
    for (int round = 0; round < 50; ++round) {
      pinned[0] = 1;
      VERIFY_OK(cudaMemcpyAsync(memory, pinned, kBytes, cudaMemcpyDefault, stream));
      pinned[0] = 2;  // too early: the copy has not been waited for
      float seen = 0;
      VERIFY_OK(cudaMemcpyAsync(&seen, memory, sizeof(seen), cudaMemcpyDefault, stream));
      early += seen == 2 ? 1 : 0;
    }
    QVERIFY(early > 25);
    std::atomic<bool> done{false};
    enqueue(stream, [&] { done = true; });
    QTRY_VERIFY(done);  // nobody waits for it
    VERIFY_OK(cudaFree(memory));
    VERIFY_OK(cudaFreeHost(pinned));
    VERIFY_OK(cudaStreamDestroy(stream));
  }

  void fresh_memory_is_no_number() {
    cudaStream_t stream = new_stream();
    float* memory = device_memory();
    float seen = 0;
    VERIFY_OK(cudaMemcpyAsync(&seen, memory, sizeof(seen), cudaMemcpyDefault, stream));
    QVERIFY(std::isnan(seen));
    VERIFY_OK(cudaFree(memory));
    VERIFY_OK(cudaStreamDestroy(stream));
  }

  void memory_has_an_end() {
    size_t free = 0;
    size_t total = 0;
    VERIFY_OK(cudaMemGetInfo(&free, &total));
    QCOMPARE(total, size_t{64} << 20);
    float* most = device_memory(free);
    QVERIFY(most != nullptr);
    void* more = nullptr;
    QCOMPARE(cudaMalloc(&more, 1), cudaErrorMemoryAllocation);
    QCOMPARE(cudaGetLastError(), cudaErrorMemoryAllocation);
    VERIFY_OK(cudaGetLastError());
    VERIFY_OK(cudaFree(most));
    VERIFY_OK(cudaMalloc(&more, 1));
    VERIFY_OK(cudaFree(more));
  }

  void a_graph_does_what_was_recorded_each_time() {
    cudaStream_t main = new_stream();
    cudaStream_t side = new_stream();
    cudaEvent_t fork = new_event();
    cudaEvent_t join = new_event();
    std::vector<int> order;
    VERIFY_OK(cudaStreamBeginCapture(main, cudaStreamCaptureModeRelaxed));
    enqueue(main, [&] { order.push_back(1); });
    VERIFY_OK(cudaEventRecord(fork, main));
    VERIFY_OK(cudaStreamWaitEvent(side, fork, 0));
    QVERIFY(is_capturing(side));
    enqueue(side, [&] { order.push_back(2); });
    enqueue(main, [&] { order.push_back(3); });
    VERIFY_OK(cudaEventRecord(join, side));
    VERIFY_OK(cudaStreamWaitEvent(main, join, 0));
    enqueue_until(main, [&, asked = 0]() mutable {  // each run begins anew
      if (++asked < 3) return false;
      order.push_back(4);
      return true;
    });
    cudaGraph_t graph = nullptr;
    VERIFY_OK(cudaStreamEndCapture(main, &graph));
    QVERIFY(!is_capturing(side));
    cudaGraphExec_t executable = nullptr;
    VERIFY_OK(cudaGraphInstantiate(&executable, graph, 0));
    VERIFY_OK(cudaGraphDestroy(graph));
    VERIFY_OK(cudaDeviceSynchronize());
    QVERIFY(order.empty());
    const std::vector<int> one{1, 2, 3, 4};
    const std::vector<int> other{1, 3, 2, 4};
    int crossed = 0;
    for (int round = 0; round < 50; ++round) {
      order.clear();
      VERIFY_OK(cudaGraphLaunch(executable, round % 2 == 0 ? main : side));
      VERIFY_OK(cudaDeviceSynchronize());
      QVERIFY(order == one || order == other);
      crossed += order == other ? 1 : 0;
    }
    QVERIFY(crossed > 5 && crossed < 45);
    order.clear();
    VERIFY_OK(cudaGraphLaunch(executable, main));
    VERIFY_OK(cudaGraphLaunch(executable, side));  // two runs of one graph follow each other
    VERIFY_OK(cudaGraphExecDestroy(executable));   // and end although it is gone
    VERIFY_OK(cudaDeviceSynchronize());
    QCOMPARE(order.size(), size_t{8});
    QCOMPARE(order[3], 4);
    QCOMPARE(order[4], 1);
  }

  void a_recording_refuses_what_cuda_refuses() {
    cudaStream_t a = new_stream();
    cudaStream_t b = new_stream();
    cudaEvent_t event = new_event();
    cudaGraph_t graph = nullptr;
    const auto begin = [&](cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed) {
      VERIFY_OK(cudaStreamBeginCapture(a, mode));
    };
    const auto end = [&] { return cudaStreamEndCapture(a, &graph); };

    begin();
    QCOMPARE(cudaStreamSynchronize(a), cudaErrorStreamCaptureUnsupported);
    QCOMPARE(end(), cudaErrorStreamCaptureInvalidated);
    QVERIFY(graph == nullptr);

    begin();
    cudaError_t elsewhere = cudaSuccess;
    std::thread([&] { elsewhere = cudaDeviceSynchronize(); }).join();
    QCOMPARE(elsewhere, cudaErrorStreamCaptureUnsupported);
    QCOMPARE(end(), cudaErrorStreamCaptureInvalidated);

    begin();  // behind what is not recorded
    VERIFY_OK(cudaEventRecord(event, b));
    QCOMPARE(cudaStreamWaitEvent(a, event, 0), cudaErrorStreamCaptureIsolation);
    QCOMPARE(end(), cudaErrorStreamCaptureInvalidated);

    begin();  // another stream is drawn in and not brought back
    enqueue(a, [] {});
    VERIFY_OK(cudaEventRecord(event, a));
    QCOMPARE(cudaEventQuery(event), cudaErrorCapturedEvent);
    VERIFY_OK(cudaStreamWaitEvent(b, event, 0));
    enqueue(b, [] {});
    QCOMPARE(cudaStreamEndCapture(b, &graph), cudaErrorStreamCaptureUnmatched);
    QCOMPARE(end(), cudaErrorStreamCaptureInvalidated);
    begin();
    VERIFY_OK(cudaEventRecord(event, a));
    VERIFY_OK(cudaStreamWaitEvent(b, event, 0));
    enqueue(b, [] {});
    QCOMPARE(end(), cudaErrorStreamCaptureUnjoined);
    QCOMPARE(cudaStreamWaitEvent(b, event, 0), cudaErrorCapturedEvent);

    void* memory = nullptr;
    begin(cudaStreamCaptureModeThreadLocal);
    QCOMPARE(cudaMalloc(&memory, 1), cudaErrorStreamCaptureUnsupported);
    QCOMPARE(end(), cudaErrorStreamCaptureInvalidated);
    begin();
    VERIFY_OK(cudaMalloc(&memory, 1));
    VERIFY_OK(end());
    VERIFY_OK(cudaGraphDestroy(graph));
    VERIFY_OK(cudaFree(memory));
    VERIFY_OK(cudaDeviceSynchronize());
    cudaGetLastError();
  }

  void a_lost_device_says_so_from_then_on() {
    VERIFY_OK(cudaSetDevice(1));
    cudaStream_t stream = new_stream();
    cudaEvent_t event = new_event();
    bool done = false;
    enqueue(stream, [stream] { lose_device(stream, cudaErrorIllegalAddress); });
    enqueue(stream, [&] { done = true; });
    VERIFY_OK(cudaEventRecord(event, stream));
    QCOMPARE(cudaEventSynchronize(event), cudaErrorIllegalAddress);
    QCOMPARE(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
    QCOMPARE(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
    QCOMPARE(cudaGetLastError(), cudaErrorIllegalAddress);
    QCOMPARE(cudaGetLastError(), cudaErrorIllegalAddress);
    void* memory = nullptr;
    QCOMPARE(cudaMalloc(&memory, 1), cudaErrorIllegalAddress);
    QVERIFY(!done);
    VERIFY_OK(cudaSetDevice(0));
    VERIFY_OK(cudaMalloc(&memory, 1));
    VERIFY_OK(cudaFree(memory));
  }
};

QTEST_GUILESS_MAIN(TestSimulatedRuntime)
#include "test_simulated_runtime.moc"
