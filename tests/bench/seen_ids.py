"""What an envelope id takes in a dict and in `SeenIds`: resident memory, and processor time to add one.

``PYTHONPATH=services:tests .venv/bin/python -m bench.seen_ids [ids]``, Linux. Each in a process of its own.
"""

import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lienthong.kernel.seen_ids import SeenIds

_IDS = 1_000_000
_ID_BYTES = 32


def _adder(kind: str) -> Callable[[bytes, int], bool]:
    if kind == "dict":
        seen: dict[bytes, int] = {}
        return lambda one, position: seen.setdefault(one, position) == position
    return SeenIds(positions=kind == "ids with positions").add


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(kind: str, count: int) -> dict[str, object]:
    """Add so many ids that were made on the way, and say what one took; making it is taken out of the time."""
    draw = random.Random(1).randbytes
    begin = time.process_time()
    for _ in range(count):
        draw(_ID_BYTES)
    making = time.process_time() - begin
    add = _adder(kind)
    before, begin = _resident(), time.process_time()
    for position in range(count):
        add(draw(_ID_BYTES), position)
    seconds = time.process_time() - begin - making
    taken = _resident() - before
    return {
        "kind": kind,
        "ids": count,
        "bytes_an_id": round(taken / count, 1),
        "processor_us_an_id": round(seconds / count * 1e6, 2),
    }


def main() -> None:
    """Print a line of JSON for each kind."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _IDS
    for kind in ("dict", "ids", "ids with positions"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            sys.stdout.write(json.dumps(pool.apply(measure, (kind, count))) + "\n")


if __name__ == "__main__":
    main()
