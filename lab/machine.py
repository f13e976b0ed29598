"""What this machine has, and how the C library manages its memory."""

import ctypes
import os
import platform
from contextlib import suppress
from pathlib import Path


def cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's name, as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def memory() -> int | None:
    """Bytes of memory: the machine's, or the limit of this process's control group if lower; None if unknown."""
    limits = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in ("memory.max", "memory/memory.limit_in_bytes"):  # of control groups' version 2, and 1
        with suppress(OSError, ValueError):  # no limit, or no control groups
            limits.append(int(Path("/sys/fs/cgroup", file).read_text()))
    return min(limits, default=None)


def gpus() -> list[tuple[str, int | None]]:
    """Name and bytes of memory (None: shared with the processor) of each GPU that torch can use."""
    try:
        import torch
    except ImportError:
        return []
    if torch.cuda.is_available():
        devices = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
        return [(device.name, device.total_memory) for device in devices]
    return [("Apple GPU (mps)", None)] if torch.backends.mps.is_available() else []


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_KEPT = 1 << 30  # bytes


def keep_freed_memory() -> None:
    """Keep freed blocks of up to 1 GiB for later allocations of this process (glibc only).

    By default large blocks are returned to the system at once, and each page of the next one is a fault: several per
    cent of the time in training, where each step allocates what the last one freed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _KEPT)
        mallopt(_TRIM_THRESHOLD, _KEPT)
