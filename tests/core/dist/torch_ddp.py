"""What torch.nn.parallel.DistributedDataParallel does over Gloo, for test_distributed_oracle:
python3 torch_ddp.py RANKS FOLDER writes FOLDER/rank-R.pt, a dict from scenario to numbers."""
import contextlib
import sys
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP


def small_net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def wide_net(bias=True):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 520, bias), nn.Tanh(), nn.Linear(520, 520, bias), nn.Tanh(),
                         nn.Linear(520, 3, bias))


def norm_net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))


class Fork(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.body, self.first, self.second = nn.Linear(4, 5), nn.Linear(5, 2), nn.Linear(5, 2)

    def forward(self, x):
        body = self.body(x)
        return {"first": (self.first(body),), "second": (self.second(body),),
                "both": (self.first(body), self.second(body))}[self.use]


def rows(step, which):
    return torch.tensor([[((i * 31 + j * 17 + step * 13) % 23 - 11) / 8 for j in range(4)]
                         for i in which])


def loss_of(y):
    return (y * y + y * 0.5).mean()


def numbers(tensors):
    return torch.cat([t.detach().reshape(-1).float() for t in tensors])


def gradients(module):
    nan = float("nan")
    return numbers([torch.full_like(p, nan) if p.grad is None else p.grad
                    for p in module.parameters()])


def scenarios(rank, ranks):
    share = list(range(rank, 3 * ranks + 1, ranks))  # some have one more

    def trained(net, steps=12, lr=0.1, **options):
        ddp = DDP(net, **options)
        optimizer = torch.optim.SGD(ddp.parameters(), lr=lr, momentum=0.9)
        for step in range(steps):
            optimizer.zero_grad()
            loss_of(ddp(rows(step, share))).backward()
            optimizer.step()
        return torch.cat([numbers(net.parameters()), gradients(net), numbers(net.buffers())
                          if list(net.buffers()) else torch.empty(0)])

    yield "plain", trained(small_net())
    yield "static_graph", trained(small_net(), static_graph=True)
    yield "bucket_view", trained(small_net(), gradient_as_bucket_view=True)
    yield "several_buckets", trained(wide_net(), 6, 0.01)
    yield "norm", trained(norm_net())
    yield "norm_own_buffers", trained(norm_net(), broadcast_buffers=False)

    net = small_net()
    ddp = DDP(net)
    with ddp.no_sync():
        loss_of(ddp(rows(0, share))).backward()
    loss_of(ddp(rows(1, share))).backward()
    yield "no_sync", gradients(net)

    net = Fork()
    ddp = DDP(net, find_unused_parameters=True)
    uses = ["first", "second", "both"]
    for step in range(3):
        net.use = uses[(rank + step) % 3] if step < 2 else "first"
        ddp.zero_grad(set_to_none=True)
        sum(loss_of(y) for y in ddp(rows(step, share))).backward()
        yield "unused_%d" % step, gradients(net)

    net = Fork()
    net.use = "both"
    ddp = DDP(net, find_unused_parameters=True)
    loss_of(ddp(rows(0, share))[0]).backward()
    yield "left_out", gradients(net)

    for name, divide in (("join_initial", True), ("join_active", False)):
        net = norm_net()
        ddp = DDP(net)
        optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
        with ddp.join(divide_by_initial_world_size=divide):
            for step in range(2 + rank):
                optimizer.zero_grad()
                loss_of(ddp(rows(step, share))).backward()
                optimizer.step()
        yield name, torch.cat([numbers(net.parameters()), numbers(net.buffers())])

    net = Fork()
    ddp = DDP(net, find_unused_parameters=True)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
    with ddp.join():
        for step in range(4 - rank):
            net.use = uses[step % 3]
            optimizer.zero_grad()
            sum(loss_of(y) for y in ddp(rows(step, share))).backward()
            optimizer.step()
    yield "join_unused", numbers(net.parameters())

    net = Fork()
    ddp = DDP(net, find_unused_parameters=True)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1, momentum=0.9)
    with ddp.join():
        for step in range(2 if rank == 0 else 4):
            net.use = "both" if step < 2 else "first"
            optimizer.zero_grad(set_to_none=True)
            sum(loss_of(y) for y in ddp(rows(step, share))).backward()
            optimizer.step()
    yield "join_unused_later", torch.cat([numbers(net.parameters()), gradients(net)])

    net = Fork()
    ddp = DDP(net, find_unused_parameters=True)
    net.use = "both" if rank == 0 else "first"
    with ddp.no_sync():
        sum(loss_of(y) for y in ddp(rows(0, share))).backward()
    ddp.zero_grad(set_to_none=True)
    net.use = "first"
    sum(loss_of(y) for y in ddp(rows(1, share))).backward()
    yield "used_before", gradients(net)

    net = Fork()
    net.body = nn.Sequential(nn.BatchNorm1d(4), net.body)
    ddp = DDP(net)
    for use in ("both", "both", "first"):
        net.use = use
        sum(loss_of(y) for y in ddp(rows(0, share))).backward()
    forwards = [net.body[0].num_batches_tracked.item()]
    for sync in (True, False):
        try:
            with contextlib.nullcontext() if sync else ddp.no_sync():
                ddp(rows(1, share))
        except RuntimeError:
            forwards.append(net.body[0].num_batches_tracked.item())
    yield "unused_error", torch.tensor([float(count) for count in forwards])

    net = wide_net(False)  # of a layer's weight and bias, either may get its gradient first
    ddp = DDP(net)
    for step in range(3):
        loss_of(ddp(rows(step, share))).backward()
    sizes = ddp._get_ddp_logging_data()["rebuilt_bucket_sizes"]
    yield "rebuilt_bucket_bytes", torch.tensor([float(size) for size in sizes.split(",")])


def run(rank, ranks, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://" + folder + "/meeting", rank=rank,
                            world_size=ranks)
    torch.save(dict(scenarios(rank, ranks)), "%s/rank-%d.pt" % (folder, rank))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(run, args=(int(sys.argv[1]), sys.argv[2]), nprocs=int(sys.argv[1]))
