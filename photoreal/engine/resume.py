"""Where a run goes on from, and the random states that go along, so that it ends as if it had never stopped."""

import math
import random
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from torch import nn

from photoreal.engine.agreement import done_by, gather
from photoreal.engine.checkpoint import check_fit, find_checkpoint, read_checkpoint, read_meta
from photoreal.errors import CheckpointError, StorageError
from photoreal.storage import exists
from photoreal.structures import PARTS

_NUMBERED = re.compile(r'iter_(\d+)\.pth')


def numbered_checkpoints(folder: Path) -> dict[int, Path]:
    """Iteration -> ``iter_<iteration>.pth``, as far as they lie in the folder."""
    found = ((_NUMBERED.fullmatch(path.name), path) for path in folder.glob('iter_*.pth'))
    return {int(match[1]): path for match, path in sorted(found, key=lambda pair: pair[1]) if match}


def newest_whole(folder: Path, model: nn.Module, until: float = math.inf,
                 but: Iterable[int] = ()) -> tuple[Path | None, list[str]]:
    """The checkpoint that was written last of those that a run of this model can go on from.

    What counts is the time of writing that lies in the file: copies have other dates, and a run that was set back to
    an earlier iteration goes on below the numbers of the one it left.

    Args:
        folder: A work dir.
        model: What is trained.
        until: The last iteration that may be chosen.
        but: Iterations that may not.

    Returns:
        Its path, or None, and for each newer one why it is passed over.
    """
    dated, faults = [], []
    for iteration, path in numbered_checkpoints(folder).items():
        if iteration > until or iteration in but:
            continue
        try:
            dated.append((_time(path), iteration, path))
        except CheckpointError as error:
            faults.append(str(error))
    for *_, path in sorted(dated, reverse=True):
        try:
            checkpoint = read_checkpoint(path)
            check_resumable(checkpoint, model, str(path))
            check_fit(model, checkpoint['state_dict'], str(path))
            return path, faults
        except CheckpointError as error:
            faults.append(str(error))
    return None, faults


def newest_of_all(folder: Path, model: nn.Module, until: float = math.inf,
                  but: Iterable[int] = ()) -> tuple[Path | None, list[str]]:
    """As :func:`newest_whole`, of what all processes find under that name, each on its own node's disk."""
    path, faults = newest_whole(folder, model, until, but)
    found = gather(None if path is None else (_time(path), path))
    newest = max(filter(None, found), default=(None, None))[1]
    return newest, list(dict.fromkeys(chain.from_iterable(gather(faults))))


def whole_copy(url: str, model: nn.Module) -> tuple[str | None, str]:
    """When a checkpoint at a URL was written, if a run of this model can go on from it; else None, and why it cannot.

    Where there is none at all the reason is empty.
    """
    try:
        if not exists(url):
            return None, ''
        checkpoint = read_checkpoint(url)
        check_resumable(checkpoint, model, url)
        check_fit(model, checkpoint['state_dict'], url)
        return str(checkpoint['meta'].get('time', '')), ''
    except (CheckpointError, StorageError) as error:
        return None, str(error)


def newest_with_copy(folder: Path, url: str, model: nn.Module) -> tuple[str | Path | None, list[str]]:
    """As :func:`newest_of_all`, of a work dir and a copy of a checkpoint that is elsewhere.

    Args:
        folder: The work dir.
        url: Of the copy; the main process alone asks for it.
        model: What is trained.

    Returns:
        The path or the URL, or None, and for each newer one why it is passed over.
    """
    path, faults = newest_of_all(folder, model)
    copied, fault = done_by(0, partial(whole_copy, url, model))
    written = max(gather(_time(path) if path is not None and path.is_file() else ''))
    if copied is not None and (path is None or copied > written):
        return url, faults
    return path, [*faults, *filter(None, [fault])]


def read_for_all(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU of every process, though it may lie on one node's disk alone.

    Where several nodes have a file of that name, the one that was written last counts.

    Raises:
        CheckpointError: As :func:`~photoreal.engine.checkpoint.read_checkpoint`.
    """
    if get_world_size() == 1:
        return read_checkpoint(path)
    try:
        time = _time(find_checkpoint(path))
    except CheckpointError:
        time = None
    times = gather(time)
    newest = max(range(len(times)), key=lambda rank: (times[rank] is not None, times[rank] or '', -rank))
    return done_by(newest, lambda: read_checkpoint(path))


def _time(path: Path) -> str:
    """When a checkpoint was written, so that later is greater."""
    return str(read_meta(path).get('time', ''))


def check_resumable(checkpoint: dict[str, Any], model: nn.Module, origin: str) -> None:
    """Check that a run of this model can go on from a checkpoint.

    Raises:
        CheckpointError: It holds weights alone, or another set of networks was trained.
    """
    missing = {'meta', 'message_hub', 'optimizer'} - set(checkpoint)
    if missing or not {'iter', 'epoch'} <= set(checkpoint['meta']):
        raise CheckpointError(f'{origin} holds weights but no {", ".join(sorted(missing)) or "position"}: a run cannot '
                              "be resumed from it. Start a new run from its weights: --cfg-options load_from='...'")
    trained = [part for part in PARTS if getattr(model, part, None) is not None]
    if sorted(checkpoint['optimizer']) != sorted(trained):
        raise CheckpointError(f'{origin} is of a run that trained {" and ".join(sorted(checkpoint["optimizer"]))}, and '
                              f'this config trains {" and ".join(trained)}. Resume with the config of that run, or '
                              "start a new one from its weights: --cfg-options load_from='...'")


def settle_vector_math() -> None:
    """Call once, in one thread, the functions that MKL computes for vectors on a CPU.

    At the first call of one MKL chooses the variant for the processor. Where two threads of a process make that call
    together, one of them now and then computes its part with another variant: the last bits differ, and with them the
    first iteration of a resumed run. Seen with tanh, in 6 of 40 starts.
    """
    one = torch.ones(1)
    for function in (torch.tanh, torch.exp, torch.log, torch.sqrt):
        function(one)


def random_states() -> dict[str, Any]:
    """The states of the random generators that this process has: PyTorch's (CPU, GPU), NumPy's and Python's."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  # that of code which draws from the global generator
    states = {'torch': torch.get_rng_state(), 'numpy': [kind, torch.from_numpy(keys.astype(np.int64)), *rest],
              'python': list(random.getstate())}
    if torch.cuda.is_available():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    """The inverse of :func:`random_states`."""
    torch.set_rng_state(states['torch'].cpu())
    kind, keys, *rest = states['numpy']
    np.random.set_state((kind, keys.cpu().numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, internal, gauss = states['python']
    random.setstate((version, tuple(internal), gauss))
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())


def gather_random_states() -> list[dict[str, Any]]:
    """:func:`random_states` of every process, by rank; to be called by all of them."""
    return gather(random_states())


def restore_own_random_states(states: list[dict[str, Any]]) -> bool:
    """Restore what :func:`gather_random_states` gave; False where it was given by another number of processes."""
    if len(states) != get_world_size():
        return False
    restore_random_states(states[get_rank()])
    return True


@contextmanager
def random_states_kept() -> Iterator[None]:
    """What happens within draws no random numbers from those of the training."""
    states = random_states()
    try:
        yield
    finally:
        restore_random_states(states)
