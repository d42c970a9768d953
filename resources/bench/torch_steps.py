"""Times PyTorch's eager training steps for `netwright-cli bench`, which runs this as a child.

Arguments: the number of threads and the device. Says `ready VERSION` once torch is loaded, then answers each line
on standard input, a JSON object with `code` and `steps`, with the mean duration of a step in
microseconds and the most memory that the net took so far in bytes, until the input ends. The code
sets model, loss_fn, optimizer, x and target. With `graph` the step is captured as a CUDA graph and
replayed; the answer is the mean duration, or `no` and why it cannot be captured.
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


DEVICE = torch.device(sys.argv[2])
ON_GPU = DEVICE.type == "cuda"
if ON_GPU and not torch.cuda.is_available():
    print("missing", "torch has no CUDA here", flush=True)
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
        if ON_GPU:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(DEVICE)
            self.before = torch.cuda.memory_allocated(DEVICE)
        else:
            open("/proc/self/clear_refs", "w").write("5")
            self.before = memory_bytes("VmRSS")
        self.net = {}
        exec(code, self.net)
        if ON_GPU:
            for name in ("model", "loss_fn", "x", "target"):
                self.net[name] = self.net[name].to(DEVICE)

    def peak(self):
        most = torch.cuda.max_memory_allocated(DEVICE) if ON_GPU else memory_bytes("VmHWM")
        return most - self.before

    def capture(self):
        """The whole step as a graph, as https://pytorch.org/docs/stable/notes/cuda.html tells."""
        net = self.net
        for group in net["optimizer"].param_groups:
            if "capturable" in group:
                group["capturable"] = True
        for state in net["optimizer"].state.values():
            if "step" in state:
                state["step"] = state["step"].to(DEVICE)

        def step():
            net["optimizer"].zero_grad(set_to_none=True)
            net["loss_fn"](net["model"](net["x"]), net["target"]).backward()
            net["optimizer"].step()

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    def run(self):
        net = self.net
        net["optimizer"].zero_grad(set_to_none=True)
        loss = net["loss_fn"](net["model"](net["x"]), net["target"])
        loss.item()  # as the trainer does, to show it
        loss.backward()
        net["optimizer"].step()


def finish():
    if ON_GPU:
        torch.cuda.synchronize(DEVICE)


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
        run = step.run
        if request.get("graph"):
            try:
                run = step.capture()
            except Exception as refused:  # whatever PyTorch cannot capture
                print("no", str(refused).replace("\n", " "), flush=True)
                continue
        finish()
        begin = time.perf_counter()
        for _ in range(request["steps"]):
            run()
        finish()
        taken = (time.perf_counter() - begin) / request["steps"] * 1e6
        print(taken, step.peak(), flush=True)


main()
