"""What this machine has, and how its memory is held."""

import ctypes
import os
import platform
from contextlib import suppress
from pathlib import Path


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def memory() -> int | None:
    """Bytes of memory of the machine, or of this process's control group where that is less; None where not known."""
    known = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):  # of control groups' version 2, and 1
        with suppress(OSError, ValueError):  # no limit, or no control groups
            known.append(int(Path("/sys/fs/cgroup", limit).read_text()))
    return min(known, default=None)


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
    """Hold what this process frees, blocks of up to 1 GiB, for its next allocations, where the C library is glibc.

    By default large blocks go back to the system at once, and every page of the next one is a fault that the kernel
    fills with zeros: in training, where each step allocates what the last one freed, several per cent of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _KEPT)
        mallopt(_TRIM_THRESHOLD, _KEPT)
