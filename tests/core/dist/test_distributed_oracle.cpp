#include <QTemporaryDir>
#include <QtTest>
#include <map>
#include <mutex>
#include <optional>

#include "core/dist/distributed.h"
#include "core/io/saved_value.h"
#include "core/optim/optimizer.h"
#include "tests/core/dist/nets.h"
#include "tests/support/python.h"
#include "tests/support/thread_group.h"

using namespace nw;
using namespace nw::test;
using dist::DistributedDataParallel;
using dist::DistributedOptions;

namespace {

using Numbers = std::vector<float>;
using Scenarios = std::map<std::string, Numbers>;
using Group = std::shared_ptr<dist::ProcessGroup>;

Numbers numbers_of(const Tensor& tensor) {
  const Tensor dense = raw::contiguous(raw::to(tensor, DType::Float32));
  return {dense.data<float>(), dense.data<float>() + dense.numel()};
}

void append(Numbers& numbers, const Numbers& more) {
  numbers.insert(numbers.end(), more.begin(), more.end());
}

Numbers buffers_of(const nn::Module& module) {
  Numbers all;
  for (const Tensor& buffer : module.buffers()) append(all, numbers_of(buffer));
  return all;
}

std::shared_ptr<nn::Sequential> wide_net() {
  return net_of(
      {"nn.Linear(4, 520)", "nn.Tanh()", "nn.Linear(520, 520)", "nn.Tanh()", "nn.Linear(520, 3)"});
}

std::shared_ptr<nn::Sequential> norm_net() {
  return net_of({"nn.Linear(4, 6)", "nn.BatchNorm1d(6)", "nn.Linear(6, 3)"});
}

/// The scenarios of torch_ddp.py, in its order, for one rank.
class Rank {
 public:
  explicit Rank(const Group& group)
      : group_(group), share_(share_of(3 * group->size() + 1, group->rank(), group->size())) {}

  Scenarios run() {
    training();
    no_sync();
    unused();
    uneven(true, "join_initial");
    uneven(false, "join_active");
    uneven_and_unused();
    unused_later();
    used_before();
    unused_error();
    rebuilt();
    return std::move(found_);
  }

 private:
  DistributedOptions options() const {
    DistributedOptions options;
    options.process_group = group_;
    return options;
  }
  DistributedOptions finding_unused() const {
    DistributedOptions found = options();
    found.find_unused_parameters = true;
    return found;
  }

  void trained(const std::string& name, const std::shared_ptr<nn::Module>& net,
               const DistributedOptions& options, int steps = 12, double lr = 0.1) {
    DistributedDataParallel ddp(net, options);
    const auto optimizer =
        optim::make_optimizer("SGD", ddp.parameters(), {{"lr", lr}, {"momentum", 0.9}});
    for (int step = 0; step < steps; ++step) {
      optimizer->zero_grad();
      autograd::backward(loss_of(ddp(rows(step, share_))));
      optimizer->step();
    }
    Numbers all = weights_of(*net);
    append(all, gradients_of(*net));
    append(all, buffers_of(*net));
    found_[name] = all;
  }

  void training() {
    trained("plain", small_net(), options());
    DistributedOptions one = options();
    one.static_graph = true;
    trained("static_graph", small_net(), one);
    one = options();
    one.gradient_as_bucket_view = true;
    trained("bucket_view", small_net(), one);
    trained("several_buckets", wide_net(), options(), 6, 0.01);
    trained("norm", norm_net(), options());
    one = options();
    one.broadcast_buffers = false;
    trained("norm_own_buffers", norm_net(), one);
  }

  void no_sync() {
    const auto net = small_net();
    DistributedDataParallel ddp(net, options());
    {
      const auto guard = ddp.no_sync();
      autograd::backward(loss_of(ddp(rows(0, share_))));
    }
    autograd::backward(loss_of(ddp(rows(1, share_))));
    found_["no_sync"] = gradients_of(*net);
  }

  Tensor sum_of_losses(DistributedDataParallel& ddp, int step) {
    const Tensors outputs = ddp.call({rows(step, share_)});
    Tensor loss = loss_of(outputs[0]);
    if (outputs.size() > 1) loss = loss + loss_of(outputs[1]);
    return loss;
  }

  void unused() {
    using Use = Fork::Use;
    const std::array uses{Use::First, Use::Second, Use::Both};
    const auto net = std::make_shared<Fork>();
    {
      DistributedDataParallel ddp(net, finding_unused());
      for (int step = 0; step < 3; ++step) {
        net->use = step < 2 ? uses[static_cast<size_t>(group_->rank() + step) % 3] : Use::First;
        ddp.zero_grad();
        autograd::backward(sum_of_losses(ddp, step));
        found_[concat("unused_", step)] = gradients_of(*net);
      }
    }
    const auto other = std::make_shared<Fork>();
    DistributedDataParallel ddp(other, finding_unused());
    autograd::backward(loss_of(ddp.call({rows(0, share_)})[0]));
    found_["left_out"] = gradients_of(*other);
  }

  void uneven(bool divide_by_initial, const std::string& name) {
    const auto net = norm_net();
    DistributedDataParallel ddp(net, options());
    const auto optimizer = optim::make_optimizer("SGD", ddp.parameters(), {{"lr", 0.1}});
    ddp.join(
        [&] {
          for (int step = 0; step < 2 + group_->rank(); ++step) {
            optimizer->zero_grad();
            autograd::backward(loss_of(ddp(rows(step, share_))));
            optimizer->step();
          }
        },
        {.divide_by_initial_world_size = divide_by_initial});
    Numbers all = weights_of(*net);
    append(all, buffers_of(*net));
    found_[name] = all;
  }

  void uneven_and_unused() {
    using Use = Fork::Use;
    const std::array uses{Use::First, Use::Second, Use::Both};
    const auto net = std::make_shared<Fork>();
    DistributedDataParallel ddp(net, finding_unused());
    const auto optimizer = optim::make_optimizer("SGD", ddp.parameters(), {{"lr", 0.1}});
    ddp.join([&] {
      for (int step = 0; step < 4 - group_->rank(); ++step) {
        net->use = uses[static_cast<size_t>(step) % 3];
        optimizer->zero_grad();
        autograd::backward(sum_of_losses(ddp, step));
        optimizer->step();
      }
    });
    found_["join_unused"] = weights_of(*net);
  }

  /// Who is out of inputs gives on what the step before had used.
  void unused_later() {
    const auto net = std::make_shared<Fork>();
    DistributedDataParallel ddp(net, finding_unused());
    const auto optimizer =
        optim::make_optimizer("SGD", ddp.parameters(), {{"lr", 0.1}, {"momentum", 0.9}});
    ddp.join([&] {
      for (int step = 0; step < (group_->rank() == 0 ? 2 : 4); ++step) {
        net->use = step < 2 ? Fork::Use::Both : Fork::Use::First;
        optimizer->zero_grad();
        autograd::backward(sum_of_losses(ddp, step));
        optimizer->step();
      }
    });
    Numbers all = weights_of(*net);
    append(all, gradients_of(*net));
    found_["join_unused_later"] = all;
  }

  void used_before() {
    const auto net = std::make_shared<Fork>();
    DistributedDataParallel ddp(net, finding_unused());
    net->use = group_->rank() == 0 ? Fork::Use::Both : Fork::Use::First;
    {
      const auto guard = ddp.no_sync();
      autograd::backward(sum_of_losses(ddp, 0));
    }
    ddp.zero_grad();
    net->use = Fork::Use::First;
    autograd::backward(sum_of_losses(ddp, 1));
    found_["used_before"] = gradients_of(*net);
  }

  /// It comes before the module's forward, in no_sync, too.
  void unused_error() {
    const auto net = std::make_shared<Fork>();
    const auto norm = net_of({"nn.BatchNorm1d(4)"});
    norm->append(nn::make_module(nn::parse_call("nn.Linear(4, 5)")));
    net->add_module("body", norm);
    DistributedDataParallel ddp(net, options());
    for (const Fork::Use use : {Fork::Use::Both, Fork::Use::Both, Fork::Use::First}) {
      net->use = use;
      autograd::backward(sum_of_losses(ddp, 0));
    }
    const Tensor forwards = net->get_buffer("body.0.num_batches_tracked");
    const auto count = [&] { return static_cast<float>(forwards.data<int64_t>()[0]); };
    Numbers counts{count()};
    for (const bool sync : {true, false}) {
      try {
        std::optional<DistributedDataParallel::NoSync> guard;
        if (!sync) guard.emplace(ddp);
        ddp.call({rows(1, share_)});
      } catch (const Error&) {
        counts.push_back(count());
      }
    }
    found_["unused_error"] = counts;
  }

  void rebuilt() {
    const auto net =
        net_of({"nn.Linear(4, 520, bias=False)", "nn.Tanh()", "nn.Linear(520, 520, bias=False)",
                "nn.Tanh()", "nn.Linear(520, 3, bias=False)"});
    DistributedDataParallel ddp(net, options());
    for (int step = 0; step < 3; ++step) autograd::backward(loss_of(ddp(rows(step, share_))));
    Numbers bytes;
    const std::vector<Tensor> params = net->parameters();
    for (const std::vector<size_t>& bucket : ddp.reducer().plan()) {
      int64_t numel = 0;
      for (const size_t param : bucket) numel += params[param].numel();
      bytes.push_back(static_cast<float>(4 * numel));
    }
    found_["rebuilt_bucket_bytes"] = bytes;
  }

  Group group_;
  std::vector<int64_t> share_;
  Scenarios found_;
};

}  // namespace

/// DistributedDataParallel beside PyTorch's own over Gloo: the same nets, weights and rows.
class TestDistributedOracle : public QObject {
  Q_OBJECT

 private slots:
  void agreesWithTorch_data() {
    QTest::addColumn<int>("ranks");
    for (const int ranks : {1, 2, 3}) QTest::addRow("%d", ranks) << ranks;
  }

  void agreesWithTorch() {
    QFETCH(int, ranks);
    const QTemporaryDir folder;
    QProcess torch;
    torch.start(kPython, {QString(NW_SOURCE_DIR) + "/tests/core/dist/torch_ddp.py",
                          QString::number(ranks), folder.path()});

    std::mutex mutex;
    std::map<int, Scenarios> ours;
    const std::string failed = on_ranks(ranks, [&](const Group& group) {
      Scenarios found = Rank(group).run();
      const std::lock_guard lock(mutex);
      ours[group->rank()] = std::move(found);
    });
    QVERIFY2(failed.empty(), failed.c_str());
    QVERIFY(torch.waitForFinished(300000));
    QVERIFY2(torch.exitCode() == 0, torch.readAllStandardError().constData());

    double largest = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const QString path = folder.filePath(QString("rank-%1.pt").arg(rank));
      const io::SavedValue saved = io::load_value(path.toStdString());
      const auto* theirs = saved.as<io::SavedDict>();
      QVERIFY(theirs != nullptr);
      QCOMPARE(theirs->items.size(), ours[rank].size());
      for (const auto& [name, numbers] : ours[rank]) {
        const io::SavedValue* other = theirs->find(name);
        QVERIFY2(other != nullptr, name.c_str());
        const double apart = distance(numbers, numbers_of(*other->as<Tensor>()));
        // A norm over three rows enlarges the rounding.
        const double tolerance = name.rfind("norm", 0) == 0 ? 5e-4 : 2e-5;
        QVERIFY2(apart < tolerance, concat(name, " on rank ", rank, ": ", apart).c_str());
        largest = std::max(largest, apart);
      }
    }
    qInfo("%d ranks, %zu scenarios: largest difference %.2g", ranks, ours[0].size(), largest);
  }
};

QTEST_GUILESS_MAIN(TestDistributedOracle)
#include "test_distributed_oracle.moc"
