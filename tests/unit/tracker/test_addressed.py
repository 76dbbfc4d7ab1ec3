"""Which route each recipient has."""

import pytest

from lienthong.tracker.addressed import routes_of


@pytest.mark.parametrize(
    ("recipients", "routes", "expected"),
    [
        (["H26"], ["H26"], ["H26"]),
        (["H37.DN.001", "H26"], ["H37", "H26"], ["H37", "H26"]),
        (["H37", "H37.DN.001", "H37.DN.002"], ["H37"], ["H37", "H37", "H37"]),
        # H11 was merged into H12, H13 into H14.
        (["H11", "H26", "H13"], ["H12", "H26", "H14"], ["H12", "H26", "H14"]),
        # Both were merged into H12.
        (["H11", "H10", "H26"], ["H12", "H26"], ["H12", "H26", "H26"]),
        (["H26", "H11", "H13"], ["H26", "H12"], ["H26", "H12", "H12"]),
    ],
)
def test_each_recipient_has_one_of_the_routes(recipients: list[str], routes: list[str], expected: list[str]) -> None:
    """Its own, the nearest above it by code, or the one that it must have brought."""
    assert expected == routes_of(recipients, routes)
