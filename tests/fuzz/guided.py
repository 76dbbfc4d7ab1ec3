"""Guided by coverage: atheris keeps what reaches new code and changes that."""

import gc
import sys
from pathlib import Path
from types import FunctionType

import atheris

__all__ = ["main"]

_LONGEST_BYTES = 16_384
_MOST_MEMORY_MIB = 2_048


def main(name: str, cases: int, seed: int, folder: Path) -> None:
    """Read so many cases; atheris ends the process, with a code other than 0 if a reader broke.

    Bounds: a second a case, 2 GiB of memory, 16 KiB of input.
    """
    with atheris.instrument_imports(include=["lienthong"]):
        from fuzz.targets import TARGETS
    # The readers that are compiled from schemas were never imported.
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == "<string>" and one.__name__ == "read":
            atheris.instrument_func(one)
    target = TARGETS[name]
    corpus = folder / f"corpus-{name}"
    corpus.mkdir(exist_ok=True)
    for number, value in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(value)

    def once(data: bytes) -> None:
        target.read(data)

    words = [
        sys.argv[0], str(corpus), f"-atheris_runs={cases}", f"-seed={seed}", f"-max_len={_LONGEST_BYTES}", "-timeout=1",
        f"-rss_limit_mb={_MOST_MEMORY_MIB}", f"-artifact_prefix={folder}/guided-{name}-", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup(words, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
