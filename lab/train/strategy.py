"""How a model is laid over devices: whole on each (DDP), or with rows of every weight on each (FSDP2).

In: a model, on the meta device where it is to be sharded; the devices' mesh. Out: the same model, each block's weights
split by rows over the devices (fully_shard, Zhao et al. 2023) and gathered only for its forward and backward pass; and
activation checkpointing (Chen et al. 2016): a block keeps its input only, and is computed again in the backward pass.
The initial weights are those that one process makes for the seed, so that the losses are the same.
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
from lab.model import Transformer
from lab.model.config import ModelConfig
from lab.params import TrainParams
from lab.train import checkpoints
from lab.train.module import TrainingModule
from lab.train.mup import scale_initial


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
        """Gather the weights outside blocks, which otherwise only a whole pass does; in the run's precision, and
        uncompiled: each layer and length would be compiled anew."""
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
    """Split a model's weights over a mesh: one group per block, one for the embedding, and one for the rest.

    The weights stay float32. With `bfloat16` blocks are gathered in bfloat16, the type of their products anyhow, and
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
    parameters = dict(module._parameters)
    weights = {name: weight for name, weight in parameters.items() if weight is not None}
    for name, weight in weights.items():
        module._parameters[name] = nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype))
    try:
        yield
        for name, weight in weights.items():
            weight.copy_(_rows_of(module._parameters[name].detach().to(weight.device), weight))
    finally:
        module._parameters.update(parameters)


def _rows_of(whole: Tensor, like: Tensor) -> Tensor:
    """The rows of a whole tensor, the same on every process, placed as `like` is."""
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)
