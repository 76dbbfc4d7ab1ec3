"""A service whose clock is wrong: ``python -m chaos.service NAME --http-port N --clock-ahead-ms M``."""

import argparse

from lienthong.cli.output import run, told
from lienthong.dispatch.service import serve as dispatch
from lienthong.intake.service import serve as intake
from lienthong.kernel.clock import now_ms
from lienthong.notary.service import serve as notary
from lienthong.runtime.context import Context
from lienthong.runtime.logs import configure_logs
from lienthong.runtime.run import Service, run_services
from lienthong.runtime.settings import Settings

_SERVICES: dict[str, Service] = {"intake": intake, "dispatch": dispatch, "notary": notary}


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=_SERVICES)
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--clock-ahead-ms", type=int, default=0, help="below 0: behind")
    options = parser.parse_args()
    with told():
        configure_logs(level="INFO")
        settings = Settings().model_copy(update={"http_port": options.http_port})
        context = Context(settings, settings.trust(), clock=lambda: now_ms() + options.clock_ahead_ms)
        run(run_services({options.name: _SERVICES[options.name]}, context))


if __name__ == "__main__":
    _main()
