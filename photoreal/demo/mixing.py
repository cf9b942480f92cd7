"""What of a prediction a visitor wants to see: switches that a finished frame is blended by, again and again."""

from collections.abc import Sequence
from dataclasses import dataclass

from photoreal.bundle import TrainedModel
from photoreal.inference.control import Control
from photoreal.inference.keeping import find_labels, parse_classes
from photoreal.modalities.labels import class_names


@dataclass(frozen=True)
class Mix:
    """What is shown of predictions.

    Attributes:
        strength: 0, the input, to 1, the prediction.
        guard: How far the structure guard goes back to the input, 0 to 1.
        keep: Classes that stay the input's, by name or number.
        look: Whether frames go through the model's look before the generator sees them.
        camera: Whether predictions go through the model's camera.
    """

    strength: float = 1.0
    guard: float = 0.0
    keep: tuple[str, ...] = ()
    look: bool = True
    camera: bool = True

    def control(self, model: TrainedModel) -> Control:
        """The same for a blend.

        Raises:
            ConfigError: A value is out of range, or the model's labels have no such class.
        """
        labels = find_labels(model.preprocessor.modalities)[1]
        return Control(self.strength, self.guard, parse_classes(self.keep, labels.num_classes),
                       None if self.camera else 0.0)


def classes_of(model: TrainedModel) -> list[str]:
    """What visitors can choose among: names of classes, or their numbers."""
    count = find_labels(model.preprocessor.modalities)[1].num_classes
    return class_names(count) or [str(number) for number in range(count)]


def as_mix(strength: float, guard: float, keep: Sequence[str] | None, look: bool, camera: bool) -> Mix:
    """What the page sends."""
    return Mix(float(strength), float(guard), tuple(keep or ()), bool(look), bool(camera))
