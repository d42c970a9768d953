"""Runs one module of PyTorch as a test of our blocks wants it."""

import torch
from torch.nn.parameter import UninitializedTensorMixin
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def flat(outputs):
    """The tensors of nested tuples in order, without the None among them."""
    if outputs is None:
        return []
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [tensor for part in outputs for tensor in flat(part)]


def sizes(tensor):
    if isinstance(tensor, UninitializedTensorMixin):
        return ["?"]
    return [str(size) for size in tensor.shape]


def call(module, inputs, keywords):
    """The module's outputs. Our recurrent layers take `lengths`, which in PyTorch means packing
    before and padding after the layer."""
    if isinstance(module, (torch.nn.LSTMCell, torch.nn.GRUCell)):
        first = flat(keywords.get("hx"))[:1]
        if any(state.dim() > inputs[0].dim() for state in first):
            raise RuntimeError("PyTorch 1.13 reads outside its memory here")
    outside = RuntimeError("PyTorch 1.13 reads outside its memory here")
    if isinstance(module, torch.nn.CTCLoss):
        labels, lengths = inputs[1], inputs[3].flatten().tolist()
        if labels.dim() == 2 and labels.shape[0] == len(lengths):
            labels = torch.cat([row[:length] for row, length in zip(labels, lengths)])
        if labels.numel() > 0 and (labels.min() < 0 or labels.max() >= inputs[0].shape[-1]):
            raise outside
    if isinstance(module, torch.nn.MultiMarginLoss) and module.weight is not None:
        target = inputs[1] if len(inputs) > 1 else keywords.get("target")
        if target is not None and target.numel() > 0 and target.max() >= module.weight.numel():
            raise outside
    if isinstance(module, torch.nn.EmbeddingBag) and module.include_last_offset:
        offsets = inputs[1] if len(inputs) > 1 else keywords.get("offsets")
        early = offsets is not None and offsets.numel() > 0 and offsets[-1] < inputs[0].numel()
        if inputs[0].dim() == 2 or early:
            raise RuntimeError("PyTorch 1.13 writes outside its memory here")
    if isinstance(module, torch.nn.LocalResponseNorm):
        # It views its input, which PyTorch cannot for every layout; ours takes all.
        inputs = [leaf.contiguous() for leaf in inputs]
    lengths = keywords.get("lengths")
    if lengths is None or not isinstance(module, torch.nn.RNNBase):
        return module(*inputs, **keywords)
    # With fewer lengths, or states of more sequences, PyTorch takes the first of them.
    batch = inputs[0].shape[0 if module.batch_first else 1]
    states = flat(keywords.get("hx"))
    if lengths.shape != (batch,) or any(state.shape[1:2] != (batch,) for state in states):
        raise RuntimeError("lengths and states must be those of the batch")
    others = {name: value for name, value in keywords.items() if name != "lengths"}
    steps = inputs[0].shape[1 if module.batch_first else 0]
    packed = pack_padded_sequence(inputs[0], lengths, module.batch_first, enforce_sorted=False)
    output, state = module(packed, **others)
    return pad_packed_sequence(output, module.batch_first, total_length=steps)[0], state


def widened(tensor, work):
    """The tensor as the reference sees it; a leaf if it is one."""
    if tensor.is_floating_point() or tensor.is_complex():
        return tensor.detach().to(work)
    return tensor


def mapped(value, change):
    """The same nested lists, tuples and dictionaries with changed tensors."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(item, change) for item in value)
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    return value


def run_block(make, dtype, seed, training, forwards, inputs, keywords, leaves, gradients,
              reference=False, state=()):
    """Everything that can be compared, by name. An error of backward is told in its text alone:
    there are dtypes for which PyTorch has a forward only. With `reference`, what PyTorch gives when
    it computes in float64 from the same numbers, rounded to dtype at the end. `state` replaces the
    first state, except where it has None."""
    wide = dtype in (torch.float32, torch.float64)
    torch.set_default_dtype(dtype if wide else torch.float32)
    torch.manual_seed(seed)
    module = make()
    if not wide:
        module.to(dtype)
    result = {"printed": repr(module)}
    first = module.state_dict()
    result["names"] = "".join(" ".join([key] + sizes(value)) + "; " for key, value in first.items())
    for i, value in enumerate(first.values()):
        if not isinstance(value, UninitializedTensorMixin):
            result[f"first{i}"] = value.clone()
    for value, given in zip(first.values(), state):
        if given is not None:
            value.copy_(given)
    if reference:
        work = torch.complex128 if dtype.is_complex else torch.float64
        module.to(work)
        memo = {}
        change = lambda x: memo.setdefault(id(x), widened(x, work))
        inputs, keywords, leaves, gradients = (
            mapped(part, change) for part in (inputs, keywords, leaves, gradients))
    module.train(training)
    for leaf in leaves.values():
        leaf.requires_grad_()
    for _ in range(forwards):
        fed = inputs
        if getattr(module, "inplace", False):
            # It may not write on a leaf: a product with 1 stands for the layer before.
            fed = [leaf * 1 for leaf in inputs]
        outputs = flat(call(module, fed, keywords))
    if getattr(module, "inplace", False):
        for i, tensor in enumerate(fed):
            result[f"fed{i}"] = tensor
    result["printed after"] = repr(module)
    result["needs"] = "".join("01"[y.requires_grad] for y in outputs)
    for i, y in enumerate(outputs):
        result[f"y{i}"] = y
    for i, value in enumerate(module.state_dict().values()):
        result[f"state{i}"] = value.clone()
    if gradients:
        add_gradients(result, module, outputs, leaves, gradients)
    if reference:
        return mapped(result, lambda x: widened(x, dtype))
    return result


def add_gradients(result, module, outputs, leaves, gradients):
    if isinstance(module, torch.nn.modules.instancenorm._InstanceNorm):
        # PyTorch 1.13 mistakes the order of a gradient whose channels are innermost.
        gradients = [g.contiguous() for g in gradients]
    if isinstance(module, torch.nn.SiLU) and any(y.is_complex() for y in outputs):
        # Out of place it refuses; in place it computes another function's gradient.
        result["backward"] = "SiLU of complex numbers has no gradient"
        return
    pairs = [(y, g) for y, g in zip(outputs, gradients) if y.requires_grad]
    if any(y.shape != g.shape or y.dtype != g.dtype for y, g in pairs):
        return  # comparing the outputs tells of it
    try:
        if pairs:
            torch.autograd.backward([y for y, _ in pairs], [g for _, g in pairs])
    except (RuntimeError, IndexError) as error:
        result["backward"] = str(error)
        return
    result["backward"] = ""
    for i, parameter in enumerate(module.parameters()):
        if parameter.grad is not None:
            result[f"gp{i}"] = parameter.grad
    for name, leaf in leaves.items():
        if leaf.grad is not None:
            result["g" + name] = leaf.grad
