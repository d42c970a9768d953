"""Times PyTorch's eager training steps for `netwright-cli bench`, which runs this as a child.

Arguments: the number of threads. Says `ready VERSION` once torch is loaded, then answers each line
`NET STEPS` on standard input with the mean duration of a step in microseconds, until the input ends.
"""
import sys
import time

try:
    import torch
    from torch import nn
except ImportError as missing:
    print("missing", missing, flush=True)
    sys.exit(0)


def mlp():
    net = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
                        nn.Linear(128, 10))
    return net, torch.optim.Adam(net.parameters()), torch.rand(64, 784), 10


def small():
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(),
                        nn.Linear(16, 2))
    return net, torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), torch.rand(32, 2), 2


def lenet():
    net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                        nn.Linear(84, 10))
    return (net, torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9),
            torch.rand(64, 1, 28, 28), 10)


class Step:
    def __init__(self, make):
        self.net, self.optimizer, self.x, classes = make()
        self.target = torch.arange(len(self.x)) % classes
        self.loss = nn.CrossEntropyLoss()

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.net(self.x), self.target)
        loss.item()  # as the trainer does, to show it
        loss.backward()
        self.optimizer.step()


def main():
    torch.manual_seed(0)
    torch.set_num_threads(int(sys.argv[1]))
    makers = {"mlp": mlp, "small": small, "lenet": lenet}
    steps = {}
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        name, count = line.split()
        if name not in steps:
            steps[name] = Step(makers[name])
            for _ in range(3):
                steps[name].run()
        begin = time.perf_counter()
        for _ in range(int(count)):
            steps[name].run()
        print((time.perf_counter() - begin) / int(count) * 1e6, flush=True)


main()
