#include <QTest>

#include "core/nn/block.h"

using namespace nw;

namespace {

/// The blocks that have these words among their synonyms, in order.
std::string known_as(const std::string& words) {
  std::string ids;
  for (const nn::Block& block : nn::blocks().all()) {
    if (block.synonyms.find(words) == block.synonyms.npos) continue;
    ids += (ids.empty() ? "" : " ") + block.id;
  }
  return ids;
}

}  // namespace

/// The words by which people look for blocks stand at the right ones.
class TestBlockWords : public QObject {
  Q_OBJECT

 private slots:
  void other_words_of_activations() {
    QCOMPARE(known_as("rectified linear unit"), std::string("ReLU"));
    QCOMPARE(known_as("hyperbolic tangent"), std::string("Tanh"));
    QCOMPARE(known_as("logistic"), std::string("Sigmoid BCEWithLogitsLoss"));
  }

  void activations_to_begin_with() {
    std::string common;
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.category == "activation" && block.common) common += block.id + " ";
    }
    QCOMPARE(common, std::string("ReLU LeakyReLU GELU SiLU Tanh Sigmoid Softmax "));
  }
};

QTEST_GUILESS_MAIN(TestBlockWords)
#include "test_block_words.moc"
