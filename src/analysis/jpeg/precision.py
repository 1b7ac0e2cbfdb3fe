"""The codec's own precision, whatever a program around it has set.

Bit-exactness is a matter of precision: autocast, a module cast to half, another default dtype or
fewer bits in matrix products must not reach the codec's sums.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, cast

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")
Key = TypeVarTuple("Key")


def exact_dtype(device: torch.device) -> torch.dtype:
    """float32 where its matrix products are IEEE, else float64 (a GPU may shorten to TF32)."""
    try:
        ieee = device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # set in both of torch's ways, which then does not tell
        ieee = False
    return torch.float32 if ieee else torch.float64


def once(make: Callable[[*Key], Tensor]) -> Callable[[*Key], Tensor]:
    """Keep the tensors that a function makes, each of them fit for gradients.

    Not what it makes while a program is traced or transformed: that stands for numbers, and a
    later call would get it instead of them.
    """
    kept: dict[Hashable, Tensor] = {}

    @wraps(make)
    def made(*key: *Key) -> Tensor:
        if key not in kept:
            with torch.inference_mode(False):
                tensor = make(*key)
            if not holds_numbers(tensor):
                return tensor
            kept[key] = tensor
        return kept[key]

    return made


def holds_numbers(tensor: Tensor) -> bool:
    """Whether a tensor has memory of its own: none of `torch.func`, `torch.export` or "meta"."""
    try:
        return type(tensor) is Tensor and tensor.device.type != "meta" and tensor.data_ptr() >= 0
    except RuntimeError:
        return False


def in_own_precision(method: Callable[P, R]) -> Callable[P, R]:
    """Run without autocast, and tell in a sentence which transformation cannot follow."""

    @wraps(method)
    def run(*arguments: P.args, **keywords: P.kwargs) -> R:
        if torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call]
            raise RuntimeError(
                "torch.jit.trace would fix the number of pictures without a word: "
                "use torch.export.export, or call the codec as it is"
            )
        tensors = _tensors((*arguments, *keywords.values()))
        device = tensors[0].device.type if tensors else "cpu"
        try:
            if not torch.is_autocast_enabled(device):
                return method(*arguments, **keywords)
            with torch.autocast(device, enabled=False):
                return method(*arguments, **keywords)
        except RuntimeError as error:
            if all(holds_numbers(tensor) for tensor in tensors):
                raise
            raise RuntimeError(
                "the codec takes whole batches that hold numbers: not on 'meta', and not inside "
                "torch.func's transforms (vmap, grad, …); torch.autograd has its gradient"
            ) from error

    return cast(Callable[P, R], run)


def _tensors(values: Any) -> list[Tensor]:
    """Tensors among arguments and within tuples of them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple):
            found += _tensors(value)
    return found
