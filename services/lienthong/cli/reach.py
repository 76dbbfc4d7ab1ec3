"""Which Kafka a command talks to: the address given, or the embedded one that runs."""

from lienthong.runtime.settings import Settings

__all__ = ["resolve_bootstrap"]


def resolve_bootstrap(settings: Settings, given: str | None = None) -> str:
    """Address of Kafka: what was given, what is set, or the embedded Kafka of the home folder.

    Raises:
        UnavailableError: none was given and the embedded Kafka does not run.
    """
    if given or settings.bootstrap:
        return given or settings.bootstrap
    from lienthong.embedded import kafka_in
    from lienthong.kernel.errors import UnavailableError

    status = kafka_in(settings.home / "kafka").status()
    if status.bootstrap is None or not status.running:
        raise UnavailableError(
            "Kafka does not run here: start it with `lienthong kafka up`, or name a cluster with --bootstrap"
        )
    return status.bootstrap
