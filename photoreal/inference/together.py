"""Several videos at once: their frames of one moment make one batch, which a device computes better than one by one.

Legend: N streams, C condition channels, H height, W width, s scale.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from photoreal.models.generators import State

PATIENCE = 0.2  # seconds that streams wait for one that is late


class Share(NamedTuple):
    """The state of one stream, a row of a batch's state, which is only taken apart when the streams change."""

    batch: State
    row: int

    def alone(self) -> State:
        """The state for a batch of this stream alone."""
        return {key: value[self.row:self.row + 1] for key, value in self.batch.items()}


class _Request(NamedTuple):
    condition: Tensor  # (1, C, H, W)
    state: Share | None
    result: Future


class Together:
    """Collects steps that threads ask for, one a stream, and takes those of one size as a batch.

    Streams may begin and end at any time. A step waits for the other streams, but not for ever: one whose frames are
    late, or whose predictions nobody takes, does not hold up the others by more than ``PATIENCE``.

    Args:
        step: What steps: conditions (N, C, H, W) and their states, None for a blank one -> N predictions, and the state
            of all.
    """

    def __init__(self, step: Callable[[Tensor, State | None], tuple[Sequence, State]]) -> None:
        self._run = step
        self._changed = threading.Condition()
        self._requests: list[_Request] = []
        self._members = 0
        self._working = False

    @contextmanager
    def member(self) -> Iterator[None]:
        """While it is entered, the others wait for this stream."""
        with self._changed:
            self._members += 1
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                self._members -= 1
                self._changed.notify_all()

    def step(self, condition: Tensor, state: Share | None) -> tuple:
        """One frame (1, C, H, W) of a member -> its prediction, and its next state."""
        request = _Request(condition, state, Future())
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        return request.result.result()

    def _work(self) -> None:
        """Steps as long as there are members; runs in a thread of its own."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._requests or not self._members)
                if not self._requests:
                    self._working = False
                    return
                self._changed.wait_for(lambda: len(self._requests) >= self._members, PATIENCE)
                requests, self._requests = self._requests, []
            groups: dict[tuple, list[_Request]] = {}
            for request in requests:
                groups.setdefault((request.condition.shape, request.state is None), []).append(request)
            for group in groups.values():
                self._step(group)

    def _step(self, group: list[_Request]) -> None:
        if group[0].state is not None:
            group.sort(key=lambda request: request.state.row)  # threads come in any order
        try:
            with torch.inference_mode():
                conditions = torch.cat([request.condition for request in group])  # (N, C, H, W)
                preds, state = self._run(conditions, _join([request.state for request in group]))
        except BaseException as error:  # handed over to those who asked, who raise it
            for request in group:
                request.result.set_exception(error)
            return
        for row, request in enumerate(group):
            request.result.set_result((preds[row], Share(state, row)))


def _join(shares: list[Share | None]) -> State | None:
    """One state of several streams; None where all are new."""
    first = shares[0]
    if first is None:
        return None
    if all(share.batch is first.batch and share.row == i for i, share in enumerate(shares)) and \
            len(shares) == len(next(iter(first.batch.values()))):
        return first.batch  # the same streams in the same order
    alone = [share.alone() for share in shares]
    return {key: torch.cat([state[key] for state in alone]) for key in alone[0]}
