"""Runs one module of PyTorch as a test of our blocks wants it."""

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def flat(outputs):
    """The tensors of nested tuples in order, without the None among them."""
    if outputs is None:
        return []
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [tensor for part in outputs for tensor in flat(part)]


def sizes(tensor):
    if isinstance(tensor, torch.nn.UninitializedParameter):
        return ["?"]
    return [str(size) for size in tensor.shape]


def call(module, inputs, keywords):
    """The module's outputs. Our recurrent layers take `lengths`, which in PyTorch means packing
    before and padding after the layer."""
    lengths = keywords.get("lengths")
    if lengths is None or not isinstance(module, torch.nn.RNNBase):
        return module(*inputs, **keywords)
    others = {name: value for name, value in keywords.items() if name != "lengths"}
    steps = inputs[0].shape[1 if module.batch_first else 0]
    packed = pack_padded_sequence(inputs[0], lengths, module.batch_first, enforce_sorted=False)
    output, state = module(packed, **others)
    return pad_packed_sequence(output, module.batch_first, total_length=steps)[0], state


def run_block(make, dtype, seed, training, forwards, inputs, keywords, leaves, gradients):
    """Everything that can be compared, by name. An error of backward is told in its text alone:
    there are dtypes for which PyTorch has a forward only."""
    wide = dtype in (torch.float32, torch.float64)
    torch.set_default_dtype(dtype if wide else torch.float32)
    torch.manual_seed(seed)
    module = make()
    if not wide:
        module.to(dtype)
    result = {"printed": repr(module)}
    state = module.state_dict()
    result["names"] = "".join(" ".join([key] + sizes(value)) + "; " for key, value in state.items())
    for i, value in enumerate(state.values()):
        if not isinstance(value, torch.nn.UninitializedParameter):
            result[f"first{i}"] = value.clone()
    module.train(training)
    for leaf in leaves.values():
        leaf.requires_grad_()
    for _ in range(forwards):
        fed = inputs
        if getattr(module, "inplace", False):
            # It may not write on a leaf: a product with 1 stands for the layer before.
            fed = [leaf * 1 for leaf in inputs]
        outputs = flat(call(module, fed, keywords))
    result["printed after"] = repr(module)
    result["needs"] = "".join("01"[y.requires_grad] for y in outputs)
    for i, y in enumerate(outputs):
        result[f"y{i}"] = y
    for i, value in enumerate(module.state_dict().values()):
        result[f"state{i}"] = value.clone()
    if not gradients:
        return result
    pairs = [(y, g) for y, g in zip(outputs, gradients) if y.requires_grad]
    if any(y.shape != g.shape or y.dtype != g.dtype for y, g in pairs):
        return result  # comparing the outputs tells of it
    try:
        if pairs:
            torch.autograd.backward([y for y, _ in pairs], [g for _, g in pairs])
    except RuntimeError as error:
        result["backward"] = str(error)
        return result
    result["backward"] = ""
    for i, parameter in enumerate(module.parameters()):
        if parameter.grad is not None:
            result[f"gp{i}"] = parameter.grad
    for name, leaf in leaves.items():
        if leaf.grad is not None:
            result["g" + name] = leaf.grad
    return result
