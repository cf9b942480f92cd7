"""How the game between generator (G) and its judges goes, by what the log says of the judges' scores.

Judges are the discriminator (D), whose curves are called ``d_...``, and the critic (C) of the unpaired branch, whose
curves are called ``c_...``.
The rule, from top to bottom, over the last third of the log and no fewer than MIN_RECORDS entries of it; this is its
home, and ``docs/training.md`` has it with what to do:

1. Constant scores: everything is judged alike, so G gets no direction.
2. Saturated scores and a large lead: with the logits of predictions beyond 15 from 0 the judge has long stopped
   learning, and its slope is no direction for G.
3. A lead above 2: real clips get e^2 = 7.4 times the probability of predictions. The judge tells them apart with ease.
4. Hardly an update, with the lead at ``model.update_threshold``: the judge waits, and G does not catch up.
5. A lead below 0.02: the judge cannot tell them apart, so what G gets from it is noise.
6. Else the game is balanced.

While there are fewer than MIN_RECORDS entries or MIN_ITERATIONS iterations, 1 and 5 say no more than that it is too
early, for every game begins with a small lead; the others hold at once. Entries alone would not do: on a slow machine
five of them, one in half a minute, were written within 22 iterations.

How often the judge is right (``d_accuracy``) decides nothing: it counts places where the real clip is ahead, by
however little. A judge that is held back by ``model.update_threshold`` can be right everywhere with a small lead, and G
still learns from it.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median, pstdev
from typing import NamedTuple

from photoreal.reporting.runs import Curves, Training, read_training

MIN_RECORDS, MIN_ITERATIONS = 5, 100
STRONG_LEAD = 2.0
WEAK_LEAD = 0.02
RARE_UPDATES = 0.1
SATURATED = 15.0  # sigmoid(-15) = 3e-7
CONSTANT = 1e-3


@dataclass(frozen=True)
class Health:
    """A verdict.

    Attributes:
        state: ``healthy``, ``too early``, ``D too strong``, ``D too weak``, the same of the critic ``C``,
            ``collapsed``, ``diverged``, or ``unknown``.
        found: What the numbers say, a sentence.
        advice: What to change, a sentence; empty where nothing needs changing.
    """

    state: str
    found: str
    advice: str = ''

    def __str__(self) -> str:
        return f'GAN health: {self.state}. {self.found}' + (f' {self.advice}' if self.advice else '')


class _Judge(NamedTuple):
    letter: str
    part: str  # of the model, and of optim_wrapper
    adversarial: str  # the key of the loss by which G plays against it


_JUDGES = (_Judge('d', 'discriminator', 'model.losses.adversarial'),
           _Judge('c', 'critic', 'model.unpaired.losses.adversarial'))
_ORDER = ('collapsed', 'too strong', 'too weak', 'too early', 'healthy')  # of two verdicts the first one counts


def assess(curves: Curves, update_threshold: float | None = None) -> Health | None:
    """Judge the last third of a training, by the rule at the head of this module.

    Args:
        curves: Name -> (iteration, value). Used are ``d_real`` and ``d_fake`` (D's mean logits of real clips and of
            predictions), ``d_lead`` (mean log sigmoid of the real ones less that of predictions) and, where they
            are, ``d_accuracy`` (in what share of places the real clip has the higher logit) and ``d_updates`` (how
            often D was updated so far); and the critic's, ``c_real`` ...
        update_threshold: The lead above which a judge was not updated (``model.update_threshold``); None: it always
            was.

    Returns:
        None where neither a discriminator nor a critic has played, as in recipes without them: there is no game.
    """
    broken = [f'{name} was {points[-1][1]} at iteration {points[-1][0]}'
              for name, points in curves.items() if points and not math.isfinite(points[-1][1])]
    if broken:
        return Health('diverged', f'{"; ".join(broken[:3])}.', 'Go back to the last good checkpoint with lower '
                      'learning rates (optim_wrapper.<part>.optimizer.lr), and without --amp.')
    if not any(curves.values()):
        return Health('unknown', 'Nothing was logged.')
    verdicts = [_assess_judge(judge, curves, update_threshold) for judge in _JUDGES
                if all(curves.get(f'{judge.letter}_{name}') for name in ('real', 'fake', 'lead'))]
    if not verdicts:
        return None
    worst = min(verdicts, key=lambda verdict: next(i for i, end in enumerate(_ORDER) if verdict.state.endswith(end)))
    return Health(worst.state, ' '.join(verdict.found for verdict in verdicts),
                  ' '.join(verdict.advice for verdict in verdicts if verdict.advice))


def _assess_judge(judge: _Judge, curves: Curves, update_threshold: float | None) -> Health:
    real, fake, lead, accuracy = (_recent(curves.get(f'{judge.letter}_{name}', []))
                                  for name in ('real', 'fake', 'lead', 'accuracy'))
    found = (f'Lately {judge.letter.upper()} (the {judge.part}) leads by {median(lead):.2f} (logits: '
             f'{median(real):+.2f} for real clips, {median(fake):+.2f} for predictions)')
    if accuracy:
        found += f', ranks the real clip higher in {median(accuracy):.0%} of places'
    share = _update_share(curves.get(f'{judge.letter}_updates', []))
    if share is not None:
        found += f', and was updated in {share:.0%} of the iterations'
    records = len(curves[f'{judge.letter}_lead'])
    last = curves[f'{judge.letter}_lead'][-1][0]
    if records < MIN_RECORDS:
        found += f'; there {"is" if records == 1 else "are"} {records} log entr{"y" if records == 1 else "ies"} so far'
    elif last < MIN_ITERATIONS:
        found += f'; the log ends at iteration {last}'
    early = records < MIN_RECORDS or last < MIN_ITERATIONS
    return _verdict(judge, real, fake, median(lead), share, update_threshold, f'{found}.', early)


def health_of(work_dir: str | os.PathLike) -> Health | None:
    """Judge the training in a work dir; see :func:`assess`.

    Raises:
        DataError: Its log is damaged.
    """
    training = read_training(Path(work_dir))
    return assess(training.curves, update_threshold(training))


def update_threshold(training: Training) -> float | None:
    """``model.update_threshold`` of a run's config."""
    try:
        return float(training.config['model.update_threshold'])
    except (KeyError, ValueError):  # not in the config, or None
        return None


def _verdict(judge: _Judge, real: list[float], fake: list[float], lead: float, updates: float | None,
             threshold: float | None, found: str, early: bool) -> Health:
    letter, rate = judge.letter.upper(), f'optim_wrapper.{judge.part}.optimizer.lr'
    weaken = (f'Lower {rate}' + ('' if threshold is None else f' or model.update_threshold (now {threshold:g})')
              + ", or raise the generator's learning rate.")
    constant = max(pstdev(real), pstdev(fake)) < CONSTANT and abs(median(real) - median(fake)) < CONSTANT
    if early and (constant or lead < WEAK_LEAD):
        return Health('too early', f'{found} That is how every game begins.')
    if constant:
        return Health('collapsed', f'{found} It gives everything the same score, so G learns nothing from it.',
                      f'Restart {letter} from an earlier checkpoint with a lower {rate}; '
                      f'if it is so from the start, see that {judge.adversarial} has a weight above 0.')
    if abs(median(fake)) > SATURATED and lead > STRONG_LEAD:
        return Health('collapsed', f'{found} Its scores are saturated, and point G nowhere.',
                      f'Go back to an earlier checkpoint. {weaken}')
    if lead > STRONG_LEAD:
        return Health(f'{letter} too strong', f'{found} It tells predictions apart with ease.', weaken)
    if updates is not None and updates < RARE_UPDATES and threshold is not None and lead >= threshold:
        return Health(f'{letter} too strong', f'{found} It waits for G, which does not catch up.',
                      f"Raise the weight of {judge.adversarial} or the generator's learning rate.")
    if lead < WEAK_LEAD:
        return Health(f'{letter} too weak', f'{found} It cannot tell predictions from real clips.',
                      f'Raise {rate}' + ('' if threshold is None or threshold > WEAK_LEAD else
                                         ' and model.update_threshold')
                      + f', or lower the weight of {judge.adversarial}; if the worst frames of a test look real to '
                      'you too, all is well.')
    return Health('healthy', f'{found} The game is balanced.')


def _recent(points: list[tuple[int, float]]) -> list[float]:
    """The values of the last third, of not fewer than MIN_RECORDS."""
    return [value for _, value in points[-max(len(points) // 3, MIN_RECORDS):]]


def _update_share(points: list[tuple[int, float]]) -> float | None:
    """In what share of the recent iterations a judge was updated."""
    recent = points[-max(len(points) // 3, MIN_RECORDS):]
    if len(recent) < 2 or recent[-1][0] == recent[0][0]:
        return None
    return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])
