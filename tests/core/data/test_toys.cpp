#include <QCryptographicHash>
#include <QtTest>
#include <cmath>
#include <numbers>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/data/dataset.h"
#include "core/nn/category.h"

using namespace nw;
using namespace nw::data;

namespace {

const char* const kToys[] = {"two-moons", "spirals", "circles", "xor", "noisy-sine"};

struct Content {
  std::vector<float> x;
  std::vector<double> y;
  QByteArray hash;
};

Content contentOf(const Dataset& dataset) {
  std::vector<int64_t> all(static_cast<size_t>(dataset.size()));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  Dims x_sizes = dataset.sample_sizes();
  x_sizes.insert(0, dataset.size());
  Dims y_sizes = dataset.target_sizes();
  y_sizes.insert(0, dataset.size());
  const Tensor x = empty(x_sizes);
  const Tensor y = empty(y_sizes, dataset.target_dtype());
  dataset.read(all, x, y);
  Content content;
  content.x.assign(x.data<float>(), x.data<float>() + x.numel());
  for (int64_t i = 0; i < y.numel(); ++i) {
    content.y.push_back(y.dtype() == DType::Int64 ? static_cast<double>(y.data<int64_t>()[i])
                                                  : double{y.data<float>()[i]});
  }
  content.hash = QCryptographicHash::hash(
      QByteArray(static_cast<const char*>(x.raw()), x.numel() * 4), QCryptographicHash::Sha256);
  return content;
}

const DatasetSpec& spec(const char* id) {
  return *datasets().find(id);
}

Content train(const char* id, const nn::Args& args) {
  return contentOf(*spec(id).load(args).train);
}

}  // namespace

class TestToys : public QObject {
  Q_OBJECT

 private slots:
  void everyDescriptionIsWhole() {
    QStringList ids;
    for (const DatasetSpec& one : datasets().all()) {
      ids << QString::fromStdString(one.id);
      QVERIFY(one.signature != nullptr && one.load != nullptr);
      QCOMPARE(std::string(nn::category(one.category).id), one.category);
      QVERIFY(
          QFile::exists(QString(NW_SOURCE_DIR "/resources/icons/%1.svg").arg(one.icon.c_str())));
      for (const auto* text : {&one.summary, &one.formula, &one.when_to_use, &one.reference}) {
        QVERIFY2(text->size() > 10, one.id.c_str());
      }
      QVERIFY(one.problems({}).empty());
      for (const nn::Param& param : one.params) {
        QVERIFY2(!param.help.empty(), param.name.c_str());
        QVERIFY(nn::problem_of(param, param.fallback).empty());
      }
    }
    QCOMPARE(ids, (QStringList{"FashionMNIST", "IDX", "two-moons", "spirals", "circles", "xor",
                               "noisy-sine"}));
  }

  void signatureTellsWhatLoadBrings() {
    for (const char* id : kToys) {
      const nn::Args args{{"samples", int64_t{50}}};
      const Signature signature = spec(id).signature(args);
      const Splits splits = spec(id).load(args);
      QCOMPARE(splits.train->size(), int64_t{40});
      QCOMPARE(splits.test->size(), int64_t{10});
      for (const auto& part : {splits.train, splits.test}) {
        QCOMPARE(part->sample_sizes(), signature.sample);
        QCOMPARE(part->target_sizes(), signature.target);
        QCOMPARE(part->target_dtype(), signature.target_dtype);
        QCOMPARE(part->class_count(), signature.classes);
        QCOMPARE(part->class_names().size(), static_cast<size_t>(signature.classes));
      }
    }
    QCOMPARE(spec("spirals").signature({{"arms", int64_t{5}}}).classes, int64_t{5});
  }

  void aSeedDrawsTheSameSamples() {
    for (const char* id : kToys) {
      QCOMPARE(train(id, {}).hash, train(id, {}).hash);
      QVERIFY(train(id, {}).hash != train(id, {{"seed", int64_t{1}}}).hash);
      const Splits splits = spec(id).load({});
      QVERIFY(contentOf(*splits.train).hash != contentOf(*splits.test).hash);
    }
  }

  void classesAreBalanced() {
    for (const char* id : {"two-moons", "spirals", "circles", "xor"}) {
      const Content content = train(id, {{"samples", int64_t{1000}}, {"test", 0.0}});
      const auto ones = std::count(content.y.begin(), content.y.end(), 1.0);
      QCOMPARE(ones, 500);
    }
    QVERIFY(spec("xor").load({{"test", 0.0}}).test == nullptr);
  }

  // Without noise the points lie exactly where the formula says.

  void moons() {
    const Content c = train("two-moons", {{"noise", 0.0}});
    for (size_t i = 0; i < c.y.size(); ++i) {
      const double x = c.y[i] == 0 ? c.x[2 * i] : 1 - c.x[2 * i];
      const double y = c.y[i] == 0 ? c.x[2 * i + 1] : 0.5 - c.x[2 * i + 1];
      QVERIFY(std::abs(std::hypot(x, y) - 1) < 1e-6);
      QVERIFY(y > -1e-6);
    }
  }

  void rings() {
    const Content c = train("circles", {{"noise", 0.0}, {"factor", 0.25}});
    double left = 0;
    for (size_t i = 0; i < c.y.size(); ++i) {
      const double radius = std::hypot(c.x[2 * i], c.x[2 * i + 1]);
      QVERIFY(std::abs(radius - (c.y[i] == 0 ? 1 : 0.25)) < 1e-6);
      left += c.x[2 * i] < 0;
    }
    QVERIFY(std::abs(left / static_cast<double>(c.y.size()) - 0.5) < 0.1);  // all around
  }

  void spiralArms() {
    const double turns = 2.5;
    const Content c = train("spirals", {{"noise", 0.0}, {"arms", int64_t{3}}, {"turns", turns}});
    for (size_t i = 0; i < c.y.size(); ++i) {
      const double radius = std::hypot(c.x[2 * i], c.x[2 * i + 1]);
      const double angle = 2 * std::numbers::pi * (c.y[i] / 3 + turns * radius);
      QVERIFY(std::abs(radius * std::cos(angle) - c.x[2 * i]) < 1e-5);
      QVERIFY(std::abs(radius * std::sin(angle) - c.x[2 * i + 1]) < 1e-5);
    }
  }

  void signs() {
    const Content c = train("xor", {{"noise", 0.0}});
    for (size_t i = 0; i < c.y.size(); ++i) {
      const float x = c.x[2 * i];
      const float y = c.x[2 * i + 1];
      QVERIFY(std::abs(x) <= 1 && std::abs(y) <= 1);
      QCOMPARE(c.y[i] == 1, (x > 0) != (y > 0));
    }
  }

  void sine() {
    const Content c = train("noisy-sine", {{"noise", 0.0}, {"periods", 3.0}});
    for (size_t i = 0; i < c.y.size(); ++i) {
      QVERIFY(std::abs(c.y[i] - std::sin(3 * std::numbers::pi * double{c.x[i]})) < 2e-6);
    }
  }

  void noiseSpreadsAsAsked() {
    const nn::Args many{{"samples", int64_t{20'000}}, {"test", 0.0}};
    nn::Args noisy = many;
    noisy.set("noise", 0.3);
    const Content c = train("noisy-sine", noisy);
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < c.y.size(); ++i) {
      const double error = c.y[i] - std::sin(2 * std::numbers::pi * double{c.x[i]});
      sum += error;
      squares += error * error;
    }
    const auto count = static_cast<double>(c.y.size());
    QVERIFY(std::abs(sum / count) < 0.01);
    QVERIFY(std::abs(std::sqrt(squares / count) - 0.3) < 0.01);
  }

  void wrongArgumentsAreTold() {
    for (const char* id : kToys) {
      QVERIFY_THROWS_EXCEPTION(Error, spec(id).load({{"samples", int64_t{3}}}));
      QVERIFY_THROWS_EXCEPTION(Error, spec(id).signature({{"noise", -1.0}}));
      QVERIFY_THROWS_EXCEPTION(Error, spec(id).signature({{"nosie", 0.1}}));
      QVERIFY_THROWS_EXCEPTION(Error, spec(id).load({{"test", 1.0}}));
    }
    QVERIFY_THROWS_EXCEPTION(Error, spec("spirals").signature({{"arms", int64_t{1}}}));
  }
};

QTEST_GUILESS_MAIN(TestToys)
#include "test_toys.moc"
