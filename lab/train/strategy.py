"""How a model is laid over devices: whole on each (DDP), or a share of every weight on each (FSDP2).

In: a model, on the meta device where it is to be shared; the devices' mesh. Out: the same model, each block's weights
split by rows over the devices (fully_shard, Zhao et al. 2023), gathered for its forward and backward pass alone; and
activation checkpointing (Chen et al. 2016): a block keeps its input only, and is computed again on the way back.
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
    """A model of its first weights; for the strategy fsdp on the meta device, to be filled when it is shared."""
    with torch.random.fork_rng(devices=[]), torch.device("meta") if params.strategy == "fsdp" else nullcontext():
        torch.manual_seed(params.seed)
        model = Transformer(config)
    if params.strategy != "fsdp":
        scale_initial(model, params)
    if params.activation_checkpointing:
        recompute(model)
    return model


class ShardedTrainingModule(TrainingModule):
    """A TrainingModule whose model, made on the meta device, is shared by the devices; for ModelParallelStrategy."""

    def __init__(self, model: Transformer, *arguments, compiled: bool = False, **more):
        super().__init__(model, *arguments, **more)
        self._compiled = compiled

    def configure_model(self) -> None:
        """Share the model, then fill it: from the checkpoint that `resume` was given, or as the seed says."""
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
        self.model.settle()
        self.loss = self.model.loss
        if self.resumed is None:
            fill(self.model, self.params.seed)
            scale_initial(self.model, self.params)
        else:
            checkpoints.load_weights(self.model, self.resumed["model"])

    def state(self) -> dict:
        """As a TrainingModule's, each device with its share: all devices call it."""
        self.model.reshard()  # a validation leaves norm and head gathered
        return super().state()

    @contextmanager
    def generating(self) -> Iterator[None]:
        """With the weights outside blocks gathered, which else only a whole pass does, in the run's precision, and
        uncompiled: each layer and length would be compiled anew."""
        self.model.unshard()
        with self.trainer.precision_plugin.val_step_context(), torch.compiler.set_stance("force_eager"):
            yield


def recompute(model: Transformer) -> None:
    """Let each block keep only its input for the backward pass, and compute the rest again."""
    for block in model.blocks:
        block.forward = _recomputed(block.forward)


def _recomputed(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def recomputed(*arguments: object) -> Tensor:
        if not torch.is_grad_enabled():
            return forward(*arguments)
        return checkpoint(forward, *arguments, use_reentrant=False)

    return recomputed


def shard(model: Transformer, mesh: DeviceMesh, *, bfloat16: bool, compiled: bool) -> None:
    """Split a model's weights over a mesh: a group a block, one for the embedding, and one for all else.

    The weights stay float32. With `bfloat16` blocks are gathered in bfloat16, in which their products are taken anyhow,
    and gradients are summed in float32. Compiled are the blocks, without the gathering between them.
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
    # The loss reads the head's weight itself, and must find it gathered.
    register_fsdp_forward_method(model, "loss")


@torch.no_grad()
def fill(model: Transformer, seed: int) -> None:
    """The weights that `Transformer(config)` has after `torch.manual_seed(seed)`, in this process's rows of them.

    They are drawn one matrix at a time, so that no more than one is ever whole. Every process draws them all: torch's
    generator can't skip. That is some 15 seconds for each billion weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                with _whole(module):  # torch's own draw when a module is made, which `initialise` then replaces
                    module.reset_parameters()
        for name, module in model.named_modules():
            with _whole(module):
                model.initialise_module(name, module)


@contextmanager
def _whole(module: nn.Module) -> Iterator[None]:
    """A module's own weights whole on the CPU, and afterwards their rows back in their places."""
    shared = dict(module._parameters)
    held = {name: weight for name, weight in shared.items() if weight is not None}
    for name, weight in held.items():
        module._parameters[name] = nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype))
    try:
        yield
        for name, weight in held.items():
            weight.copy_(_rows_of(module._parameters[name].detach().to(weight.device), weight))
    finally:
        module._parameters.update(shared)


def _rows_of(whole: Tensor, like: Tensor) -> Tensor:
    """The part of a tensor that every process has whole, placed as `like` is."""
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)
