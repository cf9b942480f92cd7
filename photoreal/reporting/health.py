"""How the game between generator (G) and discriminator (D) goes, judged from D's logged scores."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median, pstdev

from photoreal.reporting.runs import Curves, Training, read_training

MIN_RECORDS = 5
STRONG_LEAD = 2.0  # D gives real clips e^2 = 7.4 times the probability that it gives predictions
WEAK_LEAD = 0.02
RARE_UPDATES = 0.1
SATURATED = 15.0  # sigmoid(-15) = 3e-7: no gradient is left
CONSTANT = 1e-3


@dataclass(frozen=True)
class Health:
    """A verdict.

    Attributes:
        state: ``healthy``, ``D too strong``, ``D too weak``, ``collapsed``, ``diverged``, or ``unknown``.
        found: What the numbers say, a sentence.
        advice: What to change, a sentence; empty where nothing needs changing.
    """

    state: str
    found: str
    advice: str = ''

    def __str__(self) -> str:
        return f'GAN health: {self.state}. {self.found}' + (f' {self.advice}' if self.advice else '')


def assess(curves: Curves, update_threshold: float | None = None) -> Health:
    """Judge the last third of a training.

    Args:
        curves: Name -> (iteration, value). Used are ``d_real`` and ``d_fake`` (D's mean logits of real clips and of
            predictions), ``d_lead`` (mean log sigmoid of the real ones less that of predictions) and, where they
            are, ``d_accuracy`` (in what share of places the real clip has the higher logit) and ``d_updates`` (how
            often D was updated so far).
        update_threshold: D's lead above which it was not updated (``model.update_threshold``); None: it always was.
    """
    broken = [f'{name} was {points[-1][1]} at iteration {points[-1][0]}'
              for name, points in curves.items() if points and not math.isfinite(points[-1][1])]
    if broken:
        return Health('diverged', f'{"; ".join(broken[:3])}.', 'Go back to the last good checkpoint with lower '
                      'learning rates (optim_wrapper.<part>.optimizer.lr), and without --amp.')
    if not curves:
        return Health('unknown', 'Nothing was logged.')
    if not {'d_real', 'd_fake', 'd_lead'} <= set(curves):
        return Health('unknown', 'This run has no discriminator.')
    records = len(curves['d_lead'])
    if records < MIN_RECORDS:
        return Health('unknown', f'{records} log entries are too few to judge by; {MIN_RECORDS} would do.')
    real, fake, lead, accuracy = (_recent(curves.get(f'd_{name}', [])) for name in ('real', 'fake', 'lead', 'accuracy'))
    found = (f'Lately D leads by {median(lead):.2f} (logits: {median(real):+.2f} for real clips, '
             f'{median(fake):+.2f} for predictions)')
    if accuracy:
        found += f', ranks the real clip higher in {median(accuracy):.0%} of places'
    share = _update_share(curves.get('d_updates', []))
    if share is not None:
        found += f', and was updated in {share:.0%} of the iterations'
    return _verdict(real, fake, median(lead), share, update_threshold, f'{found}.')


def health_of(work_dir: str | os.PathLike) -> Health:
    """Judge the training in a work dir.

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


def _verdict(real: list[float], fake: list[float], lead: float, updates: float | None,
             threshold: float | None, found: str) -> Health:
    weaken = 'Lower optim_wrapper.discriminator.optimizer.lr'
    weaken += ('' if threshold is None else f' or model.update_threshold (now {threshold:g})')
    weaken += ", or raise the generator's learning rate."
    if max(pstdev(real), pstdev(fake)) < CONSTANT and abs(median(real) - median(fake)) < CONSTANT:
        return Health('collapsed', f'{found} It gives everything the same score, so G learns nothing from it.',
                      'Restart D from an earlier checkpoint with a lower optim_wrapper.discriminator.optimizer.lr; '
                      'if it is so from the start, see that model.losses.adversarial has a weight above 0.')
    if abs(median(fake)) > SATURATED and lead > STRONG_LEAD:
        return Health('collapsed', f'{found} Its scores are saturated: no gradient reaches G.',
                      f'Go back to an earlier checkpoint. {weaken}')
    if lead > STRONG_LEAD:
        return Health('D too strong', f'{found} It tells predictions apart with ease.', weaken)
    if updates is not None and updates < RARE_UPDATES and threshold is not None and lead >= threshold:
        return Health('D too strong', f'{found} It waits for G, which does not catch up.',
                      "Raise the weight of model.losses.adversarial or the generator's learning rate.")
    if lead < WEAK_LEAD:
        return Health('D too weak', f'{found} It cannot tell predictions from real clips.',
                      'Raise optim_wrapper.discriminator.optimizer.lr'
                      + ('' if threshold is None or threshold > WEAK_LEAD else ' and model.update_threshold')
                      + ', or lower the weight of model.losses.adversarial; if the worst frames of a test look real to '
                      'you too, all is well.')
    return Health('healthy', f'{found} The game is balanced.')


def _recent(points: list[tuple[int, float]]) -> list[float]:
    """The values of the last third, of not fewer than MIN_RECORDS."""
    return [value for _, value in points[-max(len(points) // 3, MIN_RECORDS):]]


def _update_share(points: list[tuple[int, float]]) -> float | None:
    """In what share of the recent iterations D was updated."""
    recent = points[-max(len(points) // 3, MIN_RECORDS):]
    if len(recent) < 2 or recent[-1][0] == recent[0][0]:
        return None
    return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])
