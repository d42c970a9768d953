"""Times PyTorch's eager training steps for `netwright-cli bench`, which runs this as a child.

Arguments: the number of threads. Says `ready VERSION` once torch is loaded, then answers each line
on standard input, a JSON object with `code` and `steps`, with the mean duration of a step in
microseconds and the most memory that the net took so far in bytes, until the input ends. The code
sets model, loss_fn, optimizer, x and target.
"""
import gc
import json
import sys
import time

try:
    import torch
except ImportError as missing:
    print("missing", missing, flush=True)
    sys.exit(0)


def memory_bytes(field):
    """VmRSS: in use now; VmHWM: the most since it was last reset."""
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


class Step:
    def __init__(self, code):
        gc.collect()
        open("/proc/self/clear_refs", "w").write("5")
        self.before = memory_bytes("VmRSS")
        self.net = {}
        exec(code, self.net)

    def run(self):
        net = self.net
        net["optimizer"].zero_grad(set_to_none=True)
        loss = net["loss_fn"](net["model"](net["x"]), net["target"])
        loss.item()  # as the trainer does, to show it
        loss.backward()
        net["optimizer"].step()


def main():
    torch.manual_seed(0)
    torch.set_num_threads(int(sys.argv[1]))
    code, step = None, None
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["code"] != code:
            step = None
            code, step = request["code"], Step(request["code"])
            for _ in range(2):
                step.run()
        begin = time.perf_counter()
        for _ in range(request["steps"]):
            step.run()
        taken = (time.perf_counter() - begin) / request["steps"] * 1e6
        print(taken, memory_bytes("VmHWM") - step.before, flush=True)


main()
