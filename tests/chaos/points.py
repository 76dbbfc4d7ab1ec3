"""Kill -9 at every point, one after the other: ``python -m chaos.points``. Then: did every promise hold?"""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from chaos.campaign import drain, judged, say
from chaos.checker import Violation
from chaos.doomed import CLIENT_POINTS, SERVICE_POINTS, Point
from chaos.history import History
from chaos.processes import Managed
from chaos.rig import AGENCIES, SERVICES, Rig

__all__ = ["ALL", "Doom", "kill_at_every_point"]

_NTH = 3
_DIES_SECONDS = 40.0
_LOOK_SECONDS = 0.05
_DOOMED_AGENCY = AGENCIES[1]


class Doom(NamedTuple):
    """One process and the point at which it dies."""

    process: str
    point: Point

    def __str__(self) -> str:
        return f"{self.process} at {self.point.name}"


ALL = tuple(
    [Doom(service, point) for service in SERVICES for point in SERVICE_POINTS]
    + [Doom(_DOOMED_AGENCY, point) for point in CLIENT_POINTS]
)
"""Every service and a client at every point."""


async def _let_die(one: Managed, doom: Doom) -> None:
    """Run a process in a form that dies at a point, wait until it has, and run it as usual again.

    Raises:
        TimeoutError: it did not come to that point.
    """
    usual = list(one.words)
    # The words begin with -m and the module's name.
    doomed = ["-m", "chaos.doomed", doom.point.name, str(_NTH), *usual[1:]]
    one.wanted = False
    await one.kill()
    one.words = doomed
    try:
        await one.start()
        one.wanted = False
        async with asyncio.timeout(_DIES_SECONDS):
            while one.alive:
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"{doom} did not die: it never got there") from error
    finally:
        one.words = usual
        await one.start()


async def kill_at_every_point(
    folder: Path, dooms: Sequence[Doom], rate: float, tell: Callable[[str], None]
) -> tuple[History, list[Violation]]:
    """Kill each process at its point while documents flow, then check everything.

    Raises:
        TimeoutError: a process did not come to its point.
    """
    async with Rig.running(folder, rate, tell) as rig:
        for doom in dooms:
            tell(str(doom))
            await _let_die(rig.services.get(doom.process) or rig.agents[doom.process], doom)
        await rig.ready()
        unfinished = await drain(rig, 90)
        return await judged(rig, unfinished, ())


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="documents a second of each of four agencies")
    parser.add_argument("--only", default="", help="processes and points whose names contain this")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    dooms = [doom for doom in ALL if options.only in str(doom)]
    folder = Path(tempfile.mkdtemp(prefix="lienthong-points-"))
    history, violations = asyncio.run(kill_at_every_point(folder, dooms, options.rate, say))
    print(f"{len(dooms)} points, {history.counts()['sends']} documents, {len(violations)} violations; {folder}")
    for violation in violations:
        print(f"- {violation.kind}: {violation.what}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(_main())
