"""`python -m simulation`: many worlds, one after the other, until one of them breaks a promise."""

import argparse
import sys
import time
from collections import Counter
from contextlib import nullcontext
from hashlib import sha256

from simulation.bugs import BUGS
from simulation.world import Outcome, run_world

_TELL_SECONDS = 10.0


def main() -> int:
    """Run worlds; 0 if all held, 1 if one did not."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--worlds", type=int, default=100, help="how many, with the seeds from SEED on")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first")
    parser.add_argument("--tail", type=int, default=80, help="how many lines of a broken world's history are shown")
    parser.add_argument("--trace", action="store_true", help="show the whole history of every world")
    parser.add_argument("--go-on", action="store_true", help="go on after a violation")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant this bug first, to see it caught")
    given = parser.parse_args()

    began = told = time.monotonic()
    total, all_digests, broken, documents = Counter[str](), sha256(), 0, 0
    done = 0
    with BUGS[given.bug]() if given.bug else nullcontext():
        for seed in range(given.seed, given.seed + given.worlds):
            outcome = run_world(seed, tail=sys.maxsize if given.trace else given.tail)
            done += 1
            documents += outcome.documents
            total.update(outcome.counts)
            all_digests.update(outcome.digest.encode())
            if given.trace:
                print("\n".join(outcome.tail))
            if outcome.violations:
                broken += 1
                _show(outcome, given.bug, traced=given.trace)
                if not given.go_on:
                    break
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                print(f"{done} worlds, {documents} documents, {told - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    print(
        f"{done} worlds with {documents} documents in {seconds:.0f} s, {60 * done / seconds:.0f} a minute;"
        f" worlds that broke a promise: {broken}"
    )
    print("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(total.items())))
    print(f"digest of all histories: {all_digests.hexdigest()}")
    return 1 if broken else 0


def _show(outcome: Outcome, bug: str | None, *, traced: bool) -> None:
    if not traced:
        print("\n".join(outcome.tail))
    print(f"seed {outcome.seed} breaks a promise:")
    for violation in outcome.violations:
        print(f"  {violation}")
    planted = f" --bug {bug}" if bug else ""
    print(f"again: PYTHONPATH=tests python -m simulation --worlds 1 --seed {outcome.seed}{planted} --trace", flush=True)


if __name__ == "__main__":
    sys.exit(main())
