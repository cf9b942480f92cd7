"""Validation and test without the videos that are not there: only real videos to train on are needed."""

from collections.abc import Sequence

from mmengine.config import Config

from photoreal.datasets.layout import absence, is_absent
from photoreal.metrics.base import DOMAINS
from photoreal.validation import domains_of


def leave_out_absent(cfg: Config, phases: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Take domains without videos out of validation and test, with the metrics that are for them.

    Args:
        cfg: A checked config; it is changed.
        phases: Some of 'train', 'val' and 'test'.

    Returns:
        The phases that are left, without a validation that has nothing to look at, and what there is to know, a
        sentence each. A test of nothing stays, and fails.
    """
    left, notes = [], []
    for phase in phases:
        dataset = cfg[f'{phase}_dataloader']['dataset']
        if phase == 'train' or dataset.get('type') != 'StreamDataset':
            left.append(phase)
            continue
        root, split = dataset['data_root'], dataset.get('split', 'val')
        domains = tuple(dataset.get('domains', ('real', 'virtual')))
        # A domain that nobody knows is told when the data are built.
        gone = [domain for domain in domains if domain in DOMAINS and is_absent(root, split, domain)]
        there = tuple(domain for domain in domains if domain not in gone)
        if not gone or (phase == 'test' and not there):
            left.append(phase)
            continue
        given = cfg.get(f'{phase}_evaluator') or []
        metrics = given if isinstance(given, list) else [given]
        kept = [metric for metric in metrics if domains_of(metric) <= set(there)]
        dropped = ', '.join(dict.fromkeys(metric['type'] for metric in metrics if metric not in kept))
        notes += [absence(root, split, domain) for domain in gone]
        if dropped:
            notes[-1] += f' (left out: {dropped})'
        dataset['domains'] = there
        cfg[f'{phase}_evaluator'] = kept
        _forget_best(cfg, gone)
        if there:
            left.append(phase)
    return tuple(left), list(dict.fromkeys(notes))


def _forget_best(cfg: Config, gone: Sequence[str]) -> None:
    """Keep no best weights by measures of domains that have no videos."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint')
    best = hook.get('save_best') if hook else None
    if best:
        named = [best] if isinstance(best, str) else list(best)
        hook['save_best'] = [name for name in named if name.partition('/')[0] not in gone] or None
