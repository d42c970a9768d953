"""Runs Python code with PyTorch for the tests: one JSON object a line in, one a line out.

In:  {"code": text, "inputs": {name: tensor}, "outputs": [name, ...]}
Out: {"tensors": {name: tensor}, "texts": {name: text}} or {"error": text}
A tensor is {"dtype": "float32", "shape": [...], "data": base64 of the row-major bytes}, going in
perhaps with "strides". Without names of outputs, the dictionary `result` goes out.
"""

import base64
import json
import sys

answers = sys.stdout
sys.stdout = sys.stderr  # what the code prints must not mix with the answers


def answer(value):
    answers.write(json.dumps(value) + "\n")
    answers.flush()


try:
    import warnings

    import numpy as np
    import torch
    from torch import nn, optim
    import torch.nn.functional as F
except ImportError as error:
    answer({"error": f"{error}; install Debian's packages python3-torch and python3-numpy "
                     "(packaging/test.sh does it)"})
    sys.exit(1)

from oracle_blocks import run_block

warnings.simplefilter("ignore")
torch.set_num_threads(1)


def strided(dense, strides):
    """The same numbers in memory as the strides say."""
    if 0 in dense.shape:
        return dense.clone()
    reach = sum((size - 1) * stride for size, stride in zip(dense.shape, strides))
    view = torch.zeros(reach + 1, dtype=dense.dtype).as_strided(dense.shape, strides)
    firsts = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in strides)
    view[firsts].copy_(dense[firsts])
    return view


def to_torch(sent):
    narrow = sent["dtype"] == "bfloat16"
    dtype = "int16" if narrow else sent["dtype"]
    flat = np.frombuffer(base64.b64decode(sent["data"]), dtype=dtype).copy()
    dense = torch.from_numpy(flat).reshape(sent["shape"])
    if narrow:
        dense = dense.view(torch.bfloat16)
    return strided(dense, sent["strides"]) if "strides" in sent else dense


def from_torch(tensor):
    dense = tensor.detach().cpu()
    dense = (dense.to_dense() if dense.is_sparse else dense).resolve_conj().contiguous()
    if dense.dtype == torch.bfloat16:
        dense = dense.view(torch.int16)
    return {"dtype": str(tensor.dtype).split(".")[1], "shape": list(tensor.shape),
            "data": base64.b64encode(dense.numpy().tobytes()).decode()}


def run(request):
    torch.set_default_dtype(torch.float32)
    scope = {"torch": torch, "nn": nn, "optim": optim, "F": F, "np": np, "run_block": run_block}
    for name, sent in request["inputs"].items():
        scope[name] = to_torch(sent)
    exec(compile(request["code"], "<test>", "exec"), scope)
    names = request["outputs"]
    found = {name: scope[name] for name in names} if names else scope.get("result", {})
    tensors, texts = {}, {}
    for name, value in found.items():
        if isinstance(value, torch.Tensor):
            tensors[name] = from_torch(value)
        else:
            texts[name] = str(value)
    return {"tensors": tensors, "texts": texts}


answer({"texts": {"version": torch.__version__}, "tensors": {}})
for line in sys.stdin:
    try:
        answer(run(json.loads(line)))
    except Exception as error:  # the code under test may raise anything
        answer({"error": f"{type(error).__name__}: {error}"})
