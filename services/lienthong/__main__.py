"""``python -m lienthong``."""

from lienthong.cli import main

main()
