"""How a model is laid over devices, whole on each (DDP) or with rows of every weight on each (FSDP2), and its memory.

With FSDP2 (Zhao et al. 2023) each block's weights are gathered only for its forward and backward pass; the initial ones
are those that one process makes for the seed, so that the losses are the same. With activation checkpointing (Chen et
al. 2016) a block keeps its input only, and is computed again in the backward pass.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils.checkpoint import checkpoint

from lab.errors import LabError
from lab.machine import memory
from lab.model import Transformer
from lab.model.attention import attention_weight_bytes
from lab.model.config import ModelConfig
from lab.params import TrainParams
from lab.train import checkpoints
from lab.train.module import TrainingModule
from lab.train.mup import scale_initial

STREAM = 4  # bytes of a number in the residual stream, which stays float32
WEIGHT = 4  # bytes of a weight; its gradient takes as many, and each moment of an optimiser
GIBIBYTE = 1 << 30


def make_model(config: ModelConfig, params: TrainParams) -> Transformer:
    """A model with its initial weights; for the strategy fsdp on the meta device, to be filled when it is sharded."""
    with torch.random.fork_rng(devices=[]), torch.device("meta") if params.strategy == "fsdp" else nullcontext():
        torch.manual_seed(params.seed)
        model = Transformer(config)
    if params.strategy != "fsdp":
        scale_initial(model, params)
    if params.activation_checkpointing:
        recompute(model)
    return model


class ShardedTrainingModule(TrainingModule):
    """A TrainingModule whose model, made on the meta device, is sharded over devices; for ModelParallelStrategy."""

    def __init__(self, model: Transformer, *arguments, compiled: bool = False, **options):
        super().__init__(model, *arguments, **options)
        self._compiled = compiled

    def configure_model(self) -> None:
        """Shard the model, then fill it: from the checkpoint given to `resume`, or by the seed."""
        if isinstance(self.model, FSDPModule):
            return
        steps = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(steps, self.step)
        if len(set(steps)) > 1:
            raise LabError(
                f"processes found checkpoints of different steps: {', '.join(map(str, steps))}. All nodes must share "
                f"the project's folder, and {checkpoints.WORK} in it."
            )
        bfloat16 = self.trainer.precision.startswith("bf16")
        device = self.trainer.strategy.root_device
        mesh = init_device_mesh(device.type, (self.trainer.world_size,))
        shard(self.model, mesh, bfloat16=bfloat16, compiled=self._compiled)
        self.model.to_empty(device=device)
        self.model.tie_and_fill()
        self.loss = self.model.loss
        if self.resumed is None:
            fill(self.model, self.params.seed)
            scale_initial(self.model, self.params)
        else:
            checkpoints.load_weights(self.model, self.resumed["model"])

    def state(self) -> dict:
        """As a TrainingModule's, with this device's rows of the weights: all devices call it."""
        self.model.reshard()  # a validation leaves norm and head gathered
        return super().state()

    @contextmanager
    def generating(self) -> Iterator[None]:
        """Gather the weights outside blocks, in the run's precision, and uncompiled: each length would be anew."""
        self.model.unshard()
        with self.trainer.precision_plugin.val_step_context(), torch.compiler.set_stance("force_eager"):
            yield


def recompute(model: Transformer) -> None:
    """Let each block keep only its input for the backward pass and compute the rest again."""
    for block in model.blocks:
        block.forward = _recomputed(block.forward)


def _recomputed(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def recomputed(*arguments: object) -> Tensor:
        if not torch.is_grad_enabled():
            return forward(*arguments)
        return checkpoint(forward, *arguments, use_reentrant=False)

    return recomputed


def shard(model: Transformer, mesh: DeviceMesh, *, bfloat16: bool, compiled: bool) -> None:
    """Split a model's weights over a mesh, block by block; the weights stay float32.

    With `bfloat16` blocks are gathered in bfloat16, the type of their products anyhow, and
    gradients are summed in float32. `compiled` compiles the blocks, without the gathering between them.
    """
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if bfloat16 else None, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for block in model.blocks:
        if compiled:
            block.forward = torch.compile(block.forward)
        fully_shard(block, mesh=mesh, mp_policy=policy)
    if not model.config.tied_embeddings:
        fully_shard(model.embedding, mesh=mesh)
    fully_shard(model, mesh=mesh)
    # The loss reads the head's weight, which must be gathered then.
    register_fsdp_forward_method(model, "loss")


@torch.no_grad()
def fill(model: Transformer, seed: int) -> None:
    """Set this process's rows of the weights that `Transformer(config)` has after `torch.manual_seed(seed)`.

    They are drawn one matrix at a time, so that at most one is whole. Every process draws them all, as torch's
    generator can't skip: about 15 seconds per billion weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                with _whole(module):  # torch's own draw in the constructor, which `initialise` replaces
                    module.reset_parameters()
        for name, module in model.named_modules():
            with _whole(module):
                model.initialise_module(name, module)


@contextmanager
def _whole(module: nn.Module) -> Iterator[None]:
    """Put a module's own weights whole on the CPU; afterwards copy their rows back into the sharded ones."""
    weights = {name: weight for name, weight in module._parameters.items() if weight is not None}
    for name, weight in weights.items():
        module._parameters[name] = nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype))
    try:
        yield
        for name, weight in weights.items():
            whole = module._parameters[name].detach().to(weight.device)
            if isinstance(weight, DTensor):  # every process has drawn the same
                whole = distribute_tensor(whole, weight.device_mesh, weight.placements, src_data_rank=None)
            weight.copy_(whole)
    finally:
        module._parameters.update(weights)


def check_weights_fit(config: ModelConfig, moments: int, *, on_cpu: bool) -> None:
    """LabError where this machine can't hold the whole model, where the system would kill the run.

    A model is made on the CPU first; trained there, it also needs its gradient and `moments` of the optimiser.
    """
    needed, available = WEIGHT * config.parameters() * (2 + moments if on_cpu else 1), memory()
    if available is not None and needed > available:
        what = "weights, gradients and optimiser state" if on_cpu else "weights"
        raise LabError(
            f"model: {what} of {config.parameters():,} parameters take {needed / GIBIBYTE:,.0f} GiB, and this machine "
            f"has {available / GIBIBYTE:,.0f} GiB of memory. Choose a smaller model.preset, lower model.layers or "
            "model.width, or set train.strategy to fsdp on several devices."
        )


def activation_bytes(config: ModelConfig, number_bytes: int, *, checkpointing: bool, on_cpu: bool = False) -> int:
    """Bytes per token and layer that operations save for their gradients (Korthikanti et al. 2022, section 4.1).

    `number_bytes`: of a number in matrix products, 2 for bfloat16. Attention saves no scores, as in its fused kernels,
    but on CPUs the weights that lab.model.attention keeps.

    >>> llama = ModelConfig.preset("llama3-8b")
    >>> activation_bytes(llama, 2, checkpointing=False) // activation_bytes(llama, 2, checkpointing=True)
    11
    """
    if checkpointing:
        return STREAM * config.width
    keys_and_values = 2 * config.kv_heads * config.head_width
    # Inputs of both norms; their outputs, in the type of the products.
    around = 2 * config.width * (STREAM + number_bytes)
    # Queries, keys, values, and the mixed values, twice: once laid out for the output product.
    attention = (3 * config.width + keys_and_values) * number_bytes
    if on_cpu:
        attention += attention_weight_bytes(config.heads, config.context, number_bytes)
    # Up and its activation; of SwiGLU gate, its activation, up and their product.
    feedforward = (4 if config.activation == "swiglu" else 2) * config.ffn * number_bytes
    return around + attention + feedforward
