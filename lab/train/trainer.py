"""Lightning's trainer as the lab uses it: devices, signals, and errors that say what to do.

It writes no files and prints no hints. After Ctrl-C or SIGTERM (preemption, `docker stop`, `kill`) the run saves its
step and ends, all processes at the same step; a second Ctrl-C ends it at once.
"""

import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal

import lightning
import torch
from lightning.pytorch.utilities.memory import is_oom_error

from lab.errors import LabError, ParameterError, Stopped
from lab.machine import keep_freed_memory
from lab.params import TrainParams
from lab.train.data import TokenData
from lab.train.module import TrainingModule
from lab.train.strategy import activation_bytes

SIGNALS = (signal.SIGINT, signal.SIGTERM)
REPEATED_SECONDS = 1.0  # terminals and SLURM signal every process, and torchrun forwards what it got itself
HINT = b"\ntrain: stopping as soon as this step is saved; Ctrl-C again ends it at once, and loses what is not saved\n"


def make_trainer(params: TrainParams) -> lightning.Trainer:
    """Lightning's trainer, without its default files, bars and hints."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    gpus = 0 if params.accelerator == "cpu" or not torch.cuda.is_available() else torch.cuda.device_count()
    bfloat16 = params.precision == "bfloat16" or (
        params.precision == "auto" and gpus > 0 and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    devices, nodes = launched(params)
    strategy = "auto"
    if params.strategy == "fsdp":
        strategy = lightning.pytorch.strategies.ModelParallelStrategy()
    elif params.strategy == "ddp" or nodes > 1 or (gpus if devices == "auto" else devices) > 1:
        strategy = lightning.pytorch.strategies.DDPStrategy(gradient_as_bucket_view=True, broadcast_buffers=False)
    try:
        with _quiet():
            return lightning.Trainer(
                accelerator=params.accelerator,
                devices=devices,
                num_nodes=nodes,
                strategy=strategy,
                precision="bf16-mixed" if bfloat16 else "32-true",
                max_epochs=1,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                use_distributed_sampler=False,
                default_root_dir=".lab",
            )
    except (lightning.fabric.utilities.exceptions.MisconfigurationException, RuntimeError) as error:
        settings = f"train.accelerator '{params.accelerator}', train.devices {params.devices}"
        raise LabError(f"{settings}: {error} Set both to 'auto' to take what there is.") from error


def launched(params: TrainParams) -> tuple[int | Literal["auto"], int]:
    """Devices per node, and nodes: as many as torchrun started processes for, else as the parameters say.

    Raises ParameterError where torchrun and train.devices differ.
    """
    if not torch.distributed.is_torchelastic_launched():
        return params.devices, params.nodes
    per_node, total = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    if params.devices not in ("auto", per_node):
        raise ParameterError(
            f"train.devices: {params.devices}, but torchrun started {per_node} process(es) on this node. Set it to "
            f"'auto', or --nproc-per-node to {params.devices}."
        )
    return per_node, total // per_node


def fit(trainer: lightning.Trainer, module: TrainingModule, data: TokenData) -> None:
    """Train until the budget is spent. Raises KeyboardInterrupt or Stopped where a signal ended the run after a
    checkpoint, LabError where memory, another process or torch.compile fails."""
    if on_cpu := trainer.strategy.root_device.type == "cpu":
        keep_freed_memory()
    try:
        deterministic = _deterministic() if on_cpu else nullcontext()
        with _quiet(), torch.random.fork_rng(devices=[]), deterministic, _stopping(trainer, module):
            trainer.fit(module, datamodule=data)
    except SystemExit:
        # Lightning turns Ctrl-C into exit status 1; the stage has its own message.
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    except RuntimeError as error:
        if is_oom_error(error):
            raise LabError(_out_of_memory(module)) from error
        reason = " ".join(str(error).split())[:300]
        if "by peer" in str(error) or isinstance(error, torch.distributed.DistBackendError):
            raise LabError(
                f"step {module.step + 1}: another process of this run is gone; look for its error above, or in its "
                f"node's log. Finished checkpoints are kept: start again to go on. Message: {reason}"
            ) from error
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise LabError(f"train.compile: torch.compile failed; set it to 'off'. Message: {reason}") from error
        raise
    if module.stopped and not trainer.is_global_zero:
        # torchrun takes status 0 for a finished run, and restarts processes that end with another.
        sys.exit(128 + module.stopped if torch.distributed.is_torchelastic_launched() else 0)
    if module.stopped == signal.SIGINT:
        raise KeyboardInterrupt
    if module.stopped:
        raise Stopped(f"stopped by SIGTERM after step {module.step}, which is saved: `dvc repro` goes on from there.")


@contextmanager
def _stopping(trainer: lightning.Trainer, module: TrainingModule) -> Iterator[None]:
    """In the main thread: a signal sets `module.asked`, and the run ends after its next checkpoint."""
    # Lightning's own handler talks to the other processes, which hangs where they are not at the same step, and its
    # loop waits for every GPU at each step to learn whether another process was signalled.
    trainer._signal_connector.register_signal_handlers = lambda: None
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None
    asked_at = float("inf")

    def ask(number: int, frame: object) -> None:
        nonlocal asked_at
        if number == signal.SIGINT and time.monotonic() - asked_at > REPEATED_SECONDS:
            raise KeyboardInterrupt
        if not module.asked:
            module.asked, asked_at = number, time.monotonic()
            if number == signal.SIGINT and trainer.is_global_zero:
                os.write(2, HINT)  # not print: Python's own buffer may be in use where the signal arrived

    handlers = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _deterministic() -> Iterator[None]:
    """Bit-equal results; without torch's filling of every new tensor, which only reveals errors of torch itself."""
    settings = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]


def _out_of_memory(module: TrainingModule) -> str:
    micro, context = module.layout.micro_batch, module.layout.context
    ways = [f"Lower train.micro_batch from {micro} to {micro // 2}: the batch stays the same, in more pieces"]
    if micro == 1:
        ways = [f"Lower model.context ({context}) or the model's size, as train.micro_batch is 1 already"]
    if not module.params.activation_checkpointing:
        config, on_cpu = module.model.config, module.device.type == "cpu"
        number_bytes = 2 if str(module.trainer.precision).startswith("bf16") else 4
        kept, fewer = (
            activation_bytes(config, number_bytes, checkpointing=on, on_cpu=on_cpu)
            * config.layers
            * (micro * context / 2**20)
            for on in (False, True)
        )
        ways.append(
            f"set train.activation_checkpointing to true: the blocks' activations take about {fewer:,.1f} MiB, not "
            f"{kept:,.1f} MiB, for a third more computing"
        )
    if module.layout.devices > 1 and module.params.strategy != "fsdp":
        ways.append("set train.strategy to fsdp: each device then holds its share of weights and optimiser state")
    return f"step {module.step + 1}: out of memory with {micro} x {context} tokens at once. {'; or '.join(ways)}."


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's hints."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        warnings.filterwarnings("ignore", message=r".*(lightning|dataloader|litlogger|pkg_resources).*")
        # Norms of a block that FSDP gathers in bfloat16; compiled, they are fused all the same.
        warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")
        yield


def peak_flops(trainer: lightning.Trainer) -> float:
    """FLOP/s of a large matrix product on this device in the run's precision, times the devices."""
    device = trainer.strategy.root_device
    size = 1024 if device.type == "cpu" else 8192
    dtype = torch.bfloat16 if trainer.precision.startswith("bf16") else torch.float32
    matrix = torch.ones(size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(5):
        started = time.monotonic()
        (matrix @ matrix)[0, 0].item()
        best = min(best, time.monotonic() - started)
    return 2 * size**3 / best * trainer.world_size
