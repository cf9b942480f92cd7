"""Counting votes on blind pairs: shares, Bradley-Terry strengths with intervals, confidence, and the faults named.

In the model of Bradley and Terry ("Rank analysis of incomplete block designs", Biometrika 39, 1952) method i is
preferred to j with probability p_i / (p_i + p_j). It is fitted by Hunter's iteration ("MM algorithms for generalized
Bradley-Terry models", Annals of Statistics 32(1), 2004). An answer 'same' is half a vote for each side, and every two
methods begin with half a vote each, so that a method that always wins has a finite strength.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from photoreal.errors import DataError

CHOICES = ('left', 'right', 'same')
CONFIDENCES = (1, 2, 3)
SURE = 2  # the least confidence of an answer that is called sure
DRAWS = 2000
_ITERATIONS = 1000  # at most; some ten are usual


@dataclass(frozen=True)
class Answer:
    """What one viewer said of one pair.

    Attributes:
        viewer: Who.
        pair: Number of the pair.
        left: Method on the left.
        right: Method on the right.
        choice: ``left``, ``right`` or ``same``.
        confidence: 1 to 3.
        faults: Side -> what was found wrong with it, in the viewer's words; empty texts are left out.
    """

    viewer: str
    pair: int
    left: str
    right: str
    choice: str
    confidence: int
    faults: Mapping[str, str] = field(default_factory=dict)

    def vote(self, method: str) -> float:
        """1 where the method is preferred, 0 where the other one is, 0.5 for neither."""
        return 0.5 if self.choice == 'same' else float(getattr(self, self.choice) == method)


@dataclass(frozen=True)
class Strength:
    """Bradley-Terry strength of a method, the logarithm of p; the mean over methods is 0. The interval is at 95 %."""

    method: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Meeting:
    """What came of two methods.

    Attributes:
        first: The one that has more votes.
        second: The other one.
        votes: Of the first; answers that say 'same' count half.
        answers: How many there are.
        low: Lower end of the 95 % interval of the share of votes.
        high: Its upper end.
        sure_votes: Votes of the first in answers of a confidence of 2 or more.
        sure_answers: How many of those there are.
        confidence: Mean confidence of answers that prefer the first; None where none does.
    """

    first: str
    second: str
    votes: float
    answers: int
    low: float
    high: float
    sure_votes: float
    sure_answers: int
    confidence: float | None


def read_answers(paths: Iterable[str | os.PathLike], key: str | os.PathLike | None = None) -> list[Answer]:
    """Read what viewers have said: the results that the page saves, or such files written by hand.

    A file holds ``{"viewer": NAME, "answers": [{"pair": 0, "choice": "left", "confidence": 2, "faults": {"left":
    "...", "right": ""}}, ...]}``. ``viewer`` may be missing, which is then the file's name, and so may ``faults``. The
    page's files also hold ``pairs``, the key.

    Args:
        paths: The files.
        key: The key that :func:`~photoreal.judging.pairs.write_pairs` has written, for files without one.

    Raises:
        DataError: A file cannot be used, a viewer counts twice, or there is no key.
    """
    known = _pairs(Path(key), _read(Path(key))) if key is not None else None
    answers: dict[tuple[str, int, str, str], Answer] = {}
    for path in map(Path, paths):
        data = _read(path)
        pairs = _pairs(path, data) if 'pairs' in data else known
        if pairs is None:
            raise DataError(f"{path}: found no 'pairs', which tell the sides; expected them, or the key of the pairs: "
                            '--key pairs.key.json')
        for entry in data.get('answers', ()):
            answer = _answer(path, str(data.get('viewer') or path.stem), entry, pairs)
            same = answers.setdefault((answer.viewer, answer.pair, answer.left, answer.right), answer)
            if same is not answer:
                raise DataError(f'{path}: found a second answer of viewer {answer.viewer!r} to pair {answer.pair}; '
                                'expected one; leave a file out, or give each its own "viewer"')
    if not answers:
        raise DataError('found no answers in the files; expected a list "answers" in each')
    return list(answers.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise DataError(f'{path}: cannot be read ({error}); expected the JSON that the page saves') from error
    if not isinstance(data, dict):
        raise DataError(f'{path}: found a {type(data).__name__}; expected an object with "answers"')
    return data


def _pairs(path: Path, data: dict[str, Any]) -> dict[int, tuple[str, str]]:
    """Number of a pair -> left and right method."""
    try:
        return {int(pair['pair']): (str(pair['left']), str(pair['right'])) for pair in data['pairs']}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f'{path}: "pairs" cannot be used ({type(error).__name__}: {error}); expected a list of '
                        '{"pair": 0, "left": NAME, "right": NAME}') from error


def _answer(path: Path, viewer: str, entry: Any, pairs: Mapping[int, tuple[str, str]]) -> Answer:
    expected = ('expected {"pair": NUMBER, "choice": "left", "right" or "same", "confidence": 1, 2 or 3, "faults": '
                '{"left": TEXT, "right": TEXT}}')
    if not isinstance(entry, dict) or entry.get('choice') not in CHOICES or entry.get('confidence') not in CONFIDENCES:
        raise DataError(f'{path}: found the answer {entry!r}; {expected}')
    if entry.get('pair') not in pairs:
        raise DataError(f'{path}: found an answer to pair {entry.get("pair")!r}, which the key does not have; expected '
                        f'0 to {max(pairs, default=0)}; name the key of these pairs')
    faults = entry.get('faults') or {}
    if not isinstance(faults, dict) or not set(faults) <= {'left', 'right'}:
        raise DataError(f'{path}: found the faults {faults!r}; {expected}')
    faults = {side: str(text).strip() for side, text in faults.items() if str(text).strip()}
    return Answer(viewer, entry['pair'], *pairs[entry['pair']], entry['choice'], entry['confidence'], faults)


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Strengths of methods, the logarithms of p, their mean 0.

    Args:
        wins: (..., K, K) how often the method of the row was preferred to that of the column; ties count half.

    Returns:
        (..., K).
    """
    count = wins.shape[-1]
    wins = wins + 0.5 * (1 - np.eye(count))
    played = wins + wins.swapaxes(-1, -2)
    p = np.ones(wins.shape[:-1])
    for _ in range(_ITERATIONS):
        before, p = p, wins.sum(-1) / (played / (p[..., :, None] + p[..., None, :])).sum(-1)
        p /= np.exp(np.log(p).mean(-1, keepdims=True))
        if np.allclose(p, before, rtol=1e-6, atol=0):
            break
    return np.log(p)


def _samples(answers: Sequence[Answer], methods: Sequence[str], seed: int) -> np.ndarray:
    """(draws, K, K) wins in samples drawn of viewers, and of the answers of each."""
    rng = np.random.default_rng(seed)
    viewers = sorted({answer.viewer for answer in answers})
    times = rng.multinomial(len(viewers), np.full(len(viewers), 1 / len(viewers)), DRAWS)  # that each is drawn
    drawn = np.zeros((DRAWS, len(methods), len(methods)))
    for viewer, of_viewer in zip(viewers, times.T, strict=True):
        own = np.stack([_wins(answer, methods) for answer in answers if answer.viewer == viewer])
        drawn += np.tensordot(rng.multinomial(of_viewer * len(own), np.full(len(own), 1 / len(own))), own, axes=1)
    return drawn


def _wins(answer: Answer, methods: Sequence[str]) -> np.ndarray:
    wins = np.zeros((len(methods), len(methods)))
    left, right = methods.index(answer.left), methods.index(answer.right)
    wins[left, right], wins[right, left] = answer.vote(answer.left), answer.vote(answer.right)
    return wins


def count_votes(answers: Sequence[Answer], seed: int = 0) -> tuple[list[Strength], list[Meeting]]:
    """Count.

    Intervals are those of the percentile bootstrap: viewers are drawn, then the answers of each. Of one viewer they
    tell of that viewer alone.

    Args:
        answers: From :func:`read_answers`.
        seed: Of the bootstrap.

    Returns:
        Methods, the strongest first; and every two methods that met.
    """
    methods = sorted({name for answer in answers for name in (answer.left, answer.right)})
    drawn = _samples(answers, methods, seed)
    values, spread = bradley_terry(sum(_wins(answer, methods) for answer in answers)), bradley_terry(drawn)
    low, high = np.quantile(spread, [0.025, 0.975], axis=0)
    strengths = [Strength(name, *map(float, (values[i], low[i], high[i]))) for i, name in enumerate(methods)]
    meetings = []
    for pair in combinations(methods, 2):
        own = [answer for answer in answers if {answer.left, answer.right} == set(pair)]
        if own:
            first, second = sorted(pair, key=lambda name: -sum(answer.vote(name) for answer in own))
            meetings.append(_meeting(first, second, own, drawn[:, methods.index(first), methods.index(second)],
                                     drawn[:, methods.index(second), methods.index(first)]))
    return sorted(strengths, key=lambda strength: -strength.value), meetings


def _meeting(first: str, second: str, answers: Sequence[Answer], won: np.ndarray, lost: np.ndarray) -> Meeting:
    sure = [answer for answer in answers if answer.confidence >= SURE]
    shares = (won + 0.5) / (won + lost + 1)  # as in the model: half a vote each to begin with
    low, high = np.quantile(shares, [0.025, 0.975])
    confident = [answer.confidence for answer in answers if answer.vote(first) == 1]
    return Meeting(first, second, sum(answer.vote(first) for answer in answers), len(answers), float(low), float(high),
                   sum(answer.vote(first) for answer in sure), len(sure), fmean(confident) if confident else None)


def as_text(answers: Sequence[Answer]) -> str:
    """Everything that was counted, for people."""
    strengths, meetings = count_votes(answers)
    viewers = sorted({answer.viewer for answer in answers})
    lines = [f'{len(answers)} answers of {len(viewers)} viewer{"s" * (len(viewers) != 1)}', '', 'preferred:']
    for m in meetings:
        own = [answer for answer in answers if {answer.left, answer.right} == {m.first, m.second}]
        each = ', '.join(f'{viewer} {_votes(own, viewer, m.first)}' for viewer in viewers
                         if any(answer.viewer == viewer for answer in own))
        lines += [f'  {m.first} over {m.second}: {m.votes:g} of {m.answers} ({100 * m.votes / m.answers:.0f} %, '
                  f'95 % interval {100 * m.low:.0f} to {100 * m.high:.0f})',
                  f'    of {m.sure_answers} sure answers {m.sure_votes:g}; mean confidence for it '
                  + ('-' if m.confidence is None else f'{m.confidence:.1f} of 3'),
                  f'    by viewer: {each}']
    lines += ['', 'strength (Bradley-Terry, log odds, 95 % interval):']
    lines += [f'  {s.method}: {s.value:+.2f} ({s.low:+.2f} to {s.high:+.2f})' for s in strengths]
    lines += ['', 'faults named:']
    for s in strengths:
        seen = [(answer, side) for answer in answers for side in ('left', 'right') if getattr(answer, side) == s.method]
        faulty = [(answer, answer.faults[side]) for answer, side in seen if side in answer.faults]
        lines.append(f'  {s.method}: in {len(faulty)} of {len(seen)} views')
        lines += [f'    pair {answer.pair}, {answer.viewer}: {" ".join(text.split())}' for answer, text in faulty]
    return '\n'.join(lines)


def _votes(answers: Sequence[Answer], viewer: str, method: str) -> str:
    own = [answer.vote(method) for answer in answers if answer.viewer == viewer]
    return f'{sum(own):g}/{len(own)}'
