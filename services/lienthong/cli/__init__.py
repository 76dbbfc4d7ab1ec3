"""The command `lienthong`: one program, one sub-command for each thing a person or a service does."""

from lienthong.cli.app import app

__all__ = ["main"]


def main() -> None:
    """Entry point of the console script."""
    app()
