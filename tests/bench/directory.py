"""A directory of 125,000 agencies: import of a list, load by a reader, lookups.

``PYTHONPATH=tests .venv/bin/python -m bench.directory [agencies]``. Import and load run in processes of their own,
so that memory is theirs; processor seconds do not depend on what else the machine does, elapsed ones do.
"""

import asyncio
import csv
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lienthong.demo.stage import provision
from lienthong.directory.listing import read_listing
from lienthong.directory.operator import Operator, make_trust
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.addressing import address
from lienthong.kernel.bus import Bus, KafkaSettings
from lienthong.kernel.directory import Directory
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.trust import Trust

ORIGIN = "bench.directory"
_AGENCIES = 125_000
_PROVINCES = 63
_LOOKUPS = 200_000
_LONG = 20


def write_list(path: Path, count: int) -> None:
    """A list of 63 connected provinces, and departments and units below them, some levels deep."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("code", "code_qcvn102", "name", "parent", "connected"))
        codes = [f"H{number:02}" for number in range(1, _PROVINCES + 1)]
        for code in codes:
            rows.writerow((code, f"000.00.00.{code}", f"Ủy ban nhân dân tỉnh {code}", "", "yes"))
        for number in range(count - len(codes)):
            above = codes[number // 40] if number >= _PROVINCES * 40 else codes[number % _PROVINCES]
            code = f"{above}.{number % 997 + 1}X{number}" if len(above) < _LONG else f"{above[:3]}.{number}"
            codes.append(code)
            rows.writerow((code, "", f"Đơn vị trực thuộc số {number} của {above}", above, "no"))


def _used(since: float, cpu: float) -> dict[str, float]:
    return {
        "seconds": round(time.perf_counter() - since, 2),
        "processor_seconds": round(time.process_time() - cpu, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def import_list(home: Path, bootstrap: str, path: Path) -> dict[str, Any]:
    """What `lienthong directory import` does."""

    async def work() -> int:
        trust, key = make_trust(home, ORIGIN)
        async with Operator.open(KafkaSettings(bootstrap=bootstrap), trust, key) as operator:
            return len(await operator.add_agencies(read_listing(path)))

    since, cpu = time.perf_counter(), time.process_time()
    count = asyncio.run(work())
    return {"agencies": count, **_used(since, cpu)}


def load(trust: Trust, bootstrap: str) -> dict[str, Any]:
    """Read it all from Kafka, then look things up."""

    async def work() -> Directory:
        async with Bus.connect(KafkaSettings(bootstrap=bootstrap), "bench") as bus:
            return await DirectoryReader(bus, trust).load()

    since, cpu = time.perf_counter(), time.process_time()
    directory = asyncio.run(work())
    used = _used(since, cpu)
    now = directory.known_at
    codes = [one.code for one in directory.agencies()]
    some = random.Random(1).choices(codes, k=_LOOKUPS)
    begin = time.process_time()
    for code in some:
        directory.routes(code, now, now)
    routes = (time.process_time() - begin) / _LOOKUPS
    begin = time.process_time()
    for code in some:
        directory.code_of(code)
    named = (time.process_time() - begin) / _LOOKUPS
    recipients = list(dict.fromkeys(some))[:63]
    begin = time.process_time()
    for _ in range(200):
        address(directory, "H99", recipients, at=now, known=now)
    addressed = (time.process_time() - begin) / 200
    return {
        "agencies": len(codes),
        **used,
        "routes_us": round(routes * 1e6, 2),
        "code_of_us": round(named * 1e6, 2),
        f"address_of_{len(recipients)}_us": round(addressed * 1e6, 1),
    }


def _in_process(target: Any, *arguments: Any) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, Any] = pool.apply(target, arguments)
    return found


def main(count: int) -> None:
    """Measure, and print a line of JSON for each step."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        path = Path(folder) / "agencies.csv"
        write_list(path, count)
        node = EmbeddedKafka(Path(folder) / "kafka", heap_mib=512)
        try:
            bootstrap = node.up(timeout_seconds=120)
            trust = asyncio.run(provision(home, KafkaSettings(bootstrap=bootstrap), [], lanes=2, origin=ORIGIN))
            print(json.dumps({"import": _in_process(import_list, home, bootstrap, path)}))
            print(json.dumps({"load": _in_process(load, trust, bootstrap)}))
        finally:
            node.down()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else _AGENCIES)
