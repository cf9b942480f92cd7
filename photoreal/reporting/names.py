"""What the names of metrics say.

What is measured of single videos and frames is called ``<name>``, or ``<prefix>/<name>`` of a metric with a prefix of
its own; the prefix of the others is the domain of the video.
"""

from collections.abc import Sequence
from typing import Any

INPUT = '_input'  # measures the untouched input, which bounds what a prediction is compared with
CLASS = '_class_'  # measures one class of the label map


def of_prediction(name: str) -> bool:
    """Whether a metric judges the prediction as a whole."""
    return not name.endswith(INPUT) and CLASS not in name


def class_of(name: str, class_names: Sequence[str]) -> str:
    """What the class is called that a metric measures: ``car`` for ``flicker_class_13``, or ``class 13``."""
    number = name.split(CLASS)[1]
    known = number.isdecimal() and int(number) < len(class_names)
    return class_names[int(number)] if known else f'class {number}'


def title_of(name: str, class_names: Sequence[str]) -> str:
    """A metric's name for people: ``flicker: car`` for ``flicker_class_13``."""
    return f'{name.split(CLASS)[0]}: {class_of(name, class_names)}' if CLASS in name else name


def without_input(names: list[str]) -> list[str]:
    """The names, less those of the input that belong beside another, such as ``psnr_input`` beside ``psnr``."""
    return [name for name in names if not (name.endswith(INPUT) and name.removesuffix(INPUT) in names)]


def without_prefix(name: str) -> str:
    """What a metric itself calls its value."""
    return name.split('/', 1)[-1]


def of_prefix(videos: dict[str, dict[str, Any]], prefix: str) -> dict[str, dict[str, Any]]:
    """What the metrics of one prefix say: ``<domain>/<video>`` -> name without prefix -> value.

    Of a domain all videos are there, of another prefix those that it has measured.
    """
    found = {}
    for video, values in videos.items():
        domain = video.split('/')[0]
        own = {without_prefix(name): value for name, value in values.items()
               if (name.split('/')[0] if '/' in name else domain) == prefix}
        if own or domain == prefix:
            found[video] = own
    return found
