"""Colour transfer by lookup: the simple translations that a trained one has to beat.

A translation is a table a channel of 8-bit Lab, made from two histograms, so that a whole video is translated alike.
"""

import cv2
import numpy as np


def lab_histogram(image: np.ndarray) -> np.ndarray:
    """Histograms of the channels of 8-bit Lab: (H, W, 3) uint8 RGB -> (3, 256) int64."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    return np.stack([np.bincount(lab[..., c].ravel(), minlength=256) for c in range(3)])


def reinhard_tables(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Bring mean and standard deviation of each channel from those of one histogram to those of another.

    After Reinhard et al., "Color transfer between images", IEEE CG&A 21(5), 2001, in Lab.

    Args:
        source: (3, 256), from :func:`lab_histogram`, of what is to be translated.
        target: (3, 256), of what it is to look like.

    Returns:
        (3, 256) uint8 tables for :func:`apply_tables`.
    """
    (mean, std), (target_mean, target_std) = map(_moments, (source, target))
    gain = target_std / np.maximum(std, 1e-6)
    tables = (np.arange(256) - mean[:, None]) * gain[:, None] + target_mean[:, None]
    return np.clip(np.rint(tables), 0, 255).astype(np.uint8)


def matching_tables(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Bring one histogram of each channel to another; arguments and result as for :func:`reinhard_tables`."""
    tables = []
    for own, wanted in zip(source, target, strict=True):
        # The middle of each level's share, so that equal histograms give each level itself.
        levels, shares = wanted.nonzero()[0], _middle_shares(wanted)
        tables.append(np.interp(_middle_shares(own), shares[levels], levels))
    return np.clip(np.rint(tables), 0, 255).astype(np.uint8)


def apply_tables(image: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Translate an image (H, W, 3) uint8 RGB by tables (3, 256) of its Lab channels."""
    lab = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), np.ascontiguousarray(tables.T)[None])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def _moments(histograms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    share = histograms / histograms.sum(1, keepdims=True)
    mean = share @ np.arange(256)
    return mean, np.sqrt((share * (np.arange(256) - mean[:, None]) ** 2).sum(1))


def _middle_shares(histogram: np.ndarray) -> np.ndarray:
    """For each level the share of pixels below it and half of its own."""
    return (np.cumsum(histogram) - histogram / 2) / histogram.sum()
