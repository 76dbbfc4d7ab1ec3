"""The trust anchor: what every party pins before it believes anything else."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["OPERATOR", "Trust"]

OPERATOR = "OPERATOR"
"""The sender of directory records. It is no agency: it has no topics and its key is pinned."""


class Trust(BaseModel):
    """Name of the backbone and the operator's public key; handed over out of band, not by Kafka."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str = Field(pattern=r"^[a-z0-9][a-z0-9./-]{0,99}$")
    """Name of the backbone; part of every signature, so nothing signed for one is worth anything on another."""
    operator_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Raw Ed25519 public key of the operator, 32 bytes in hex."""

    @classmethod
    def load(cls, path: Path) -> "Trust":
        """Read the JSON file.

        Raises:
            ValueError: there is none, or it is not a trust anchor.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ValueError(f"cannot read the trust anchor {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{path} is not a trust anchor: {first['loc']}: {first['msg']}") from error

    def save(self, path: Path) -> None:
        """Write the JSON file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", "utf-8")
