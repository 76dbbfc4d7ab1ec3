"""Settings of services and commands, from the environment (`LIENTHONG_…`) and from options."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lienthong.kernel.bus import KafkaSettings
from lienthong.kernel.trust import Trust
from lienthong.runtime.home import home

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything that can be set. Each has a default that works on one machine."""

    model_config = SettingsConfigDict(
        env_prefix="LIENTHONG_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    home: Path = Field(default_factory=home)
    """Folder for keys, the trust anchor, agencies' stores and the embedded Kafka."""
    bootstrap: str = ""
    """Kafka's `host:port`, several with commas between; empty: commands take the embedded Kafka of `home`."""
    ca_file: Path | None = None
    """PEM certificates that signed the brokers' certificates; turns TLS on."""
    certificate_file: Path | None = None
    """PEM certificate of this client, for mutual TLS."""
    key_file: Path | None = None
    """PEM key of this client, for mutual TLS."""
    username: str | None = None
    """SASL/SCRAM-SHA-512 user."""
    password_file: Path | None = None
    """File with the SASL password."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    """Longest wait for any answer of Kafka."""
    trust_file: Path | None = None
    """The trust anchor; default `<home>/trust.json`."""
    backbone: str = "LT"
    """Code under which the backbone itself sends receipts, notices and the operator's commands."""
    http_host: str = "127.0.0.1"
    """Address the probes and metrics listen on."""
    http_port: int = 9464
    """Port the probes and metrics listen on; 0: any free one."""
    drain_seconds: float = 10.0
    """After SIGTERM, how long a service may take to finish its round."""
    ordinary_wait_ms: int = 25
    """How long records of ordinary lanes gather while there is much to do; the express lane never waits."""
    halt_share: float = Field(default=0.5, ge=0, le=1)
    """Intake halts when the mean of the agencies' rejected shares is above this; 1: it never halts."""
    halt_agencies: int = Field(default=3, ge=1)
    """… and records of at least so many agencies were rejected."""
    halt_records: int = Field(default=20, ge=1)
    """… and at least so many records."""
    halt_window_seconds: float = Field(default=300.0, gt=0)
    """… within so long; of each agency its last 20 records count."""
    deadlines_file: Path | None = None
    """TOML or JSON with the owner's rules and days (docs/deadlines.md); none: the law's."""
    tracker_database: str | None = None
    """URL of the tracker's database, SQLite or PostgreSQL; default `<home>/tracker.db`; empty: `run all` runs none."""
    tracker_password_file: Path | None = None
    """File with PostgreSQL's password."""
    tracker_ca_file: Path | None = None
    """PEM certificates that signed PostgreSQL's certificate; turns TLS on."""
    tracker_nice: int = Field(default=5, ge=0, le=19)
    """How far `run tracker` steps behind other processes of the machine for processors; 0: not at all."""

    @field_validator("home", mode="after")
    @classmethod
    def _expanded(cls, folder: Path) -> Path:
        # A unit file of systemd knows no shell.
        return folder.expanduser().absolute()

    def kafka(self, bootstrap: str | None = None) -> KafkaSettings:
        """The part that says how to reach Kafka."""
        return KafkaSettings(
            bootstrap=bootstrap or self.bootstrap or "127.0.0.1:9092",
            ca_file=self.ca_file,
            certificate_file=self.certificate_file,
            key_file=self.key_file,
            username=self.username,
            password_file=self.password_file,
            timeout_seconds=self.timeout_seconds,
        )

    def trust(self) -> Trust:
        """The pinned trust anchor.

        Raises:
            ValueError: there is none at `trust_file`.
        """
        return Trust.load(self.trust_file or self.home / "trust.json")
