"""What a tree of processes costs: memory by PSS, wake-ups by context switches."""

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One look at a process and all below it."""

    processes: int
    #: Proportional set size: shared pages counted in shares, so that a sum is honest.
    pss_mb: float
    cpu_seconds: float


def tree(pid: int) -> list[psutil.Process]:
    """Return the process and everything below it."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cost(pid: int) -> Cost:
    """Return what the tree costs now."""
    processes = tree(pid)
    return Cost(
        processes=len(processes),
        pss_mb=sum(process.memory_full_info().pss for process in processes) / 2**20,
        cpu_seconds=sum(sum(process.cpu_times()[:2]) for process in processes),
    )


def wake_ups(pid: int) -> int:
    """Return how often the tree's threads have gone to sleep so far, hence woken up."""
    total = 0
    for process in tree(pid):
        for thread in process.threads():
            status = Path(f"/proc/{process.pid}/task/{thread.id}/status").read_text("ascii")
            lines = dict(line.split(":", 1) for line in status.splitlines())
            total += int(lines["voluntary_ctxt_switches"])
    return total
