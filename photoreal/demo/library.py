"""The models and samples of a demo: visitors choose among names, which only the server turns into paths."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from photoreal.bundle import TrainedModel, load_bundle
from photoreal.datasets.sources import FrameSource, open_source
from photoreal.demo.uploads import open_sample
from photoreal.errors import ConfigError, DataError
from photoreal.inference.keeping import find_labels
from photoreal.modalities import Modality


class Library:
    """What there is to choose from.

    Args:
        models: Bundles (``*.safetensors``).
        samples: Video files, folders of pictures, or folders of a data set's video with ``frames/`` and recorded maps.

    Raises:
        CheckpointError: A bundle cannot be loaded.
        ConfigError: There is no model, or two have one name.
        DataError: A sample cannot be read.
    """

    def __init__(self, models: Sequence[str | Path], samples: Sequence[str | Path] = ()) -> None:
        if not models:
            raise ConfigError('the demo has no model: give it a bundle, made with tools/export.py')
        self.models = {_name(path, models): load_bundle(path) for path in models}
        self._samples = {_name(path, samples): path for path in map(Path, samples)}
        for path in self._samples.values():
            open_sample(path)  # what is missing is told now
        if len(self.models) < len(models) or len(self._samples) < len(samples):
            raise ConfigError('two models or two samples of the demo have the same name: rename one')

    @cached_property
    def samples(self) -> list[str]:
        """Names of the samples."""
        return list(self._samples)

    def open_sample(self, name: str, model: TrainedModel) -> tuple[FrameSource, dict[str, FrameSource]]:
        """The frames of a sample, and what is recorded of the model's modalities; labels, too, for classes to keep."""
        path = self._samples[name]
        frames = open_sample(path)
        if not path.is_dir():
            return frames, {}
        found = {key: open_source(path, m.folder) for key, m in recorded(model).items()}
        key, labels = find_labels(model.preprocessor.modalities)
        if key not in model.preprocessor.modalities:
            found[key] = _usable(open_source(path, labels.folder), labels, frames)
        return frames, {key: source for key, source in found.items() if source is not None}


def _usable(source: FrameSource | None, labels: Modality, frames: FrameSource) -> FrameSource | None:
    """Labels that the model does not ask for, if they are what they seem to be; else the video does without."""
    if source is None or len(source) != len(frames) or source.size != frames.size:
        return None
    try:
        labels.compute(source.read([0], raw=labels.raw))
    except (ValueError, DataError):
        return None
    return source


def recorded(model: TrainedModel) -> dict[str, Modality]:
    """The modalities of a model that cannot be computed from the frames."""
    return {name: m for name, m in model.preprocessor.modalities.items() if m.folder is not None}


def optional(model: TrainedModel) -> frozenset[str]:
    """The modalities that the model can do without."""
    return frozenset(model.preprocessor.layout.presence)


def _name(path: str | Path, others: Sequence[str | Path]) -> str:
    """The last part of a path that tells it from the others."""
    path = Path(path).absolute()
    twins = [other for other in others if Path(other).absolute().stem == path.stem]
    return path.stem if len(twins) == 1 else f'{path.parent.name}/{path.stem}'
