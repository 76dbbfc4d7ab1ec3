"""``python -m fuzz``: every target, guided and by mutation, each in a process of its own; then a table."""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from fuzz.targets import TARGETS

_PROCESS_SECONDS = 3_600


class _Line(NamedTuple):
    target: str
    way: str
    cases: int
    seconds: float
    detail: str
    broke: str


def _run(target: str, way: str, cases: int, seed: int, folder: Path) -> _Line:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", f"fuzz.{way}", target, str(cases), str(seed), str(folder)],
        capture_output=True, text=True, errors="replace", timeout=_PROCESS_SECONDS, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - began
    if done.returncode:
        return _Line(target, way, cases, seconds, "", "\n".join((done.stdout + done.stderr).splitlines()[-15:]))
    if way == "mutation":
        return _Line(target, way, cases, seconds, f"slowest {float(done.stdout) * 1000:.0f} ms", "")
    told = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", done.stderr)
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    branches, features, corpus = told[-1] if told else ("?", "?", "?")
    detail = f"{branches} branches, {features} features, corpus {corpus}"
    return _Line(target, way, int(executed[1]) if executed else cases, seconds, detail, "")


def main() -> int:
    """Returns 1 if a reader broke."""
    words = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    words.add_argument("--cases", type=int, default=200_000, help="in all, shared by targets and ways")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--targets", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    words.add_argument("--folder", type=Path, help="where corpora and what was found are kept")
    given = words.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="lienthong-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    ways = ["guided", "mutation"] if find_spec("atheris") else ["mutation"]
    if ways == ["mutation"]:
        print("atheris is not installed: by mutation only")
    each = max(1, given.cases // (len(given.targets) * len(ways)))
    broken = total = 0
    for target in given.targets:
        for way in ways:
            line = _run(target, way, each, given.seed, folder)
            total += line.cases
            broken += bool(line.broke)
            print(
                f"{line.target:10} {line.way:9} {line.cases:9,} cases {line.seconds:7.1f} s  {line.detail}", flush=True
            )
            if line.broke:
                print(f"BROKEN, see {folder}:\n{line.broke}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{total:,} cases, {broken} broken; most memory of a process {peak:.0f} MiB; seed {given.seed}, {folder}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
