#include "core/dist/distributed.h"

#include <QtTest>
#include <cmath>
#include <mutex>

#include "core/optim/optimizer.h"
#include "tests/core/dist/nets.h"
#include "tests/support/thread_group.h"

using namespace nw;
using namespace nw::test;
using dist::DistributedDataParallel;
using dist::DistributedOptions;
using dist::ProcessGroup;

namespace {

using Group = std::shared_ptr<ProcessGroup>;
using Weights = std::vector<float>;

/// What each rank found.
template <typename T>
class PerRank {
 public:
  void set(const Group& group, T value) {
    const std::lock_guard lock(mutex_);
    values_[group->rank()] = std::move(value);
  }
  const T& operator[](int rank) const { return values_.at(rank); }

 private:
  std::mutex mutex_;
  std::map<int, T> values_;
};

DistributedOptions options_of(const Group& group) {
  DistributedOptions options;
  options.process_group = group;
  return options;
}

std::unique_ptr<optim::Optimizer> adam(const nn::Module& module) {
  return optim::make_optimizer("Adam", module.parameters(), {{"lr", 0.01}});
}

/// More than a MiB of weights: several buckets.
std::shared_ptr<nn::Sequential> wide_net(uint64_t seed = 1) {
  return net_of(
      {"nn.Linear(4, 520)", "nn.Tanh()", "nn.Linear(520, 520)", "nn.Tanh()", "nn.Linear(520, 3)"},
      seed);
}

enum class Width : uint8_t { Small, Wide };

std::shared_ptr<nn::Sequential> net_of_width(Width width, uint64_t seed) {
  return width == Width::Wide ? wide_net(seed) : small_net(seed);
}

/// Trains on a share of `total` rows for some steps; gives the weights.
Weights train(const Group& group, DistributedOptions options, Width width, int64_t total,
              int64_t steps) {
  const auto net = net_of_width(width, static_cast<uint64_t>(group->rank() + 1));
  options.process_group = group;
  DistributedDataParallel ddp(net, options);
  const auto optimizer = adam(ddp);
  for (int64_t step = 0; step < steps; ++step) {
    optimizer->zero_grad();
    autograd::backward(loss_of(ddp(rows(step, share_of(total, group->rank(), group->size())))));
    optimizer->step();
  }
  return weights_of(*net);
}

Weights train_alone(Width width, int64_t total, int64_t steps) {
  const std::shared_ptr<nn::Sequential> net = net_of_width(width, 1);
  const auto optimizer = adam(*net);
  for (int64_t step = 0; step < steps; ++step) {
    optimizer->zero_grad();
    autograd::backward(loss_of((*net)(rows(step, share_of(total, 0, 1)))));
    optimizer->step();
  }
  return weights_of(*net);
}

#define QRANKS(ranks, body)                           \
  do {                                                \
    const std::string failed = on_ranks(ranks, body); \
    QVERIFY2(failed.empty(), failed.c_str());         \
  } while (false)

}  // namespace

class TestDistributed : public QObject {
  Q_OBJECT

 private slots:
  void ranksEqualOneOnTheJoinedBatch_data() {
    QTest::addColumn<int>("ranks");
    QTest::addColumn<int>("way");
    for (int ranks = 1; ranks <= 8; ++ranks) {
      QTest::addRow("%d", ranks) << ranks << 0;
    }
    QTest::newRow("bucket views") << 3 << 1;
    QTest::newRow("static graph") << 3 << 2;
    QTest::newRow("unused found") << 3 << 3;
    QTest::newRow("several buckets") << 3 << 4;
    QTest::newRow("all of them") << 4 << 5;
    QTest::newRow("several bucket views") << 2 << 6;
  }

  void ranksEqualOneOnTheJoinedBatch() {
    QFETCH(int, ranks);
    QFETCH(int, way);
    DistributedOptions options;
    options.gradient_as_bucket_view = way == 1 || way == 5 || way == 6;
    options.static_graph = way == 2 || way == 5;
    options.find_unused_parameters = way == 3 || way == 5;
    const Width width = way == 4 || way == 6 ? Width::Wide : Width::Small;
    const int64_t steps = width == Width::Wide ? 8 : 100;
    PerRank<Weights> found;
    const int64_t total = 4 * ranks;
    QRANKS(ranks, [&](const Group& group) {
      found.set(group, train(group, options, width, total, steps));
    });
    const Weights alone = train_alone(width, total, steps);
    for (int rank = 0; rank < ranks; ++rank) {
      const double apart = distance(found[rank], alone);
      // Adam divides by the size of the gradients: of tiny ones it shows the rounding.
      const double tolerance = width == Width::Wide ? 2e-4 : 2e-5;
      QVERIFY2(apart < tolerance, qPrintable(QString::number(apart)));
      QCOMPARE(found[rank], found[0]);  // bit for bit
    }
    QVERIFY(distance(alone, weights_of(*net_of_width(width, 1))) > 0.05);
  }

  void beginsAlikeAndPrintsAndNamesAsTorchDoes() {
    PerRank<Weights> found;
    QRANKS(3, [&](const Group& group) {
      const auto net = net_of({"nn.Linear(4, 3)", "nn.BatchNorm1d(3)"},
                              static_cast<uint64_t>(group->rank() + 7));
      raw::fill_(net->get_buffer("1.running_mean"), group->rank() + 1.0);
      DistributedDataParallel ddp(net, options_of(group));
      Weights all = weights_of(*net);
      all.push_back(net->get_buffer("1.running_mean").data<float>()[2]);
      found.set(group, all);
      NW_CHECK(ddp.state_dict().entries[0].key == "module.0.weight", "keys");
      const std::string text =
          "DistributedDataParallel(\n  (module): Sequential(\n"
          "    (0): Linear(in_features=4, out_features=3, bias=True)\n"
          "    (1): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, "
          "track_running_stats=True)\n  )\n)";
      NW_CHECK(nn::to_text(ddp) == text, nn::to_text(ddp));
    });
    QCOMPARE(found[1], found[0]);
    QCOMPARE(found[2], found[0]);
    QCOMPARE(found[2].back(), 1.0f);
  }

  void refusesRanksThatDiffer() {
    PerRank<QString> told;
    on_ranks(3, [&](const Group& group) {
      const auto net =
          group->rank() == 2 ? net_of({"nn.Linear(4, 2)"}) : net_of({"nn.Linear(4, 3)"});
      try {
        DistributedDataParallel ddp(net, options_of(group));
      } catch (const Error& error) {
        told.set(group, QString::fromStdString(error.text()));
      }
    });
    for (int rank = 0; rank < 3; ++rank) QVERIFY(told[rank].contains("rank 2 has others"));
  }

  void refusesWhatItCannotServe() {
    const auto refusal = [](const std::shared_ptr<nn::Module>& module,
                            const std::function<void(DistributedOptions&)>& change) {
      return QString::fromStdString(on_ranks(1, [&](const Group& group) {
        DistributedOptions options = options_of(group);
        change(options);
        DistributedDataParallel ddp(module, options);
      }));
    };
    const auto nothing = [](DistributedOptions&) {};
    QVERIFY(refusal(small_net(), nothing).isEmpty());
    QVERIFY(refusal(net_of({"nn.ReLU()"}), nothing).contains("is not needed"));
    const auto frozen = small_net();
    frozen->requires_grad_(false);
    QVERIFY(refusal(frozen, nothing).contains("is not needed"));
    QVERIFY(
        refusal(small_net(), [](auto& o) { o.device_ids = {kCpu}; }).contains("Leave them out"));
    QVERIFY(
        refusal(small_net(), [](auto& o) { o.output_device = kCpu; }).contains("Leave them out"));
    QVERIFY(refusal(small_net(), [](auto& o) {
              o.device_ids = {kCpu, kCpu};
            }).contains("one device"));
    QVERIFY(refusal(small_net(), [](auto& o) { o.bucket_cap_mb = NAN; }).contains("bucket_cap_mb"));
    QVERIFY(refusal(net_of({"nn.LazyLinear(3)"}), nothing).contains("wait for their sizes"));
  }

  void leavesFrozenParametersAlone() {
    QRANKS(2, [&](const Group& group) {
      const auto net = small_net();
      net->get_parameter("0.weight").set_requires_grad(false);
      DistributedDataParallel ddp(net, options_of(group));
      for (int64_t step = 0; step < 3; ++step) {
        ddp.zero_grad();
        autograd::backward(loss_of(ddp(rows(step, {group->rank()}))));
      }
      NW_CHECK(!net->get_parameter("0.weight").grad().defined(), "a frozen one has a gradient");
      NW_CHECK(net->get_parameter("0.bias").grad().defined(), "no gradient");
    });
  }

  void noSyncAddsUpAndTheNextStepExchanges() {
    PerRank<Weights> found;
    QRANKS(2, [&](const Group& group) {
      DistributedDataParallel ddp(small_net(), options_of(group));
      for (int round = 0; round < 2; ++round) {
        ddp.zero_grad();
        {
          const auto guard = ddp.no_sync();
          autograd::backward(loss_of(ddp(rows(0, {group->rank()}))));
          autograd::backward(loss_of(ddp(rows(1, {group->rank()}))));
        }
        const Weights own = gradients_of(ddp);
        autograd::backward(loss_of(ddp(rows(2, {group->rank()}))));
        NW_CHECK(distance(own, gradients_of(ddp)) > 1e-3, "nothing was exchanged");
      }
      found.set(group, gradients_of(ddp));
    });
    QCOMPARE(found[0], found[1]);
    const auto net = small_net();
    for (int64_t step = 0; step < 3; ++step) {
      autograd::backward(loss_of((*net)(rows(step, {0, 1}))));
    }
    QVERIFY(distance(found[0], gradients_of(*net)) < 1e-6);
  }

  void unusedParametersAreAnErrorUnlessLookedFor() {
    PerRank<QString> told;
    on_ranks(2, [&](const Group& group) {
      const auto net = std::make_shared<Fork>();
      net->use = Fork::Use::First;
      DistributedDataParallel ddp(net, options_of(group));
      const auto step = [&] { autograd::backward(loss_of(ddp(rows(0, {0, 1})))); };
      step();
      try {
        step();
      } catch (const Error& error) {
        told.set(group, QString::fromStdString(error.text()));
      }
    });
    for (int rank = 0; rank < 2; ++rank) {
      QVERIFY(told[rank].contains("second.weight, second.bias"));
      QVERIFY(told[rank].contains("find_unused_parameters"));
      QVERIFY(!told[rank].contains("first.weight"));
    }
  }

  /// Used by one rank only: the average counts 0 for the other. Used by nobody: no gradient.
  void unusedParametersThatAreLookedFor() {
    PerRank<Weights> found;
    PerRank<Weights> half;
    QRANKS(2, [&](const Group& group) {
      const auto net = std::make_shared<Fork>();
      DistributedOptions options = options_of(group);
      options.find_unused_parameters = true;
      DistributedDataParallel ddp(net, options);
      net->use = Fork::Use::First;
      autograd::backward(loss_of(ddp(rows(0, {group->rank()}))));
      found.set(group, gradients_of(*net));
      ddp.zero_grad();
      net->use = group->rank() == 0 ? Fork::Use::First : Fork::Use::Second;
      autograd::backward(loss_of(ddp(rows(0, {group->rank()}))));
      half.set(group, gradients_of(*net));
    });
    QCOMPARE(std::isnan(found[0].back()), true);
    QCOMPARE(std::isnan(found[0][25]), false);
    QCOMPARE(distance(found[0], found[1]), 0.0);
    QCOMPARE(half[0], half[1]);
    Fork own;
    own.use = Fork::Use::Second;
    autograd::backward(loss_of(own.call({rows(0, {1})})[0]));
    QVERIFY(std::abs(half[0].back() - gradients_of(own).back() / 2) < 1e-7);
  }

  void anOutputThatIsLeftOutOfTheLoss() {
    PerRank<Weights> found;
    QRANKS(2, [&](const Group& group) {
      const auto net = std::make_shared<Fork>();
      DistributedOptions options = options_of(group);
      options.find_unused_parameters = true;
      DistributedDataParallel ddp(net, options);
      for (int step = 0; step < 3; ++step) {
        ddp.zero_grad();
        autograd::backward(loss_of(ddp.call({rows(step, {group->rank()})})[0]));
      }
      found.set(group, gradients_of(*net));
    });
    Fork own;
    autograd::backward(loss_of(own.call({rows(2, {0, 1})})[0]));
    QVERIFY(distance(found[0], gradients_of(own)) < 1e-6);
    QVERIFY(std::isnan(found[0].back()));
  }

  void aStaticGraphLearnsWhoIsUnused() {
    PerRank<Weights> found;
    QRANKS(2, [&](const Group& group) {
      const auto net = std::make_shared<Fork>();
      net->use = Fork::Use::Second;
      DistributedOptions options = options_of(group);
      options.static_graph = true;
      DistributedDataParallel ddp(net, options);
      for (int step = 0; step < 4; ++step) {
        ddp.zero_grad();
        autograd::backward(loss_of(ddp(rows(step, {group->rank()}))));
      }
      NW_CHECK(ddp.reducer().has_rebuilt(), "not rebuilt");
      found.set(group, gradients_of(*net));
    });
    Fork own;
    own.use = Fork::Use::Second;
    autograd::backward(loss_of(own.call({rows(3, {0, 1})})[0]));
    QVERIFY(distance(found[0], gradients_of(own)) < 1e-6);
    const std::string changed = on_ranks(1, [&](const Group& group) {
      const auto net = std::make_shared<Fork>();
      net->use = Fork::Use::Second;
      DistributedOptions options = options_of(group);
      options.static_graph = true;
      DistributedDataParallel ddp(net, options);
      autograd::backward(loss_of(ddp(rows(0, {0}))));
      net->use = Fork::Use::Both;
      const Tensors out = ddp.call({rows(1, {0})});
      autograd::backward(loss_of(out[0]) + loss_of(out[1]));
    });
    QVERIFY(changed.find("the graph has changed") != std::string::npos);
  }

  void gradientsMayBeViewsOfTheBuckets() {
    QRANKS(2, [&](const Group& group) {
      const auto net = small_net();
      DistributedOptions options = options_of(group);
      options.gradient_as_bucket_view = true;
      DistributedDataParallel ddp(net, options);
      for (int step = 0; step < 3; ++step) {
        ddp.zero_grad(false);
        autograd::backward(loss_of(ddp(rows(step, {group->rank()}))));
      }
      const std::vector<Tensor> params = net->parameters();
      for (const Tensor& param : params) {
        NW_CHECK(param.grad().storage() == params[0].grad().storage(), "not one memory");
      }
    });
  }

  /// The first buckets follow the order of the parameters backwards, the later ones that of the
  /// gradients, which here is another.
  void bucketsAreRebuiltInTheOrderOfTheGradients() {
    QRANKS(2, [&](const Group& group) {
      class Turned : public nn::Module {
       public:
        Turned() {
          manual_seed(3);
          for (const char* name : {"last", "middle", "begin"}) {
            add_module(name, std::shared_ptr<nn::Module>(
                                 nn::make_module(nn::parse_call("nn.Linear(4, 4)"))));
          }
        }
        std::string kind() const override { return "Turned"; }
        Tensors forward(const Tensors& inputs) override {
          Tensor x = inputs[0];
          for (const char* name : {"begin", "middle", "last"}) x = get_submodule(name)(x);
          return {x};
        }
      };
      const auto net = std::make_shared<Turned>();
      dist::Reducer::Named params = net->named_parameters();
      dist::Reducer reducer(params, group, {.first_bucket_bytes = 16, .bucket_bytes = 80});
      using Plan = dist::BucketPlan;
      NW_CHECK((reducer.plan() == Plan{{5}, {4, 3}, {2, 1}, {0}}), "the first plan");
      const auto step = [&] {
        net->zero_grad();
        const Tensor loss = loss_of((*net)(rows(0, {group->rank()})));
        reducer.prepare_for_backward({});
        autograd::backward(loss);
      };
      NW_CHECK(!reducer.rebuild_buckets(), "rebuilt too early");
      step();
      const Weights before = gradients_of(*net);
      NW_CHECK(reducer.rebuild_buckets(), "not rebuilt");
      NW_CHECK(!reducer.rebuild_buckets(), "rebuilt twice");
      std::vector<size_t> order;
      for (const auto& bucket : reducer.plan()) {
        order.insert(order.end(), bucket.begin(), bucket.end());
      }
      // The pairs of weight and bias come in the order last, middle, begin.
      NW_CHECK(order.size() == 6 && order[0] / 2 == 0 && order[2] / 2 == 1 && order[4] / 2 == 2,
               "the order of the gradients");
      step();
      NW_CHECK(gradients_of(*net) == before, "other gradients");
      dist::Reducer known(params, group,
                          {.gradient_order = reducer.gradient_order(),
                           .first_bucket_bytes = 16,
                           .bucket_bytes = 80});
      NW_CHECK(known.plan() == reducer.plan() && known.has_rebuilt(), "a known order");
    });
  }

  void bucketsKeepDtypesApart() {
    const std::vector<Tensor> params{zeros({100}), zeros({10}, DType::Float64), zeros({50}),
                                     zeros({10}, DType::Float64)};
    const std::vector<size_t> order{0, 1, 2, 3};
    const std::array<int64_t, 2> limits{100, 1000};
    using Plan = dist::BucketPlan;
    QCOMPARE(dist::plan_buckets(params, order, limits), (Plan{{0}, {1, 3}, {2}}));
  }

  /// Told by the order of what happened, not by a clock: the last layer's gradients are on their
  /// way before the first layer's exist.
  void anAllReduceBeginsBeforeBackwardEnds() {
    ThreadWorld world(2);
    std::mutex mutex;
    std::map<int, std::vector<std::string>> events;
    const auto note = [&](int rank, const std::string& what) {
      const std::lock_guard lock(mutex);
      events[rank].push_back(what);
    };
    world.set_log(note);
    const std::string failed = on_ranks(world, [&](const Group& group) {
      const auto net = wide_net();
      DistributedDataParallel ddp(net, options_of(group));
      for (int step = 0; step < 3; ++step) {
        ddp.zero_grad();
        const Tensor hidden = ddp(rows(step, {group->rank()}));
        const auto hook =
            autograd::register_hook(net->get_parameter("0.weight"), [&](const Tensor&) {
              note(group->rank(), "first layer");
              return Tensor();
            });
        note(group->rank(), "begin");
        autograd::backward(loss_of(hidden));
        auto handle = hook;
        handle.remove();
        note(group->rank(), "end");
        const dist::StepTimes& times = ddp.reducer().last_step();
        NW_CHECK(times.compute > 0 && times.wait >= 0 && times.reduce > 0, "times");
        NW_CHECK(times.bytes >= 4 * weights_of(*net).size(), "bytes ", times.bytes);
      }
    });
    QVERIFY2(failed.empty(), failed.c_str());
    for (int rank = 0; rank < 2; ++rank) {
      const auto& all = events[rank];
      // The last step: buckets are rebuilt and small.
      auto begin = std::find(all.rbegin(), all.rend(), "begin").base();
      const auto first_layer = std::find(begin, all.end(), "first layer");
      const auto reduce = std::find_if(begin, all.end(), [](const std::string& event) {
        return event.rfind("all_reduce", 0) == 0;
      });
      QVERIFY(first_layer != all.end());
      QVERIFY(reduce < first_layer);
    }
  }

  void buffersAreThoseOfTheFirstRank() {
    for (const bool on : {true, false}) {
      PerRank<float> found;
      QRANKS(2, [&](const Group& group) {
        const auto net = net_of({"nn.Linear(4, 3)", "nn.BatchNorm1d(3)"});
        DistributedOptions options = options_of(group);
        options.broadcast_buffers = on;
        DistributedDataParallel ddp(net, options);
        const auto own = [&](int64_t step) {
          const int64_t from = 10 * group->rank();
          autograd::backward(loss_of(ddp(rows(step, {from, from + 1, from + 2}))));
        };
        own(0);
        raw::fill_(net->get_buffer("1.running_mean"), group->rank() + 5.0);
        raw::fill_(net->get_buffer("1.num_batches_tracked"), int64_t{10} * (group->rank() + 1));
        own(1);
        found.set(group, static_cast<float>(net->get_buffer("1.num_batches_tracked").item()));
      });
      QCOMPARE(found[0], 11.0f);
      QCOMPARE(found[1], on ? 11.0f : 21.0f);
    }
  }

  void aCommunicationHookTakesThePlaceOfTheAverage() {
    PerRank<Weights> found;
    QRANKS(2, [&](const Group& group) {
      DistributedDataParallel ddp(small_net(), options_of(group));
      size_t calls = 0;
      ddp.register_comm_hook([&](const dist::GradBucket& bucket) {
        ++calls;
        NW_CHECK(bucket.is_last && bucket.gradients.size() == 4 && bucket.parameters.size() == 4,
                 "the bucket");
        return group->all_reduce(bucket.buffer, dist::Reduction::Sum);
      });
      autograd::backward(loss_of(ddp(rows(0, {group->rank()}))));
      NW_CHECK(calls == 1, "calls");
      found.set(group, gradients_of(ddp));
      bool refused = false;
      try {
        ddp.register_comm_hook([&](const dist::GradBucket&) { return group->barrier(); });
      } catch (const Error&) {
        refused = true;
      }
      NW_CHECK(refused, "a second hook was taken");
    });
    const auto net = small_net();
    autograd::backward(loss_of((*net)(rows(0, {0, 1}))) * 2.0);
    QVERIFY(distance(found[0], gradients_of(*net)) < 1e-6);
  }

  void aRankWithoutInputTakesPart() {
    PerRank<Weights> found;
    QRANKS(3, [&](const Group& group) {
      for (const bool finds_unused : {false, true}) {
        DistributedOptions options = options_of(group);
        options.find_unused_parameters = finds_unused;
        DistributedDataParallel ddp(small_net(), options);
        for (int step = 0; step < 3; ++step) {
          ddp.zero_grad();
          if (group->rank() == 2) {
            ddp.step_without_input();
          } else {
            autograd::backward(loss_of(ddp(rows(step, {group->rank()}))));
          }
        }
        found.set(group, gradients_of(ddp));
      }
    });
    const auto net = small_net();
    autograd::backward(loss_of((*net)(rows(2, {0, 1}))) * (2.0 / 3.0));
    for (int rank = 0; rank < 3; ++rank) {
      QVERIFY(distance(found[rank], gradients_of(*net)) < 1e-6);
      QCOMPARE(found[rank], found[0]);
    }
  }

  void joinThrowsWhereItIsTold() {
    PerRank<QString> told;
    on_ranks(2, [&](const Group& group) {
      DistributedDataParallel ddp(small_net(), options_of(group));
      try {
        ddp.join(
            [&] {
              for (int step = 0; step < 2 + group->rank(); ++step) {
                autograd::backward(loss_of(ddp(rows(step, {0}))));
              }
            },
            {.throw_on_early_termination = true});
      } catch (const Error& error) {
        told.set(group, QString::fromStdString(error.text()));
      }
    });
    QVERIFY(told[0].contains("rank 0 has run out"));
    QVERIFY(told[1].contains("all end"));
  }
};

QTEST_GUILESS_MAIN(TestDistributed)
#include "test_distributed.moc"
