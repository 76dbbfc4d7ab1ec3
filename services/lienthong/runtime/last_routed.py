"""Of each agency the last entry that was routed to it, pure."""

__all__ = ["LastRouted"]

_DIFFERENT_ROUTES = 1_000
"""Most headers kept as they are: with 500 recipients each they are 2 MB."""


class LastRouted:
    """Of each agency the ledger position of the last entry, of one lane, that was routed to it."""

    def __init__(self) -> None:
        self._by_agency: dict[str, int] = {}
        self._by_routes: dict[bytes, int] = {}

    def take(self, routes: bytes, position: int) -> None:
        """Take the next entry, by the header of its routes; they are taken apart later, for most repeat."""
        self._by_routes[routes] = position
        if len(self._by_routes) > _DIFFERENT_ROUTES:
            self._take_apart()

    def _take_apart(self) -> None:
        for routes, position in self._by_routes.items():
            for agency in routes.decode().split(","):
                if position > self._by_agency.get(agency, -1):
                    self._by_agency[agency] = position
        self._by_routes.clear()

    def of(self, agency: str) -> int | None:
        """The position, or None where there was none."""
        self._take_apart()
        return self._by_agency.get(agency)
