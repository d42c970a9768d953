#include <QCoreApplication>
#include <QTemporaryDir>
#include <QtTest>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>

#include "core/dist/sockets.h"
#include "core/dist/store_frames.h"
#include "tests/core/dist/ranks.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::dist;
using namespace nw::test;
using namespace std::chrono_literals;

namespace {

/// Two handles to one store, as two ranks hold them.
struct TwoHandles {
  std::shared_ptr<Store> one, other;
};

std::shared_ptr<TcpStore> client_of(const TcpStore& server, const std::string& job = {}) {
  return std::make_shared<TcpStore>("127.0.0.1", server.port(), false, patient(20s), job);
}

TwoHandles open_two(const QString& kind, const QTemporaryDir& folder) {
  if (kind == "tcp") {
    const std::shared_ptr<TcpStore> server = serve_store();
    return {server, client_of(*server)};
  }
  const std::string path = folder.filePath("store").toStdString();
  return {std::make_shared<FileStore>(path), std::make_shared<FileStore>(path)};
}

/// A stranger's connection to the store's port.
Socket connect_as_stranger(const TcpStore& server) {
  std::string why;
  return connect_to(resolve("127.0.0.1", server.port(), why).at(0), deadline_in(patient(10s)));
}

std::string greeting(const std::string& job = {}) {
  std::string out(kClientWord);
  put(out, static_cast<uint32_t>(job.size()));
  return out + job;
}

std::string frame(uint32_t length, uint8_t request, uint32_t key_bytes, const std::string& rest) {
  std::string out;
  put(out, length);
  put(out, request);
  put(out, key_bytes);
  return out + rest;
}

/// Whether the server closes the connection after `bytes`.
bool is_turned_away(const TcpStore& server, const std::string& bytes) {
  const Socket socket = connect_as_stranger(server);
  const Clock::time_point deadline = deadline_in(patient(10s));
  send_all(socket, bytes, deadline);
  char byte = 0;
  while (receive_all(socket, &byte, 1, deadline)) {
  }
  return errno != ETIMEDOUT;
}

}  // namespace

class TestStore : public QObject {
  Q_OBJECT

 private slots:
  void keepsValues_data();
  void keepsValues();
  void waitsForValues_data();
  void waitsForValues();
  void countsFromManyThreads_data();
  void countsFromManyThreads();
  void endsWaitsWhenClosed_data();
  void endsWaitsWhenClosed();
  void turnsStrangersAway();
  void survivesGarbage();
  void doesNotTrustLengths();
  void keepsJobsApart();
  void findsTheServersPort();
  void waitsForTheServer();
  void tellsWhatIsMissing();
  void noticesALostServer();
  void carriesOutWills();
  void waitsNoLongerThanItsGrace();
  void speaksIpv6();
  void refusesAForeignFile();
  void mendsABrokenFile();
  void countsAcrossProcesses();
};

namespace {

void add_kinds() {
  QTest::addColumn<QString>("kind");
  QTest::newRow("tcp") << "tcp";
  QTest::newRow("file") << "file";
}

}  // namespace

void TestStore::keepsValues_data() {
  add_kinds();
}

void TestStore::keepsValues() {
  QFETCH(QString, kind);
  const QTemporaryDir folder;
  const auto [one, other] = open_two(kind, folder);
  const std::string bytes("\0\n\xff any", 7);
  const std::string large(3'000'000, 'x');
  one->set("key", bytes);
  QVERIFY(other->get("key", 0ms) == bytes);
  other->set("key", "");
  QVERIFY(one->look("key") == "");
  QVERIFY(!one->look("another"));
  one->set("", large);
  QVERIFY(other->look("") == large);

  QCOMPARE(one->add("count", 5), 5);
  QCOMPARE(other->add("count", -7), -2);
  QVERIFY(one->look("count") == "-2");
  QVERIFY(!error_of([&] { one->add("key", 1); }).empty());
  one->add("large", INT64_MAX);
  QVERIFY(!error_of([&] { one->add("large", 1); }).empty());

  QCOMPARE(one->set_if_absent("first", "mine"), "mine");
  QCOMPARE(other->set_if_absent("first", "theirs"), "mine");
  QVERIFY(!error_of([&] { one->set(std::string(5000, 'k'), "too long a key"); }).empty());
  QVERIFY(!error_of([&] { one->set("k", std::string((64 << 20) + 1, 'v')); }).empty());
  QVERIFY(other->look("first") == "mine");
}

void TestStore::waitsForValues_data() {
  add_kinds();
}

void TestStore::waitsForValues() {
  QFETCH(QString, kind);
  const QTemporaryDir folder;
  const auto [one, other] = open_two(kind, folder);
  std::string seen[2];
  std::thread waiting[2];
  for (int i = 0; i < 2; ++i) {
    waiting[i] = std::thread([&, i] { seen[i] = one->get("late", patient(30s)); });
  }
  // A thread that waits holds up no other.
  one->set("meanwhile", "yes");
  QVERIFY(one->look("meanwhile") == "yes");
  std::this_thread::sleep_for(50ms);
  other->set("late", "here");
  for (std::thread& thread : waiting) thread.join();
  QCOMPARE(seen[0], "here");
  QCOMPARE(seen[1], "here");

  QElapsedTimer timer;
  timer.start();
  const std::string text = error_of([&] { one->get("never", 200ms); });
  QVERIFY(timer.elapsed() >= 190);
  QVERIFY(timer.elapsed() < patient(5000));
  QVERIFY2(text.find("never") != text.npos && text.find("200 ms") != text.npos, text.c_str());
}

void TestStore::countsFromManyThreads_data() {
  add_kinds();
}

void TestStore::countsFromManyThreads() {
  QFETCH(QString, kind);
  const QTemporaryDir folder;
  const auto handles = open_two(kind, folder);
  constexpr int kThreads = 8, kTimes = 40;
  std::vector<std::thread> threads;
  std::atomic<int> winners = 0;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Store& store = i % 2 == 0 ? *handles.one : *handles.other;
      const std::string own = std::to_string(i);
      for (int k = 0; k < kTimes; ++k) {
        store.add("count", 1);
        winners += store.set_if_absent("race " + std::to_string(k), own) == own;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  QVERIFY(handles.one->look("count") == std::to_string(kThreads * kTimes));
  QCOMPARE(winners.load(), kTimes);
}

void TestStore::endsWaitsWhenClosed_data() {
  add_kinds();
}

void TestStore::endsWaitsWhenClosed() {
  QFETCH(QString, kind);
  const QTemporaryDir folder;
  const auto [one, other] = open_two(kind, folder);
  std::string text;
  std::thread waiting([&] { text = error_of([&] { other->get("never", 1h); }); });
  std::this_thread::sleep_for(50ms);
  QElapsedTimer timer;
  timer.start();
  other->close();
  waiting.join();
  QVERIFY(timer.elapsed() < patient(5000));
  QVERIFY2(text.find("closed") != text.npos, text.c_str());
  QVERIFY(!error_of([&] { other->look("any"); }).empty());
  one->set("still", "works");
}

void TestStore::turnsStrangersAway() {
  const std::shared_ptr<TcpStore> store = serve_store();
  QVERIFY(is_turned_away(*store, "GET / HTTP/1.1\r\nHost: here\r\n\r\n"));
  QVERIFY(is_turned_away(*store, std::string(kServerWord)));
  QVERIFY(is_turned_away(*store, greeting("another job")));
  QVERIFY(is_turned_away(*store, std::string(kClientWord) + "\xff\xff\xff\xff"));
  store->set("still", "works");
  QVERIFY(store->look("still") == "works");
}

void TestStore::survivesGarbage() {
  const std::shared_ptr<TcpStore> store = serve_store();
  store->set("kept", "whole");
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 300; ++i) {
    std::string bytes = i % 3 == 0 ? "" : greeting();
    if (i % 3 == 2) {
      // Well made to a point: a request with a wrong number somewhere.
      bytes += frame(static_cast<uint32_t>(random() % 40), static_cast<uint8_t>(random() % 8),
                     static_cast<uint32_t>(random() % 20), "");
    }
    const size_t more = random() % 200;
    for (size_t k = 0; k < more; ++k) bytes += static_cast<char>(random());
    const Socket socket = connect_as_stranger(*store);
    send_all(socket, bytes, deadline_in(patient(10s)));
    if (i % 50 == 0) QVERIFY(store->look("kept"));
  }
  QCOMPARE(client_of(*store)->add("count", 1), 1);
}

void TestStore::doesNotTrustLengths() {
  const std::shared_ptr<TcpStore> store = serve_store();
  // Too long a frame, too short a one, a key beyond the frame, an unknown request, a number cut
  // off.
  QVERIFY(is_turned_away(*store, greeting() + frame(0xffffffff, 0, 1, "k")));
  QVERIFY(is_turned_away(*store, greeting() + frame(3, 0, 0, "")));
  QVERIFY(is_turned_away(*store, greeting() + frame(6, 0, 0xfffffff0, "k")));
  QVERIFY(is_turned_away(*store, greeting() + frame(6, kRequestCount, 1, "k")));
  QVERIFY(is_turned_away(*store, greeting() + frame(7, 3, 1, "k1")));
  QVERIFY(is_turned_away(*store, greeting() + frame(7, 1, 1, "k1")));
  // Promised and never sent: nobody waits for it, and no memory is kept for it.
  const Socket promised = connect_as_stranger(*store);
  QVERIFY(send_all(promised, greeting() + frame(60 << 20, 0, 1, "k"), deadline_in(10s)));
  store->set("still", "works");
  QVERIFY(store->look("still") == "works");
}

void TestStore::keepsJobsApart() {
  TcpStore first("127.0.0.1", 0, true, patient(20s), "first");
  QCOMPARE(client_of(first, "first")->add("x", 1), 1);
  const std::string text =
      error_of([&] { TcpStore("127.0.0.1", first.port(), false, 300ms, "second"); });
  QVERIFY2(text.find("another training") != text.npos, text.c_str());
}

void TestStore::findsTheServersPort() {
  // The first port is taken by someone who never answers, the second by another training.
  Socket taken;
  std::unique_ptr<TcpStore> other;
  int port = 0;
  for (int tries = 0; tries < 50 && !other; ++tries) {
    taken = listen_at("127.0.0.1", 0);
    port = local_port(taken);
    try {
      if (port + 9 < 65535) {
        other = std::make_unique<TcpStore>("127.0.0.1", port + 1, true, patient(20s), "other");
      }
    } catch (const Error&) {
    }
  }
  QVERIFY(other != nullptr);
  TcpStore server("127.0.0.1", port, true, patient(20s), "ours", 8);
  QVERIFY(server.port() > port + 1);
  TcpStore client("127.0.0.1", port, false, patient(60s), "ours", 8);
  QCOMPARE(client.port(), server.port());
  client.set("a", "b");
  QVERIFY(server.look("a") == "b");
}

void TestStore::waitsForTheServer() {
  int port = 0;
  {
    const Socket probe = listen_at("127.0.0.1", 0);
    port = local_port(probe);
  }
  std::unique_ptr<TcpStore> server;
  std::thread later([&] {
    std::this_thread::sleep_for(300ms);
    server = std::make_unique<TcpStore>("127.0.0.1", port, true, patient(20s));
  });
  const TcpStore client("127.0.0.1", port, false, patient(20s));
  later.join();
  QCOMPARE(client.local_address(), "127.0.0.1");
}

void TestStore::tellsWhatIsMissing() {
  const std::shared_ptr<TcpStore> server = serve_store();
  const std::string taken =
      error_of([&] { TcpStore("127.0.0.1", server->port(), true, patient(5s)); });
  QVERIFY2(taken.find("in use") != taken.npos, taken.c_str());
  const Socket probe = listen_at("127.0.0.1", 0);  // never answers
  const std::string silent =
      error_of([&] { TcpStore("127.0.0.1", local_port(probe), false, 100ms); });
  QVERIFY2(silent.find("no store of this program") != silent.npos, silent.c_str());
  const std::string closed = error_of([&] { TcpStore("127.0.0.1", 1, false, 100ms); });
  QVERIFY2(closed.find("127.0.0.1:1") != closed.npos, closed.c_str());
  const std::string name = error_of([&] { TcpStore("no-such-host.invalid", 4000, false, 100ms); });
  QVERIFY2(name.find("no-such-host.invalid") != name.npos, name.c_str());
  QVERIFY(!error_of([&] { TcpStore("127.0.0.1", 70000, false, 100ms); }).empty());
}

/// When a client is gone, unless it took its will back or somebody was there before.
void TestStore::carriesOutWills() {
  const std::shared_ptr<TcpStore> server = serve_store();
  const auto ended = [&](const std::string& key, bool withdraws, bool changes_it) {
    const std::shared_ptr<TcpStore> client = client_of(*server);
    client->leave_will(key, "first");
    if (changes_it) client->leave_will(key, "second");
    QVERIFY(!server->look(key) || *server->look(key) == "taken");
    if (withdraws) client->withdraw_will();
  };
  ended("gone", false, false);
  QCOMPARE(server->get("gone", patient(5s)), std::string("first"));
  ended("changed", false, true);
  QCOMPARE(server->get("changed", patient(5s)), std::string("second"));
  server->set("before", "taken");
  ended("before", false, false);
  ended("kept", true, false);
  ended("marker", false, false);  // the server is through with those before
  QCOMPARE(server->get("marker", patient(5s)), std::string("first"));
  QCOMPARE(server->get("before", patient(5s)), std::string("taken"));
  QVERIFY(!server->look("kept"));
}

/// A server that greets and then says nothing, as one behind a cut cable.
void TestStore::waitsNoLongerThanItsGrace() {
  const Socket listener = listen_at("127.0.0.1", 0);
  std::promise<void> over;
  std::thread silent([&] {
    pollfd entry{listener.descriptor(), POLLIN, 0};
    poll(&entry, 1, patient(20'000));
    const Socket client(accept(listener.descriptor(), nullptr, nullptr));
    std::string word(kClientWord.size() + sizeof(uint32_t), '\0');
    receive_all(client, word.data(), word.size(), deadline_in(patient(20s)));
    send_all(client, std::string(kServerWord) + '\0', deadline_in(patient(20s)));
    over.get_future().wait();
  });
  QElapsedTimer timer;
  {
    TcpStore client("127.0.0.1", local_port(listener), false, patient(20s), {}, 1, 300ms);
    timer.start();
    const std::string text = error_of([&] { client.look("any"); });
    QVERIFY2(text.find("does not answer") != text.npos, text.c_str());
  }
  over.set_value();
  silent.join();
  QVERIFY(timer.elapsed() >= 300 && timer.elapsed() < patient(5000));
}

void TestStore::noticesALostServer() {
  std::shared_ptr<TcpStore> server = serve_store();
  const std::shared_ptr<TcpStore> client = client_of(*server);
  std::string text;
  std::thread waiting([&] { text = error_of([&] { client->get("never", 1h); }); });
  std::this_thread::sleep_for(50ms);
  QElapsedTimer timer;
  timer.start();
  server.reset();
  waiting.join();
  QVERIFY(timer.elapsed() < patient(5000));
  QVERIFY2(text.find("went away") != text.npos, text.c_str());
  QVERIFY(!error_of([&] { client->look("any"); }).empty());
}

void TestStore::speaksIpv6() {
  if (!listen_at("::1", 0)) QSKIP("no IPv6 on this machine");
  TcpStore server("::1", 0, true, patient(20s));
  TcpStore client("::1", server.port(), false, patient(20s));
  client.set("a", "b");
  QVERIFY(server.look("a") == "b");
  QCOMPARE(client.local_address(), "::1");
}

void TestStore::refusesAForeignFile() {
  const QTemporaryDir folder;
  const std::string path = folder.filePath("letter").toStdString();
  std::ofstream(path) << "Dear reader, this is no store.";
  const std::string text = error_of([&] { FileStore{path}; });
  QVERIFY2(text.find(path) != text.npos, text.c_str());
  QCOMPARE(std::filesystem::file_size(path), 30u);
  QVERIFY(!error_of([&] { FileStore{"/no/such/folder/store"}; }).empty());
  QVERIFY(!error_of([&] { FileStore{folder.path().toStdString()}; }).empty());
}

void TestStore::mendsABrokenFile() {
  // A process that is killed while it writes leaves a part of a record.
  const QTemporaryDir folder;
  const std::string path = folder.filePath("store").toStdString();
  FileStore store(path);
  store.set("before", "1");
  const auto whole = std::filesystem::file_size(path);
  store.set("cut", "gone");
  for (auto size = std::filesystem::file_size(path) - 1; size >= whole; --size) {
    std::filesystem::resize_file(path, size);
    FileStore other(path);
    QVERIFY(other.look("before") == "1");
    QVERIFY(!other.look("cut"));
    other.set("after", std::to_string(size));
    QVERIFY(FileStore(path).look("after") == std::to_string(size));
    std::filesystem::resize_file(path, whole);
  }
  const std::string text = error_of([&] { store.look("before"); });
  QVERIFY2(text.find("cut or replaced") != text.npos, text.c_str());
}

void TestStore::countsAcrossProcesses() {
  const QTemporaryDir folder;
  const std::shared_ptr<TcpStore> server = serve_store();
  RankProcesses ranks("count", 4, {QString::number(server->port()), folder.filePath("store")});
  for (int rank = 0; rank < ranks.size(); ++rank) QCOMPARE(ranks.output(rank), "fine\n");
  QVERIFY(server->look("count") == "200");
  QVERIFY(FileStore(folder.filePath("store").toStdString()).look("count") == "200");
}

namespace {

int count_as_rank(const QStringList& arguments) {
  TcpStore tcp("127.0.0.1", arguments.at(0).toInt(), false, patient(20s));
  FileStore file(arguments.at(1).toStdString());
  for (int i = 0; i < 50; ++i) {
    tcp.add("count", 1);
    file.add("count", 1);
  }
  puts("fine");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const QCoreApplication application(argc, argv);
  const QStringList arguments = QCoreApplication::arguments();
  if (arguments.value(1) == "--role") return count_as_rank(arguments.mid(3));
  TestStore test;
  return QTest::qExec(&test, argc, argv);
}

#include "test_store.moc"
