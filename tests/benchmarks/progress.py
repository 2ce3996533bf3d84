"""Progress on standard error, so that what a benchmark prints is its result and nothing else."""

import sys
import time

STARTED = time.monotonic()


def report(step: str) -> None:
    """One line: the minutes and seconds since the start, and the step that begins now."""
    minutes, seconds = divmod(round(time.monotonic() - STARTED), 60)
    print(f"{minutes}:{seconds:02}  {step}", file=sys.stderr, flush=True)
