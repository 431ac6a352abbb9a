"""Networks of torch as decoders, just as they are: a path asks with arrays, and a network takes tensors of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from manigen.errors import BadInput


class Network:
    """A decoder that belongs to a network: codes (k, d), an array or a tensor, reach it where and as its weights are.

    Asked with a tensor it answers where that was, and torch can go back through the answer; asked with an array it
    remembers nothing. Whether it is in training or in evaluation mode is left to its owner.
    """

    def __init__(self, decode: Callable[[Any], Any]) -> None:
        self.decode = decode
        self.__self__: Any = getattr(decode, "__self__", decode)  # as of a bound method: whose roads are kept

    def __call__(self, z: Any) -> Any:
        import torch

        if not isinstance(z, torch.Tensor):
            with torch.no_grad():
                return self(torch.as_tensor(z))
        own = next(self.__self__.parameters(), z)
        return self.decode(z.to(own.device, own.dtype)).to(z.device, torch.float32)


def decoder_of(generator: Any) -> Callable[[Any], Any]:
    """Return what turns codes into pictures: a generator's `decode`, or what is called itself, be it a torch module."""
    if isinstance(generator, Network):
        return generator
    decode = getattr(generator, "decode", None)
    if not callable(decode):
        decode = generator
    if not callable(decode):
        raise BadInput(
            f"A walk needs a generator with decode(z), or what decodes when called, not {type(generator).__name__}."
        )
    owner, torch = getattr(decode, "__self__", decode), sys.modules.get("torch")
    plain = torch is not None and isinstance(owner, torch.nn.Module) and not hasattr(owner, "decode_batch")
    return Network(decode) if plain else decode
