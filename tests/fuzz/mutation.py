"""Mutation: good examples are changed, and what is read in a new way joins them."""

import sys
import time
from pathlib import Path
from random import Random

from fuzz.targets import TARGETS
from unit.kernel.mutations import mutated

__all__ = ["main"]

_LONGEST_BYTES = 65_536
_SLOWEST_SECONDS = 1.0


def main(name: str, cases: int, seed: int, folder: Path) -> float:
    """Read so many cases; what breaks a reader is written to the folder.

    Returns:
        Processor seconds of the slowest case.

    Raises:
        AssertionError: a reader broke, or took longer than a second.
    """
    target = TARGETS[name]
    random = Random(f"{seed} {name}")
    slowest = 0.0
    for case in range(cases):
        data = mutated(random.choice(target.seeds), random, random.choice(target.seeds))[:_LONGEST_BYTES]
        before = time.process_time()
        try:
            target.read(data)
            took = time.process_time() - before
            assert took <= _SLOWEST_SECONDS, f"took {took:.1f} s"
        except Exception as error:
            (folder / f"mutation-{name}-{seed}-{case}").write_bytes(data)
            raise AssertionError(f"{name}, seed {seed}, case {case}: {error!r}") from error
        slowest = max(slowest, took)
    return slowest


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
