"""Runs `netwright-cli run` and PyTorch on the same models, numbers and seeds, and compares all that
comes out. Arguments: the program, a folder to work in, a seed."""

import json
import struct
import subprocess
import sys

import numpy as np
import torch
from torch import nn, optim
from torch.nn.parameter import UninitializedTensorMixin
from torch.optim import lr_scheduler

program, folder, seed = sys.argv[1], sys.argv[2] + "/", int(sys.argv[3])
torch.manual_seed(seed)
torch.set_num_threads(1)
TYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "BOOL": "?", "C64": "c8"}
TOLERANCE = {torch.float64: (1e-7, 1e-7), torch.float32: (1.3e-6, 1e-5), torch.complex64: (1.3e-6, 1e-5),
             torch.float16: (1e-3, 1e-5), torch.bfloat16: (1.6e-2, 1e-5)}


def read(path):
    """A .safetensors file by its description."""
    raw = open(path, "rb").read()
    length, = struct.unpack("<Q", raw[:8])
    data, out = raw[8 + length:], {}
    for key, about in json.loads(raw[8:8 + length]).items():
        if key == "__metadata__":
            continue
        begin, end = about["data_offsets"]
        if about["dtype"] == "BF16":
            wide = np.frombuffer(data[begin:end], "<u2").astype("<u4") << 16
            tensor = torch.from_numpy(wide.view("<f4").copy()).to(torch.bfloat16)
        else:
            tensor = torch.from_numpy(np.frombuffer(data[begin:end], TYPES[about["dtype"]]).copy())
        out[key] = tensor.reshape(about["shape"])
    return out


def flatten(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [] if value is None else [part for item in value for part in flatten(item)]


def run_torch(case, inputs):
    torch.manual_seed(case.get("seed", 0))
    model = eval(case["model"])
    dtype = getattr(torch, case.get("dtype", "float32"))
    model.to(dtype)
    convert = lambda t: t.to(dtype) if "dtype" in case and t.is_floating_point() else t
    inputs = {name: convert(value) for name, value in inputs.items()}
    target = convert(case["target"]) if "target" in case else None
    loss_of = eval(case["loss"]).to(dtype) if "loss" in case else None
    out = {"initial." + key: value.clone() for key, value in model.state_dict().items()
           if not isinstance(value, UninitializedTensorMixin)}
    model.train(case.get("train", False))
    learns = "steps" in case
    for value in inputs.values():
        learning = learns or case.get("backward", False)
        value.requires_grad_(learning and (value.is_floating_point() or value.is_complex()))
    optimizer = eval(case["optimizer"]) if learns else None
    schedulers = [eval(one, globals(), {"optimizer": optimizer}) for one in case.get("schedulers", [])]
    losses, rates = [], []
    for step in range(case.get("steps", 1)):
        model.zero_grad(set_to_none=True)
        for value in inputs.values():
            value.grad = None
        results = flatten(model(**inputs) if case.get("by_name") else model(*inputs.values()))
        last = results[0]
        if loss_of is not None:
            last = out["loss"] = loss_of(results[0], target)
        if learns or case.get("backward"):
            last.backward(case.get("grad_output", torch.ones_like(last)))
        if learns:
            losses.append(last.item())
            rates.append(optimizer.param_groups[0]["lr"])
            if "clip-norm" in case:
                nn.utils.clip_grad_norm_(model.parameters(), case["clip-norm"])
            if "clip-value" in case:
                nn.utils.clip_grad_value_(model.parameters(), case["clip-value"])
            optimizer.step()
            for scheduler in schedulers:
                plateau = isinstance(scheduler, lr_scheduler.ReduceLROnPlateau)
                scheduler.step(losses[-1]) if plateau else scheduler.step()
    if learns:
        out["losses"] = torch.tensor(losses, dtype=torch.float64)
        out["learning_rates"] = torch.tensor(rates, dtype=torch.float64)
    out.update(zip(case.get("outputs", ["output"]), results))
    for i, (name, value) in enumerate(inputs.items()):
        if value.grad is not None and i == 0:
            out["grad.input"] = value.grad
        if value.grad is not None and len(inputs) > 1:
            out["grad." + name] = value.grad
    out.update({"grad." + n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    out.update({"state." + key: value for key, value in model.state_dict().items()})
    return {key: value.detach() for key, value in out.items()}


def run_ours(case, inputs):
    model = case["model"]
    if case.get("as_file"):
        model = folder + "model.txt"
        open(model, "w").write(case["as_file"])
    words = [program, "run", model, "--json", "-o", folder + "out.safetensors", "--input"]
    if len(inputs) == 1:
        np.save(folder + "x.npy", next(iter(inputs.values())).numpy())
        words.append(folder + "x.npy")
    else:
        np.savez(folder + "x.npz", **{name: value.numpy() for name, value in inputs.items()})
        words.append(folder + "x.npz")
    if "target" in case:
        np.save(folder + "t.npy", case["target"].numpy())
        words += ["--target", folder + "t.npy"]
    if "grad_output" in case:
        np.save(folder + "g.npy", case["grad_output"].numpy())
        words += ["--grad-output", folder + "g.npy"]
    for option in ("seed", "dtype", "loss", "steps", "optimizer", "clip-norm", "clip-value"):
        if option in case:
            words += ["--" + option, str(case[option])]
    for one in case.get("schedulers", []):
        words += ["--scheduler", one]
    words += ["--train"] * case.get("train", False) + ["--backward"] * case.get("backward", False)
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    said = json.loads(done.stdout)
    results = read(folder + "out.safetensors")
    assert set(said["tensors"]) == set(results)
    return results


def compare(case, ours, theirs):
    assert set(ours) == set(theirs), (case["model"], sorted(set(ours) ^ set(theirs)))
    for key, expected in theirs.items():
        got = ours[key]
        assert got.dtype == expected.dtype and got.shape == expected.shape, (case["model"], case.get("loss"), key)
        if key.startswith("initial.") and case.get("dtype", "float32") == "float32":
            assert torch.equal(got, expected), (case["model"], case.get("loss"), key)
            continue
        # Losses are written wide, but computed in the model's own numbers.
        computed = getattr(torch, case.get("dtype", "float32")) if key == "losses" else expected.dtype
        rtol, atol = TOLERANCE.get(computed, (0, 0))
        direct = key in ("output", "loss") and "steps" not in case
        slack = case.get("slack", 1 if direct else 10)
        torch.testing.assert_close(got, expected, rtol=rtol * slack, atol=atol * slack, equal_nan=True,
                                   msg=lambda text: f"{case['model']}: {key}: {text}")


def cases():
    x = torch.randn(4, 3)
    image = torch.randn(2, 1, 12, 12)
    classes = torch.randint(5, (4,))
    net = "nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 5))"
    adam = "optim.Adam(model.parameters(), lr=0.01, weight_decay=0.1)"
    sgd = "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)"
    yield {"model": "nn.Linear(3, 5)", "seed": 7}, [x]
    yield {"model": "nn.Linear(3, 5)", "backward": True, "grad_output": torch.randn(4, 5)}, [x]
    yield {"model": "nn.Linear(3, 5, bias=False)", "dtype": "float64", "backward": True}, [x]
    yield {"model": "nn.Linear(3, 5)", "dtype": "bfloat16", "backward": True}, [x]
    yield {"model": net, "train": True, "seed": 3, "backward": True, "target": classes,
           "loss": "nn.CrossEntropyLoss(label_smoothing=0.1)"}, [x]
    yield {"model": net, "train": True, "steps": 5, "optimizer": adam, "target": classes,
           "loss": "nn.CrossEntropyLoss()"}, [x]
    yield {"model": net, "steps": 4, "optimizer": sgd, "target": torch.randn(4, 5),
           "loss": "nn.MSELoss(reduction='sum')", "dtype": "float64"}, [x]
    yield {"model": "nn.Sequential(nn.Conv2d(1, 4, 3, padding='same'), nn.BatchNorm2d(4), nn.ReLU(), "
                    "nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 5))", "train": True,
           "as_file": "# a network\nmodel = nn.Sequential(\n  nn.Conv2d(1, 4, 3, padding='same'),\n"
                      "  nn.BatchNorm2d(4), nn.ReLU(),\n  nn.MaxPool2d(2), nn.Flatten(),\n"
                      "  nn.Linear(144, 5),\n)\n",
           "steps": 3, "optimizer": sgd, "target": classes[:2], "loss": "nn.CrossEntropyLoss()"}, [image]
    yield {"model": "nn.Sequential(nn.Linear(3, 8), nn.SiLU(inplace=True), nn.Dropout(0.3, True), "
                    "nn.Linear(8, 5), nn.LeakyReLU(0.2, True))", "train": True, "backward": True,
           "as_file": "import torch.nn as nn\nhidden, p = 4 * 2, 0.3\nact = nn.SiLU(inplace=True)\n"
                      "sizes = [3, hidden, 5]\nlast = nn.LeakyReLU\nmodel = nn.Sequential(\n"
                      "  nn.Linear(sizes[0], hidden), act, nn.Dropout(p, True),\n"
                      "  nn.Linear(hidden, sizes[-1]), last(0.2, True))\n"}, [x]
    yield {"model": "nn.MaxPool2d(2, return_indices=True)", "backward": True,
           "outputs": ["output", "indices"]}, [image]
    learns = {"model": net, "steps": 7, "target": torch.randn(4, 5), "loss": "nn.MSELoss()"}
    yield {**learns, "optimizer": sgd, "clip-norm": 0.3,
           "schedulers": ["lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3)",
                          "lr_scheduler.ExponentialLR(optimizer, gamma=0.8)"]}, [x]
    yield {**learns, "optimizer": sgd, "clip-value": 0.02,
           "schedulers": ["torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=7)"]}, [x]
    yield {**learns, "optimizer": adam, "clip-norm": 0.5, "clip-value": 0.1,
           "schedulers": ["lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.5)"]}, [x]
    lstm = ["output", "h_n", "c_n"]
    yield {"model": "nn.LSTM(3, 6, num_layers=2, batch_first=True)", "backward": True, "outputs": lstm}, \
        [torch.randn(2, 7, 3)]
    yield {"model": "nn.MultiheadAttention(8, 2)", "backward": True, "by_name": True,
           "outputs": ["attn_output", "attn_output_weights"]}, \
        {"query": torch.randn(5, 2, 8), "key": torch.randn(6, 2, 8), "value": torch.randn(6, 2, 8)}
    yield {"model": "nn.Embedding(10, 4, padding_idx=3)", "backward": True}, \
        [torch.randint(10, (3, 5))]
    yield from odd_arguments(x)
    yield from odd_losses()


def odd_arguments(x):
    """What PyTorch takes without a look: anything for true or false, and for what it does not need."""
    for model in ("nn.Linear(3, 5, bias=None)", "nn.Linear(3, 5, bias=0.5)", "nn.LayerNorm(3, eps=True)",
                  "nn.BatchNorm1d(3, affine=(), track_running_stats='yes')"):
        yield {"model": model, "train": True, "backward": True}, [x]
    volume = torch.randn(2, 3, 4)
    for model in ("nn.InstanceNorm1d('any')", "nn.BatchNorm1d((), affine=False, track_running_stats=None)",
                  "nn.ConstantPad1d(2, None)", "nn.MaxPool1d(2, stride=())", "nn.AvgPool1d(2, stride=[])"):
        yield {"model": model, "train": True, "backward": True}, [volume]
    for model in ("nn.LazyLinear(2)", "nn.LazyConv1d(2, 3)"):  # the weights are drawn as complex numbers
        yield {"model": model, "dtype": "complex64", "backward": True}, [torch.randn(2, 3, 4, dtype=torch.cfloat)]


def odd_losses():
    """Targets of another dtype or of fewer dimensions, whole and complex numbers."""
    x, alone = torch.randn(4), torch.tensor(0.3, dtype=torch.float64)
    for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"):
        yield {"model": "nn.Identity()", "loss": f"nn.{name}(reduction='none')", "target": alone}, [x]
    for given, target in ((x, x.double().sigmoid()), (x.double(), x.sigmoid()), (x, x.sigmoid().half())):
        yield {"model": "nn.Identity()", "loss": "nn.BCEWithLogitsLoss()", "target": target}, [given]
    whole, signs = torch.randint(-3, 4, (6,)), torch.tensor([1.0, -1, 1, -1, 1, -1])
    for loss in ("nn.HingeEmbeddingLoss(1.5, reduction='none')", "nn.HingeEmbeddingLoss(2, reduction='sum')"):
        yield {"model": "nn.Identity()", "loss": loss, "target": signs}, [whole]
    both = torch.randn(6, dtype=torch.cfloat)
    for loss in ("nn.SoftMarginLoss()", "nn.PoissonNLLLoss(full=True)", "nn.PoissonNLLLoss(log_input=False)"):
        yield {"model": "nn.Identity()", "loss": loss, "target": signs}, [both]


def check(case, given):
    named = given if isinstance(given, dict) else {"input": given[0]}
    ours = run_ours(case, named)
    copies = {name: value.clone() for name, value in named.items()}
    compare(case, ours, run_torch(case, copies))


if __name__ == "__main__":
    count = 0
    for case, given in cases():
        check(case, given)
        count += 1
    print(count, "runs equal")
