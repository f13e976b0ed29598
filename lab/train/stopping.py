"""Ctrl-C and SIGTERM (preemption, `docker stop`, `kill`) as wishes: the run stops behind a step that is saved.

In: a trainer and its module. Out: `module.asked` is the signal's number, upon which all processes of the run write a
checkpoint behind the same step. A second Ctrl-C ends the process at once.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import lightning

from lab.train.module import TrainingModule

WISHES = (signal.SIGINT, signal.SIGTERM)
SAME_WISH_SECONDS = 1.0  # terminals and SLURM reach every process, and torchrun passes on what it got itself
HINT = b"\ntrain: stopping as soon as this step is saved; Ctrl-C again ends it at once, and loses what is not saved\n"


@contextmanager
def stopping(trainer: lightning.Trainer, module: TrainingModule) -> Iterator[None]:
    """In it, which must be in the main thread, a signal stops the run behind a checkpoint."""
    # Lightning's own handler talks to the other processes, which hangs where they are not at the same step, and its
    # loop has every GPU waited for, at each step, to learn what another process was told.
    trainer._signal_connector.register_signal_handlers = lambda: None
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None
    asked_at = float("inf")

    def ask(number: int, frame: object) -> None:
        nonlocal asked_at
        if number == signal.SIGINT and time.monotonic() - asked_at > SAME_WISH_SECONDS:
            raise KeyboardInterrupt
        if not module.asked:
            module.asked, asked_at = number, time.monotonic()
            if number == signal.SIGINT and trainer.is_global_zero:
                os.write(2, HINT)  # the system's call: Python's own buffer may be in use where the signal fell

    before = {number: signal.signal(number, ask) for number in WISHES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
