"""The training step as a Lightning module: one call is one optimiser step with all its micro-batches.

Optimisation is Lightning's "manual" kind, so that accumulation, clipping, validation and checkpoints fall on step
boundaries only, and a step is the same computation whether or not the run was resumed before.
"""

import math
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import lightning
import torch
from torch import nn

from lab.errors import LabError
from lab.model import Transformer
from lab.params import TrainParams
from lab.tracking import Measured
from lab.train import details
from lab.train.batches import BatchPlan
from lab.train.checkpoints import load_optimizer
from lab.train.optim import Budget, learning_rate, make_optimizers, set_rates
from lab.train.spikes import WHAT_TO_DO, SpikeRule
from lab.train.stored import whole

CURVE_ROWS = 2000  # at most, about
VOCABULARY_MULTIPLE = 128  # rows of the head whose products are fast on GPUs (as in nanoGPT)
STEPS_PER_READING = {"cpu": 1}
STEPS_PER_READING_ELSEWHERE = 10  # reading a loss waits for the GPU


class TrainingModule(lightning.LightningModule):
    """A model under training. `step`: steps so far. `state` and `resume` carry everything over a restart."""

    def __init__(
        self,
        model: Transformer,
        params: TrainParams,
        layout: BatchPlan,
        budget: Budget,
        *,
        compiled: bool = False,
        separator: int | None = None,
    ):
        """`compiled`: through torch.compile; `separator`: the token that begins a document, for document_mask."""
        super().__init__()
        self.automatic_optimization = False
        self.model, self.params, self.layout, self.budget = model, params, layout, budget
        self.loss = torch.compile(model.loss) if compiled else model.loss
        self.separator = separator if params.document_mask else None
        self.step = 0
        self.curve: list[list] = []  # rows of step, tokens, loss, validation loss, learning rate; None: not known
        self.details: list[dict[str, float]] = []  # per validated step: step, tokens, loss and Measured.details
        self.watchers: list[Callable[[Measured], None]] = []
        self.on_checkpoint = self.on_milestone = lambda: None  # milestone: train.evaluate_every steps but the last
        self.read_every: int | None = None  # steps after which watchers get their row with its step's weights
        self.asked = 0  # the signal by which this process was asked to stop
        self.stopped = 0  # the signal after which the run ended at a checkpoint, before its budget was spent
        self.spikes = SpikeRule(params)
        self._unread: list[tuple[torch.Tensor, torch.Tensor, float, int]] = []
        self._norms: dict[str, torch.Tensor] = {}
        self.resumed: dict | None = None  # the state to resume from, until the optimisers have read it
        self._elapsed_before = 0.0
        self._started: float | None = None
        self._window = 0.0

    def state(self) -> dict:
        """Everything that the next steps depend on: tensors and plain values only."""
        return {
            "step": self.step,
            "elapsed": self.elapsed(),
            "curve": list(self.curve),
            "spikes": self.spikes.state(),
            "details": list(self.details),
            "model": {name: weight.detach() for name, weight in self.model.named_parameters()},
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers()],
        }

    def resume(self, state: dict) -> None:
        """Continue from what `state` returned, as lab.train.stored reads it; call it before fitting."""
        self.step, self.curve, self._elapsed_before = state["step"], list(state["curve"]), state["elapsed"]
        self.details, self.resumed = list(state["details"]), state
        self.spikes.resume(state["spikes"])

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        optimizers = make_optimizers(self.model, self.params)
        if self.resumed is not None:
            for optimizer, state in zip(optimizers, self.resumed["optimizers"], strict=True):
                load_optimizer(optimizer, state)
            self.resumed = None
        return optimizers

    def on_train_start(self) -> None:
        self._started = self._window = time.monotonic()

    def training_step(self, batch: torch.Tensor, number: int) -> None:
        """One optimiser step on this device's sequences [sequences_per_device, context + 1]."""
        # 1. Set the step's learning rates and seed.
        # 2. Add up the gradients of the micro-batches; devices exchange them with the last one.
        # 3. Before a validation measure norms by group; clip; average the loss over the devices.
        # 4. Step, unless it is a spike. Loss and norm stay on the device until `_read`.
        share = self.budget.share(self.step, self._clock(), self.params.warmup_steps)
        rate = learning_rate(self.step, share, self.params)
        set_rates(self._optimizers(), rate)
        # Seeded by the step, so that a resumed run drops the same units without saving a generator's state.
        torch.manual_seed((self.params.seed * 1_000_003 + self.step) * self.layout.devices + self.global_rank)
        pieces = batch.split(self.layout.micro_batch_of(len(batch)))
        total = torch.zeros((), device=batch.device)
        for index, piece in enumerate(pieces):
            with self._without_sync() if index + 1 < len(pieces) else nullcontext():
                # Pieces are of equal size and all their tokens are targets, however long the documents: the mean of
                # their means is the batch's.
                loss = self._loss(piece, self.params.z_loss) / len(pieces)
                self.manual_backward(loss)
            total += loss.detach()
        if (self.step + 1) % self.params.validate_every == 0 or self.step + 1 == self.budget.steps:
            self._norms = details.norms(self.model)
        norm = whole(nn.utils.clip_grad_norm_(self.model.parameters(), self.params.gradient_clip or math.inf))
        loss, norm = self._over_devices(total) / self.layout.devices, norm.detach()
        steps = self._may_step(loss, norm)
        for optimizer in self._optimizers(wrapped=True):
            if steps:
                optimizer.step()
            optimizer.zero_grad()
        self._unread.append((loss, norm, rate, self.spikes.skipped))

    def on_train_batch_end(self, outputs: object, batch: torch.Tensor, number: int) -> None:
        # 1. Decide what is due after this step: validation, checkpoint, reading the losses, the end.
        # 2. Learn whether any process was asked to stop; then this step is saved and is the last.
        # 3. Read, and validate within it; then the milestone, then the checkpoint: a run that is resumed from this
        #    checkpoint does not write the milestone again.
        # 4. Leave that time out of the speed of the next steps.
        self.step += 1
        finished = self._finished()
        validate = finished or self.step % self.params.validate_every == 0
        save = finished or self.step % self.params.checkpoint_every == 0 or (validate and self.params.export == "best")
        full = len(self._unread) >= STEPS_PER_READING.get(self.device.type, STEPS_PER_READING_ELSEWHERE)
        due = self.read_every is not None and self.step % self.read_every == 0
        read = validate or save or due or full
        self.stopped = 0 if finished else self._asked(read)
        save = save or self.stopped != 0
        if read or save:
            self._read(validate)
        every = self.params.evaluate_every
        if milestone := every is not None and self.step % every == 0 and not finished:
            self.on_milestone()
        if save:
            self.on_checkpoint()
        if validate or save or milestone:
            self._window = time.monotonic()
        if finished or self.stopped:
            self.trainer.should_stop = True

    def elapsed(self) -> float:
        """Seconds of training and validation, including those before a restart."""
        return self._elapsed_before + (time.monotonic() - self._started if self._started is not None else 0.0)

    def tokens(self, steps: int) -> int:
        """Tokens of the first `steps` steps, over all devices."""
        return self.layout.sequences_before(steps) * self.layout.context

    def generating(self) -> AbstractContextManager:
        """A context in which the model's layers can be called one by one, as lab.model.generate does."""
        return nullcontext()

    def validation_loss(self) -> tuple[float, dict[str, float]]:
        """Mean loss over the validation sequences of all devices, nats per token, and Measured.details."""
        data = self.trainer.datamodule
        names = data.source_names
        total = torch.zeros(2, device=self.device, dtype=torch.float64)
        by_source = total.new_zeros(2, len(names))
        self.model.eval()
        with torch.no_grad(), self.trainer.precision_plugin.val_step_context():
            for batch, counted, sources in data.validation_batches():
                losses = None if sources is None else torch.empty(sources.numel(), device=self.device)
                loss = self._loss(batch.to(self.device), losses=losses)
                total += torch.stack([loss.double() * counted, torch.tensor(counted, device=self.device)])
                if sources is not None:
                    by_source += details.totals_by_source(losses, sources, names)
        self.model.train()
        summed, count = self._over_devices(total).tolist()
        sources = details.means_by_source(self._over_devices(by_source), names) if names else {}
        norms = {name: norm.item() for name, norm in self._norms.items()}
        finite = {name: norm for name, norm in norms.items() if math.isfinite(norm)}  # as a spike's may not be
        self._norms = {}
        return summed / count, sources | finite | details.rates(self._optimizers())

    def _loss(self, sequences: torch.Tensor, z_loss: float = 0.0, losses: torch.Tensor | None = None) -> torch.Tensor:
        """Mean nats per token of sequences [sequences, context + 1]; `losses` is filled with those of every token."""
        inputs, targets = sequences[:, :-1].contiguous(), sequences[:, 1:].contiguous()
        documents = None if self.separator is None else self.model.documents(inputs, self.separator)
        pad = self.params.pad_vocabulary
        pad_to = VOCABULARY_MULTIPLE if pad == "on" or (pad == "auto" and self.device.type != "cpu") else 1
        return self.loss(inputs, targets, z_loss, documents, losses=losses, pad_to=pad_to)

    def _may_step(self, loss: torch.Tensor, norm: torch.Tensor) -> bool:
        """Whether this step is no spike; the same on all devices, as both figures are."""
        if self.params.on_spike == "none":
            return True  # without reading them, which would wait for a GPU
        spike = self.spikes.reason(self.step + 1, loss.item(), norm.item())
        if spike is not None and self.trainer.is_global_zero:
            print(f"train: step {self.step + 1} is skipped: {spike}", file=sys.stderr, flush=True)
        return spike is None

    def _read(self, validate: bool) -> None:
        """Turn the losses that are still on the device into rows; LabError where one is no number."""
        first = self.step - len(self._unread) + 1
        readings = [(loss.item(), norm.item(), rate, skipped) for loss, norm, rate, skipped in self._unread]
        seconds = time.monotonic() - self._window
        self._window += seconds
        speed = (self.tokens(self.step) - self.tokens(first - 1)) / max(seconds, 1e-9)
        self._unread = []
        for step, (loss, norm, rate, skipped) in enumerate(readings, first):
            if self.params.on_spike == "none" and not (math.isfinite(loss) and math.isfinite(norm)):
                raise LabError(
                    f"step {step}: the loss is {loss} and the gradient's norm {norm}. The last checkpoint before it is "
                    f"kept; {WHAT_TO_DO}."
                )
            validation, by_name = self.validation_loss() if validate and step == self.step else (None, {})
            row = Measured(step, self.tokens(step), loss, rate, norm, validation, skipped, speed, by_name)
            if by_name:
                self.details.append({"step": step, "tokens": row.tokens, "validation_loss": validation, **by_name})
            if validation is not None or (step - 1) % max(1, (self.budget.steps or 0) // CURVE_ROWS) == 0:
                number = loss if math.isfinite(loss) else None
                self.curve.append([row.step, row.tokens, number, row.validation_loss, row.learning_rate])
            for watcher in self.watchers:
                watcher(row)

    def _optimizers(self, *, wrapped: bool = False) -> list:
        """All optimisers; `wrapped`: as Lightning steps them, in the run's precision."""
        optimizers = self.optimizers(use_pl_optimizer=wrapped)
        return optimizers if isinstance(optimizers, list) else [optimizers]

    def _finished(self) -> bool:
        return self.budget.finished(self.step, self._clock())

    def _clock(self) -> float:
        """The first device's seconds, for all, as they must end at the same step; 0 for a budget in tokens."""
        return self.trainer.strategy.broadcast(self.elapsed()) if self.budget.seconds else 0.0

    def _asked(self, reads: bool) -> int:
        """The signal by which any process was asked to stop. Several processes exchange it only where losses are read,
        at the same steps, since that waits for the device anyway."""
        if self.layout.devices == 1:
            return self.asked
        return int(self._over_devices(torch.tensor(self.asked, device=self.device), "MAX")) if reads else 0

    def _over_devices(self, value: torch.Tensor, how: Literal["SUM", "MAX"] = "SUM") -> torch.Tensor:
        """In place. Lightning's `reduce` would first have all processes, and so each GPU, wait for one another."""
        if self.layout.devices > 1:
            torch.distributed.all_reduce(value, getattr(torch.distributed.ReduceOp, how))
        return value

    def _without_sync(self) -> AbstractContextManager:
        """Gradients of all but the last micro-batch stay on their device; not where weights are sharded, since whole
        gradients would have to be held."""
        strategy = self.trainer.strategy
        return strategy.block_backward_sync() if hasattr(strategy, "block_backward_sync") else nullcontext()
