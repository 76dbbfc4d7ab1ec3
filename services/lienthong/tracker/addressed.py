"""Which of an entry's routes each recipient has.

The ledger names the recipients and the routes, each route where the first recipient that has it stands
among the recipients. That is enough without the directory in all cases but one, which is named below.
"""

from collections.abc import Sequence

__all__ = ["addressed_of", "routes_of"]


def addressed_of(recipients: Sequence[str], routes: Sequence[str]) -> list[tuple[str, str]]:
    """Recipients one by one with the route of each.

    Instead of a group stand the routes that nobody brought who is named himself: each is a recipient of its own.
    A recipient that retired and has several successors is there once for each of them.

    Args:
        recipients: codes of agencies and groups, one at least.
        routes: codes, in ledger order, one at least.
    """
    named = [code for code in recipients if code[:1] != "@"]
    if not named:
        return [(route, route) for route in routes]
    found = list(zip(named, routes_of(named, routes), strict=True))
    brought = {route for _, route in found}
    if len(brought) == len(routes):
        return found
    others = [route for route in routes if route not in brought]
    if len(named) < len(recipients):
        return found + [(route, route) for route in others]
    connected = frozenset(routes)
    merged = next((code for code in named if _nearest(code, connected) is None), named[-1])
    return found + [(merged, route) for route in others]


def routes_of(recipients: Sequence[str], routes: Sequence[str]) -> list[str]:
    """The route of each recipient, in the order of the recipients.

    A recipient that is a route, or has one above it by its code, has that one. Any other, which was
    merged into another agency or has a parent of another form, brings the next route that nobody brought
    before it; if there is none, it shares the last one. Where a route that such a recipient may have
    brought also stands for itself further on, two answers are possible, and it is taken to have brought it.

    Args:
        recipients: codes, one at least.
        routes: codes, in ledger order, one at least.
    """
    if len(routes) == 1:
        return [routes[0]] * len(recipients)
    connected = frozenset(routes)
    brought: dict[str, None] = {}
    found: list[str] = []
    for code in recipients:
        route = _nearest(code, connected)
        if route is None:
            route = routes[len(brought)] if len(brought) < len(routes) else found[-1]
        brought[route] = None
        found.append(route)
    return found


def _nearest(code: str, connected: frozenset[str]) -> str | None:
    while code not in connected:
        code, dot, _ = code.rpartition(".")
        if not dot:
            return None
    return code
