"""Public networks for depth and classes: where they lie, under which licence, what they take and what they give.

Nothing is fetched by itself: ``photoreal fetch-model NAME`` puts a file into the cache, and the name then stands for
it, as in ``MonoDepth(model='midas-v21-small')``. A file is used only if it has the right checksum.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from photoreal.download import sha256_of
from photoreal.errors import ConfigError
from photoreal.storage import cache_folder


@dataclass(frozen=True)
class Network:
    """A public network.

    Attributes:
        name: What it is called here.
        makes: The folder that its maps go to, ``depth`` or ``segmentation``.
        licence: SPDX identifier of the weights' licence.
        page: Where its makers describe it.
        url: The file.
        sha256: Of the file. None: nobody has published it; that of the first download is kept and holds from then on.
        megabytes: About how large it is.
        takes: What it is given.
        gives: What its output means.
        settings: Config of the modality that runs it, without ``model``.
    """

    name: str
    makes: str
    licence: str
    page: str
    url: str
    sha256: str | None
    megabytes: float
    takes: str
    gives: str
    settings: Mapping[str, Any]


# The first of those that make the same is the one to fetch where none is there.
NETWORKS = {network.name: network for network in (
    Network(
        'depth-anything-v2-small', 'depth', 'Apache-2.0', 'https://github.com/DepthAnything/Depth-Anything-V2',
        'https://huggingface.co/onnx-community/depth-anything-v2-small/resolve/'
        '4472b7362082ad9968fee890ca0f1e5aca36b93d/onnx/model.onnx',
        'afb6a5c28f3b6bf1618c6e43f02073ef9dfdc70e937502d51603e57b0a1df10c', 99.1,
        'RGB, 518x518 (sides are multiples of 14), less the mean and by the deviation of ImageNet',
        'relative disparity: large is near, without scale or unit',
        dict(type='MonoDepth', kind='disparity', size=518)),
    Network(
        'midas-v21-small', 'depth', 'MIT', 'https://github.com/isl-org/MiDaS',
        'https://github.com/isl-org/MiDaS/releases/download/v2_1/model-small.onnx',
        '2d8c6cb8f415229daf1eb041024208e2608c9f98e17c81cc7c6ecb449c56fd58', 66.8,
        'RGB, 256x256, 0 to 1: the network subtracts the mean and divides by the deviation itself',
        'relative disparity: large is near, without scale or unit',
        dict(type='MonoDepth', kind='disparity', size=256, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])),
    Network(
        'bisenetv2-cityscapes', 'segmentation', 'Apache-2.0', 'https://github.com/PaddlePaddle/PaddleSeg',
        'https://bj.bcebos.com/paddle2onnx/model_zoo/bisenet.onnx', None, 9.4,
        'RGB, 2048x1024, -1 to 1 (mean and deviation 0.5)',
        'the 19 classes of Cityscapes as trainIds: 0 road, 1 sidewalk, ... 18 bicycle',
        dict(type='Segmentation', num_classes=19, size=[1024, 2048], mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])),
)}
ESTIMATED = tuple(dict.fromkeys(network.makes for network in NETWORKS.values()))  # what networks are for


def home() -> Path:
    """Where fetched networks lie."""
    return cache_folder() / 'networks'


def lock_file() -> Path:
    """Name -> what was fetched first under it, as JSON: ``sha256``, ``url`` and ``date``."""
    return home() / 'networks.json'


def recorded() -> dict[str, dict[str, str]]:
    """What :func:`lock_file` holds.

    Raises:
        ConfigError: It is damaged.
    """
    try:
        found = json.loads(lock_file().read_text(encoding='utf-8'))
        return {name: {'sha256': str(entry['sha256']), **entry} for name, entry in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f'{lock_file()} is damaged ({error}); remove it, and fetch the networks again') from error


def expected_sum(name: str) -> str | None:
    """The SHA-256 that a network's file must have: the listed one, else that of the first download, else None."""
    return NETWORKS[name].sha256 or recorded().get(name, {}).get('sha256')


def path_of(name: str) -> Path:
    """Where a network's file is, or would be."""
    return home() / f'{name}.onnx'


def is_sound(name: str) -> bool:
    """Whether a network has been fetched, and its file is still what it was."""
    path = path_of(name)
    return path.is_file() and expected_sum(name) == _sum(str(path), path.stat().st_mtime_ns)


def network_file(name: str) -> str:
    """The path of a network's file.

    Raises:
        ConfigError: It has not been fetched, or has changed since.
    """
    path = path_of(name)
    if not path.is_file():
        raise ConfigError(f"model='{name}' is not there yet; run: python tools/fetch_model.py {name}")
    if not is_sound(name):
        raise ConfigError(f"model='{name}': {path} has not the SHA-256 that it must have, {expected_sum(name)}; run: "
                          f'python tools/fetch_model.py {name}')
    return str(path)


@lru_cache(maxsize=8)
def _sum(path: str, stamp: int) -> str:
    return sha256_of(path)


def network_of_file(path: str | os.PathLike) -> Network | None:
    """The listed network that a file holds, whatever it is called; None where it is none of them."""
    found = sha256_of(path)
    return next((network for name, network in NETWORKS.items() if expected_sum(name) == found), None)


def settings_for(folder: str, model: str | None = None) -> dict[str, Any]:
    """The config of the modality that makes the maps of a folder.

    Args:
        folder: ``depth`` or ``segmentation``.
        model: A listed network, or a file; None: the first listed one that has been fetched. A file that is none of
            the listed ones gets the defaults of the modality.

    Raises:
        ConfigError: It is of the other kind, or none has been fetched.
    """
    choices = [network for network in NETWORKS.values() if network.makes == folder]
    if model is None:
        network = next((network for network in choices if is_sound(network.name)), None)
        if network is None:
            first = choices[0]
            raise ConfigError(f"modality '{folder}': there is no network to compute it with; run: python "
                              f'tools/fetch_model.py {first.name} ({first.megabytes} MB, {first.licence}), or give a '
                              f'file: --model {folder}=FILE.onnx')
        return {**network.settings, 'model': network.name}
    network = NETWORKS.get(model) or (network_of_file(model) if os.path.isfile(model) else None)
    if network is not None and network.makes != folder:
        raise ConfigError(f"modality '{folder}': {model} makes {network.makes}; expected one of "
                          f'{", ".join(choice.name for choice in choices)}, or a file')
    return {**(network.settings if network else {'type': choices[0].settings['type']}), 'model': model}
