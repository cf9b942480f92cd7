"""Who may come in: passwords, which nobody can guess at speed."""

import hmac
import ipaddress
import math
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar

from fastapi import HTTPException

ADDRESS: ContextVar[str] = ContextVar('address', default='')  # of the visitor whose request is being answered
_PAUSE = 10.0  # seconds until a budget of wrong passwords has one more
_OF_ADDRESS, _OF_USER = 5, 20  # wrong passwords at once; a user's can come from many addresses
_KEPT = 10_000  # budgets, at most


class Door:
    """Gradio's question whether a visitor may come in.

    Wrong passwords use up two budgets, that of the visitor's address and that of the name. Whoever has used one up
    waits ten seconds for each further try; the right password, too, is not looked at before.

    Args:
        logins: Users and their passwords.
        clock: Seconds that only grow.
    """

    def __init__(self, logins: Sequence[tuple[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._logins = dict(logins)
        self._addresses, self._users = _Budgets(_OF_ADDRESS, clock), _Budgets(_OF_USER, clock)

    def __call__(self, user: str, password: str) -> bool:
        """Whether the password is the user's.

        Raises:
            HTTPException: 429, too many wrong ones.
        """
        asked = ((self._addresses, _network(ADDRESS.get())), (self._users, user))
        wait = math.ceil(max(budgets.wait(name) for budgets, name in asked))
        if wait:
            raise HTTPException(429, f'too many wrong passwords: try again in {wait} s', {'Retry-After': str(wait)})
        known = self._logins.get(user)
        # An unknown name takes as long as a wrong password.
        right = hmac.compare_digest(password.encode(), (password + '!' if known is None else known).encode())
        if not right:
            for budgets, name in asked:
                budgets.spend(name)
        return right


class _Budgets:
    """By name, how many more wrong passwords there may be; each fills up again with time."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most, self._clock = most, clock
        self._full_at: dict[str, float] = {}  # name -> when its budget will be full

    def wait(self, name: str) -> float:
        """Seconds until there is one; 0: there is."""
        return max(0.0, self._full_at.get(name, 0) - self._clock() - (self._most - 1) * _PAUSE)

    def spend(self, name: str) -> None:
        now = self._clock()
        if len(self._full_at) >= _KEPT:
            self._full_at = {other: full for other, full in self._full_at.items() if full > now}
        self._full_at[name] = max(self._full_at.get(name, 0), now) + _PAUSE


def _network(address: str) -> str:
    """What one visitor has: an IPv4 address, or a network of IPv6 addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a socket's name
        return address
    return str(ipaddress.ip_network(f'{found}/64', strict=False)) if found.version == 6 else address
