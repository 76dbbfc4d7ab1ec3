"""How to reach a Kafka cluster."""

from pathlib import Path
from typing import Any, Self

from aiokafka.helpers import create_ssl_context
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["KafkaSettings"]

_BROKER_SECONDS = 5.0
"""Longest wait for one answer of one broker. One that stands still keeps its connections, and only this tells."""


class KafkaSettings(BaseModel):
    """How to reach a Kafka cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    bootstrap: str = "127.0.0.1:9092"
    """One or more `host:port`, with commas between."""
    ca_file: Path | None = None
    """PEM certificates of the authority that signed the brokers' certificates; turns TLS on."""
    certificate_file: Path | None = None
    """PEM certificate of this client, for mutual TLS."""
    key_file: Path | None = None
    """PEM private key of this client, for mutual TLS."""
    username: str | None = None
    """SASL/SCRAM-SHA-512 user; needs `password_file`."""
    password_file: Path | None = None
    """File that holds the SASL password and nothing else."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    """Longest wait for any answer. A lost broker stops writes for about 9 s: stay well above."""

    @model_validator(mode="after")
    def _user_has_password(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together: one of them is missing")
        return self

    @model_validator(mode="after")
    def _certificate_is_used(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: one of them is missing")
        if self.certificate_file is not None and self.ca_file is None:
            raise ValueError("certificate_file needs ca_file: without it nothing is encrypted, and nobody would see it")
        return self

    def client_options(self, client_id: str) -> dict[str, Any]:
        """Connection options of aiokafka."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap.split(","),
            "client_id": client_id,
            "request_timeout_ms": int(min(self.timeout_seconds, _BROKER_SECONDS) * 1000),
            "metadata_max_age_ms": 30_000,
            "security_protocol": "PLAINTEXT",
        }
        if self.ca_file is not None:
            options["security_protocol"] = "SSL"
            options["ssl_context"] = create_ssl_context(
                cafile=str(self.ca_file),
                certfile=str(self.certificate_file) if self.certificate_file else None,
                keyfile=str(self.key_file) if self.key_file else None,
            )
        if self.username is not None and self.password_file is not None:
            options["security_protocol"] = "SASL_SSL" if self.ca_file else "SASL_PLAINTEXT"
            options["sasl_mechanism"] = "SCRAM-SHA-512"
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password_file.read_text("utf-8").strip()
        return options
