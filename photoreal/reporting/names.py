"""What the names of metrics say."""

INPUT = '_input'  # measures the untouched input, which bounds what a prediction is compared with
CLASS = '_class_'  # measures one class of the label map


def of_prediction(name: str) -> bool:
    """Whether a metric judges the prediction as a whole."""
    return not name.endswith(INPUT) and CLASS not in name


def without_input(names: list[str]) -> list[str]:
    """The names, less those of the input that belong beside another, such as ``psnr_input`` beside ``psnr``."""
    return [name for name in names if not (name.endswith(INPUT) and name.removesuffix(INPUT) in names)]
