"""Weights that processes share, each its rows (DTensors of FSDP2), made whole on every process.

In: tensors, shared or not. Out: plain ones. Where they are shared, all processes must call these functions.
"""

from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor


def whole(tensor: Tensor) -> Tensor:
    """The tensor itself, or the gathered one; of a total norm of shared weights, the norm over all devices."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights by name, a shared one once, on the CPU and ready for safetensors."""
    if isinstance(model, FSDPModule):
        model.reshard()  # a validation leaves norm and head gathered
    return {name: whole(weight.detach()).cpu().contiguous() for name, weight in model.named_parameters()}
