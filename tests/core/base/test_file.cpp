#include <fcntl.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QDir>
#include <QRandomGenerator>
#include <QTemporaryDir>
#include <QtTest>
#include <thread>

#include "core/base/error.h"
#include "core/base/file.h"

using nw::read_file;
using nw::write_file_atomically;

namespace {

/// The text of the Error that `action` throws; empty when it throws none.
template <typename Action>
QString errorOf(const Action& action) {
  try {
    action();
  } catch (const nw::Error& error) {
    return QString::fromStdString(error.text());
  }
  return {};
}

/// Lets permission bits count for this thread even when the test runs as root.
class AsNobody {
 public:
  AsNobody() {
    if (geteuid() == 0) setfsuid(65534);
  }
  ~AsNobody() {
    if (geteuid() == 0) setfsuid(0);
  }
};

/// No file may grow beyond `bytes` while this lives, like on a disk that is full.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    rlimit small{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() {
    setrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit old_{};
};

mode_t modeOf(const std::string& path) {
  struct stat status {};
  stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

}  // namespace

class TestFile : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  std::string path(const char* name) const {
    return folder_.filePath(QString::fromUtf8(name)).toStdString();
  }
  QStringList names() const {
    return QDir(folder_.path()).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
  }

 private slots:
  void init() {
    QVERIFY(QDir(folder_.path()).removeRecursively());
    QVERIFY(QDir().mkpath(folder_.path()));
  }

  void roundTrip() {
    std::string content = "first\0second";
    content.resize(700'000, 'x');
    write_file_atomically(path("a"), content);
    QCOMPARE(read_file(path("a")), content);
    write_file_atomically(path("a"), "");
    QCOMPARE(read_file(path("a")), std::string());
    QCOMPARE(names(), QStringList{"a"});
  }

  void appendsInPieces() {
    std::string expected;
    write_file_atomically(path("a"), [&](const nw::Append& append) {
      for (size_t i = 0; i < 300; ++i) {
        const std::string piece(i * 37, static_cast<char>('a' + i % 26));
        append(piece.data(), piece.size());
        expected += piece;
      }
      const std::string large(1'000'000, 'L');
      append(large.data(), large.size());
      expected += large;
    });
    QVERIFY(read_file(path("a")) == expected);
  }

  void worksInTheCurrentFolder() {
    const QString old = QDir::currentPath();
    QDir::setCurrent(folder_.path());
    write_file_atomically("plain", "content");
    QDir::setCurrent(old);
    QCOMPARE(read_file(path("plain")), std::string("content"));
  }

  void keepsPermissions() {
    const mode_t old = umask(027);
    write_file_atomically(path("new"), "1");
    umask(old);
    QCOMPARE(modeOf(path("new")), mode_t{0640});
    chmod(path("new").c_str(), 0604);
    write_file_atomically(path("new"), "2");
    QCOMPARE(modeOf(path("new")), mode_t{0604});
  }

  void followsLinks() {
    QVERIFY(QDir(folder_.path()).mkdir("far"));
    write_file_atomically(path("far/target"), "old");
    QVERIFY(symlink("far/target", path("middle").c_str()) == 0);
    QVERIFY(symlink("middle", path("link").c_str()) == 0);
    write_file_atomically(path("link"), "new");
    QVERIFY(QFileInfo(folder_.filePath("link")).isSymLink());
    QVERIFY(!QFileInfo(folder_.filePath("far/target")).isSymLink());
    QCOMPARE(read_file(path("far/target")), std::string("new"));

    QVERIFY(symlink("far/fresh", path("dangling").c_str()) == 0);
    write_file_atomically(path("dangling"), "made");
    QCOMPARE(read_file(path("far/fresh")), std::string("made"));

    QVERIFY(symlink("circle", path("circle").c_str()) == 0);
    QVERIFY(errorOf([&] { write_file_atomically(path("circle"), "x"); }).contains("cannot write"));
  }

  void tellsWhyItCannotWrite() {
    write_file_atomically(path("file"), "old");
    QVERIFY(QDir(folder_.path()).mkdir("folder"));
    const auto failure = [&](const std::string& where) {
      return errorOf([&] { write_file_atomically(where, "x"); });
    };
    QCOMPARE(
        failure(path("none/a.pt")),
        QString("cannot write a.pt in %1/none: no such file or directory. Create the folder or "
                "choose another one; nothing was written")
            .arg(folder_.path()));
    QVERIFY(failure(path("file/a")).contains("not a directory"));
    QVERIFY(failure(path("folder")).contains("is a directory"));
    QVERIFY(failure(path(std::string(300, 'n').c_str())).contains("file name too long"));
    QCOMPARE(names(), (QStringList{"file", "folder"}));
  }

  void longestNamesWork() {
    const std::string longest = path(std::string(255, 'n').c_str());
    write_file_atomically(longest, "x");
    QCOMPARE(read_file(longest), std::string("x"));
  }

  void folderThatCannotBeWritten() {
    write_file_atomically(path("a.pt"), "old");
    chmod(folder_.path().toUtf8(), 0555);
    QString text;
    {
      const AsNobody nobody;
      text = errorOf([&] { write_file_atomically(path("a.pt"), "new"); });
    }
    chmod(folder_.path().toUtf8(), 0755);
    QCOMPARE(text, QString("cannot write a.pt in %1: permission denied. Choose a folder that you "
                           "may write to; the old file is untouched")
                       .arg(folder_.path()));
    QCOMPARE(read_file(path("a.pt")), std::string("old"));
    QCOMPARE(names(), QStringList{"a.pt"});
  }

  void fullDisk() {
    QCOMPARE(
        errorOf([] { write_file_atomically("/dev/full", "content"); }),
        QString("cannot write full in /dev: no space left on device. Free some space or choose "
                "another folder; the old file is untouched"));
    QVERIFY(!QFileInfo("/dev/full").isFile());
  }

  void fullDiskKeepsTheOldFile() {
    write_file_atomically(path("a.pt"), "old");
    const std::string large(1'000'000, 'x');
    QString text;
    QString fresh;
    {
      const SmallFiles small(400'000);
      text = errorOf([&] { write_file_atomically(path("a.pt"), large); });
      fresh = errorOf([&] { write_file_atomically(path("b.pt"), large); });
    }
    QVERIFY2(text.contains("cannot write a.pt") && text.contains("file too large") &&
                 text.endsWith("the old file is untouched"),
             qPrintable(text));
    QVERIFY2(fresh.endsWith("nothing was written"), qPrintable(fresh));
    QCOMPARE(read_file(path("a.pt")), std::string("old"));
    QCOMPARE(names(), QStringList{"a.pt"});
  }

  void failingProducerKeepsTheOldFile() {
    write_file_atomically(path("a"), "old");
    const auto produce = [](const nw::Append& append) {
      const std::string some(500'000, 'x');
      append(some.data(), some.size());
      throw nw::Error("no more");
    };
    QCOMPARE(errorOf([&] { write_file_atomically(path("a"), produce); }), QString("no more"));
    QCOMPARE(read_file(path("a")), std::string("old"));
    QCOMPARE(names(), QStringList{"a"});
  }

  void readersSeeWholeVersionsOnly() {
    write_file_atomically(path("a"), std::string(200'000, 'a'));
    std::atomic<bool> done{false};
    std::thread writer([&] {
      for (int i = 0; i < 60; ++i) {
        write_file_atomically(path("a"), std::string(200'000 + static_cast<size_t>(i),
                                                     static_cast<char>('a' + i % 26)));
      }
      done = true;
    });
    int reads = 0;
    bool whole = true;
    while (!done || reads == 0) {
      const std::string content = read_file(path("a"));
      whole = whole && content.size() >= 200'000 &&
              content.find_first_not_of(content[0]) == std::string::npos;
      ++reads;
    }
    writer.join();
    QVERIFY(whole);
  }

  void survivesBeingKilled() {
    constexpr size_t kBytes = 600'000;
    write_file_atomically(path("a"), std::string(kBytes, 'A'));
    for (int round = 0; round < 25; ++round) {
      const pid_t child = fork();
      QVERIFY(child >= 0);
      if (child == 0) {
        for (int i = 0;; ++i) {
          write_file_atomically(path("a"), std::string(kBytes, static_cast<char>('a' + i % 26)));
        }
      }
      usleep(QRandomGenerator::global()->bounded(1'000, 25'000));
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
      const std::string content = read_file(path("a"));
      QCOMPARE(content.size(), kBytes);
      QVERIFY(content.find_first_not_of(content[0]) == std::string::npos);
    }
    // A new save works beside what the killed ones left.
    write_file_atomically(path("a"), "alive");
    QCOMPARE(read_file(path("a")), std::string("alive"));
  }

  void tellsWhyItCannotRead() {
    QVERIFY(QDir(folder_.path()).mkdir("folder"));
    write_file_atomically(path("file"), "x");
    const auto failure = [](const std::string& where) {
      return errorOf([&] { read_file(where); });
    };
    QCOMPARE(failure(path("none.json")),
             QString("cannot read none.json in %1: no such file or directory. Check the name and "
                     "the folder")
                 .arg(folder_.path()));
    QVERIFY(failure(path("folder")).contains("Name a file, not a folder"));
    QVERIFY(failure(path("file/x")).contains("not a directory"));
    QVERIFY(failure("/dev/zero").contains("not a device or a pipe"));
    QVERIFY(mkfifo(path("pipe").c_str(), 0600) == 0);
    QVERIFY(failure(path("pipe")).contains("not a device or a pipe"));  // and does not wait
    QVERIFY(failure("").contains("cannot read"));

    chmod(path("file").c_str(), 0);
    const AsNobody nobody;
    QVERIFY(failure(path("file")).contains("permission denied"));
  }

  void readsPiecesOfAFile() {
    write_file_atomically(path("a"), "0123456789");
    const nw::InputFile file(path("a"));
    QCOMPARE(file.size(), uint64_t{10});
    char bytes[4];
    file.read_at(3, bytes, 4);
    QCOMPARE(std::string(bytes, 4), std::string("3456"));
    QCOMPARE(errorOf([&] { file.read_at(8, bytes, 4); }),
             QString("[a] ends at byte 10, expects 2 more. Copy or download it again"));
  }

  void readsFilesThatTellNoSize() { QVERIFY(read_file("/proc/self/status").starts_with("Name:")); }
};

QTEST_GUILESS_MAIN(TestFile)
#include "test_file.moc"
