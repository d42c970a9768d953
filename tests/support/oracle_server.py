"""Runs Python code with PyTorch for the tests: one JSON object a line in, one a line out.

In:  {"code": text, "inputs": {name: tensor}, "outputs": [name, ...]}
Out: {"tensors": {name: tensor}, "texts": {name: text}} or {"error": text}
A tensor is {"dtype": "float32", "shape": [...], "data": base64 of the row-major bytes}.
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

warnings.simplefilter("ignore")
torch.set_num_threads(1)


def to_torch(sent):
    flat = np.frombuffer(base64.b64decode(sent["data"]), dtype=sent["dtype"]).copy()
    return torch.from_numpy(flat).reshape(sent["shape"])


def from_torch(tensor):
    array = tensor.detach().cpu().contiguous().numpy()
    return {"dtype": str(tensor.dtype).split(".")[1], "shape": list(tensor.shape),
            "data": base64.b64encode(array.tobytes()).decode()}


def run(request):
    torch.set_default_dtype(torch.float32)
    scope = {"torch": torch, "nn": nn, "optim": optim, "F": F, "np": np}
    for name, sent in request["inputs"].items():
        scope[name] = to_torch(sent)
    exec(compile(request["code"], "<test>", "exec"), scope)
    tensors, texts = {}, {}
    for name in request["outputs"]:
        value = scope[name]
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
