"""The verdict on a GAN's training."""

import math
import re

import pytest
import torch

from photoreal.models.video_gan import _log_sigmoid
from photoreal.reporting import health
from photoreal.reporting.health import Health, assess, health_of
from photoreal.reporting.runs import Curves
from photoreal.structures import Score
from tests.reporting.folders import make_work_dir
from tests.tiny import ROOT


def curves(real: float, fake: float, lead: float, updates: float = 0.6, records: int = 60,
           noise: float = 0.1) -> Curves:
    """Logs every 10 iterations: a good start, then the given values, swinging by ``noise``."""
    steps = [10 * (i + 1) for i in range(records)]
    late = [step > 5 * records for step in steps]

    def curve(early: float, value: float) -> list[tuple[int, float]]:
        return [(step, (value if is_late else early) + noise * math.sin(step))
                for step, is_late in zip(steps, late, strict=True)]
    return {'d_real': curve(0.5, real), 'd_fake': curve(-0.5, fake), 'd_lead': curve(0.4, lead),
            'd_updates': [(step, round(step * updates)) for step in steps]}


@pytest.mark.parametrize(('logs', 'threshold', 'state', 'advice'), [
    (curves(0.6, -0.4, 0.4), 0.4, 'healthy', ''),
    (curves(4.0, -5.0, 5.0), 0.4, 'D too strong', r'update_threshold \(now 0.4\)'),
    (curves(4.0, -5.0, 5.0), None, 'D too strong', 'Lower optim_wrapper.discriminator.optimizer.lr, or'),
    (curves(0.8, -0.8, 0.9, updates=0.02), 0.4, 'D too strong', 'weight of model.losses.adversarial'),
    (curves(0.1, 0.1, 0.0), 0.4, 'D too weak', 'Raise optim_wrapper.discriminator.optimizer.lr'),
    (curves(-0.5, 0.5, -0.4), 0.4, 'D too weak', 'Raise'),
    (curves(0.0, 0.0, 0.0, noise=1e-5), 0.4, 'collapsed', 'Restart D'),
    (curves(20.0, -30.0, 30.0), 0.4, 'collapsed', 'earlier checkpoint'),
])
def test_states(logs: Curves, threshold: float | None, state: str, advice: str) -> None:
    health = assess(logs, threshold)
    assert health.state == state
    assert re.search(advice, health.advice) if advice else not health.advice


def test_only_the_last_third_counts() -> None:
    logs = curves(4.0, -5.0, 5.0)
    recovered = {name: points + [(step + 600, value) for step, value in curves(0.6, -0.4, 0.4, records=60)[name]]
                 for name, points in logs.items()}
    assert assess(recovered, 0.4).state == 'healthy'


def test_values_that_are_no_numbers() -> None:
    health = assess({'g_pixel': [(10, 1.0), (20, math.nan)]})
    assert health.state == 'diverged' and 'g_pixel was nan at iteration 20' in health.found


@pytest.mark.parametrize('logs', [{}, {'d_lead': []}])
def test_what_cannot_be_judged(logs: Curves) -> None:
    health = assess(logs)
    assert health.state == 'unknown' and 'Nothing was logged' in health.found and not health.advice


def test_a_recipe_without_a_judge_has_no_game_to_speak_of() -> None:
    assert assess({'g_pixel': [(10, 1.0)], 'virtual_match': [(10, 0.9)]}) is None
    assert assess({'g_pixel': [(10, math.nan)]}).state == 'diverged'


@pytest.mark.parametrize(('logs', 'state', 'found'), [
    (curves(0.5, -0.5, 0.4, records=4), 'healthy', 'of the iterations; there are 4 log entries so far.'),
    (curves(4.0, -5.0, 5.0, records=3), 'D too strong', 'there are 3 log entries so far. It tells predictions apart'),
    ({name: points[-2:] for name, points in curves(0.1, 0.1, 0.0, noise=0.01).items()}, 'too early',
     'there are 2 log entries so far. That is how every game begins.'),
    ({name: [(step // 10, value) for step, value in points]
      for name, points in curves(0.1, 0.1, 0.0, noise=0.01, records=22).items()}, 'too early',
     'the log ends at iteration 22. That is how every game begins.'),
    ({name: points[:1] for name, points in curves(0.0, 0.0, 0.0).items()}, 'healthy', 'there is 1 log entry so')])
def test_a_short_run_is_judged_by_what_there_is(logs: Curves, state: str, found: str) -> None:
    verdict = assess(logs, 0.4)
    assert verdict.state == state and found in verdict.found


def critic(logs: Curves) -> Curves:
    return {f'c_{name.removeprefix("d_")}': points for name, points in logs.items()}


def test_a_critic_is_judged_like_a_discriminator() -> None:
    alone = assess(critic(curves(4.0, -5.0, 5.0)), 0.4)
    assert alone.state == 'C too strong' and 'C (the critic) leads by 5.0' in alone.found
    assert alone.advice.startswith('Lower optim_wrapper.critic.optimizer.lr or model.update_threshold')
    weak = assess(critic(curves(0.1, 0.1, 0.0)), 0.4)
    assert weak.state == 'C too weak' and 'model.unpaired.losses.adversarial' in weak.advice


def test_of_two_judges_the_one_in_trouble_counts() -> None:
    both = assess(curves(0.6, -0.4, 0.4) | critic(curves(0.1, 0.1, 0.0)), 0.4)
    assert both.state == 'C too weak' and 'D (the discriminator) leads by 0.4' in both.found
    assert 'C (the critic)' in both.found
    assert 'optim_wrapper.critic' in both.advice and 'discriminator' not in both.advice


def test_being_right_everywhere_is_no_fault_where_the_lead_is_small() -> None:
    logs = curves(0.6, -0.4, 0.4) | {'d_accuracy': [(step, 1.0) for step in range(10, 601, 10)]}
    assert assess(logs, 0.4).state == 'healthy'


def test_the_page_states_the_rule_with_its_numbers() -> None:
    page = (ROOT / 'docs/training.md').read_text(encoding='utf-8')
    rule = page[page.index('## GAN health'):]
    for number in (f'beyond {health.SATURATED:g}', f'above {health.STRONG_LEAD:g}', f'below {health.WEAK_LEAD:g}',
                   f'{health.RARE_UPDATES:.0%} of the', f'fewer than {health.MIN_RECORDS} ',
                   f'before iteration {health.MIN_ITERATIONS},'):
        assert number in rule, number
    curves_of_a_run = (ROOT / 'docs/recipes.md').read_text(encoding='utf-8')
    assert f'between {health.WEAK_LEAD:g} and {health.STRONG_LEAD:g}' in curves_of_a_run
    assert f'by {health.RARE_UPDATES:.0%} of the iterations or more' in curves_of_a_run
    trouble = (ROOT / 'docs/troubleshooting.md').read_text(encoding='utf-8')
    assert f'`d_lead` is above {health.STRONG_LEAD:g}' in trouble


def test_a_lead_is_a_ratio_of_probabilities() -> None:
    """As the page says: e² = 7.4 times, by the same lead that a training logs."""
    real, fake = torch.full((2, 3), 1.5), torch.full((2, 3), -1.75)
    lead = float(_log_sigmoid([Score(real)]) - _log_sigmoid([Score(fake)]))
    assert math.exp(lead) == pytest.approx(float(real.sigmoid().mean() / fake.sigmoid().mean()), rel=1e-5)
    page = (ROOT / 'docs/training.md').read_text(encoding='utf-8')
    assert f'e² = {math.exp(health.STRONG_LEAD):.1f} times the probability' in page


def test_advice_reads_the_same_on_a_console_and_on_a_page() -> None:
    advice = assess(curves(0.1, 0.1, 0.0), 0.4).advice
    assert 'worst frames of a test' in advice and 'below' not in advice


def test_the_sentence() -> None:
    logs = curves(0.6, -0.4, 0.4) | {'d_accuracy': [(step, 0.7) for step in range(10, 601, 10)]}
    text = str(assess(logs, 0.4))
    assert text.startswith('GAN health: healthy. Lately D (the discriminator) leads by 0.4')
    assert 'ranks the real clip higher in 70% of places' in text and 'updated in 60% of the iterations' in text
    assert str(Health('x', 'Found.', 'Do.')) == 'GAN health: x. Found. Do.'


def test_of_a_work_dir(tmp_path) -> None:
    assert 'D (the discriminator) leads by 0.30' in health_of(make_work_dir(tmp_path)).found
