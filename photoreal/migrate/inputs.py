"""The modalities of a multimodal experiment: how its YAML lists them, and what each is here."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from photoreal.datasets.sources import FrameSource, open_source
from photoreal.errors import DataError
from photoreal.inspect.plan import infer_config
from photoreal.migrate.options import Options
from photoreal.migrate.places import FRAMES, Places, data_section, split_sections
from photoreal.modalities import build_modalities

LISTS = ('modalities', 'modality', 'input_modalities', 'inputs', 'input_folders', 'mods', 'conditions', 'modality_dirs')
_TARGETS = ('ground_truth', 'gt', 'target', 'output', 'label_frames', 'frames')
_FOLDER = ('name', 'folder', 'dir', 'path', 'subdir')
_CHANNELS = ('channels', 'nc', 'in_nc', 'num_channels', 'n_channels', 'ch')
_CLASSES = ('num_classes', 'n_classes', 'classes', 'nc_label', 'num_labels')
_NUMBERED = re.compile(r'(?:input|in|modality|mod|cond)_?(\d+)')  # a place among the inputs, not a folder's name
_PROBED = 3  # videos whose maps tell what they are

# The colours of two types of labels, in the order of their channels, in codes of the public program whose YAML this is
# (github.com/BrainGardenAI/TecoGAN-PyTorch, codes/data/transforms/torch_transforms.py).
_F, _A, _H = 255, 170, 85
SEMANTIC = [
    (_F, 0, 0), (_F, _H, 0), (_F, _A, 0), (_F, 0, _H), (_F, 0, _A), (0, _F, 0), (_H, _F, 0), (_A, _F, 0), (0, _F, _H),
    (0, _F, _A), (0, 0, _F), (_H, 0, _F), (_A, 0, _F), (0, _H, _F), (0, _A, _F), (_F, _F, 0), (_F, _F, _H),
    (_F, _F, _A), (_F, 0, _F), (_F, _H, _F), (_F, _A, _F), (0, _F, _F), (_H, _F, _F), (_A, _F, _F)]
SEMANTIC2 = [
    (0, 0, _F), (0, _H, _F), [(_H, 0, _F), (0, _A, _F)], [(_A, 0, _F), (0, _F, 0)], (0, _F, _H),
    [(_H, _F, 0), (0, _F, _A)], (_F, 0, 0), [(_F, 0, _H), (_F, 0, _A), (_F, _H, 0)], (_F, _A, 0), (0, _F, _F),
    (_A, _F, _F), (_H, _F, _F), (_F, 0, _F)]

_PICTURES = ('standard', 'rgb', 'image', 'img', 'picture', 'color', 'colour', 'normal_map', 'normal', 'normals')
_GREYS = ('gray', 'grey', 'grayscale', 'mono', 'mask', 'luma')
_LABELS = ('label', 'labels', 'segmentation', 'seg', 'semseg', 'classes', 'onehot', 'one_hot', 'categorical')
_COMPUTED = {'blur': {'type': 'Blur'}, 'gauss': {'type': 'Blur'}, 'edge': {'type': 'Edges'}, 'canny': {'type': 'Edges'},
             'gray': {'type': 'Gray'}, 'grey': {'type': 'Gray'}}


@dataclass(frozen=True)
class Input:
    """A modality as a YAML lists it.

    Attributes:
        key: Where it is listed, for messages.
        folder: Name of its folder beside the frames.
        kind: Its type in the YAML's words.
        channels: Channels that it has there.
        classes: Classes that it has there.
        made_of: What it is composed from there, where it has no folder: a mask.
    """

    key: str
    folder: str
    kind: str | None = None
    channels: int | None = None
    classes: int | None = None
    made_of: str | None = None

    @property
    def name(self) -> str:
        """Its name in a config."""
        name = re.sub(r'\W', '_', self.folder)
        return f'_{name}' if name[:1].isdigit() else name


def parse_inputs(options: Options) -> tuple[str | None, list[Input]]:
    """The folder of the frames, where the YAML names it, and the modalities in its order.

    The first list counts; the others, of validation sets for the most part, are the same.
    """
    data = data_section(options)
    sections = [*split_sections(options, 'train'), *split_sections(options, 'val'), data, f'{data}.degradation',
                'model.generator', 'model', 'train', '']
    found: tuple[str | None, list[Input]] | None = None
    for section in dict.fromkeys(sections):
        for name in LISTS:
            key = f'{section}.{name}' if section else name
            listed = options.value(key)
            if not isinstance(listed, (dict, list, str)) or not listed:
                continue
            options.cover(key)
            own = _split(options, key, listed)
            if found is None:
                found = own
            elif [i.folder for i in own[1]] != [i.folder for i in found[1]]:
                options.notes[key] = 'differs from the modalities of the training, which are taken'
    return found or (None, [])


def _split(options: Options, key: str, listed: dict | list | str) -> tuple[str | None, list[Input]]:
    """Tell the frames, which are the target, from the inputs."""
    frames, inputs = None, []
    for name, entry in _entries(listed):
        where = f'{key}.{name}'
        wanted = _parse(where, name, entry)
        if name.lower() in _TARGETS or wanted.folder in FRAMES:
            frames = wanted.folder
        else:
            inputs.append(wanted)
            if isinstance(entry, dict) and entry.get('ext') is not None:
                options.notes.setdefault(f'{key}.*.ext', 'pictures of any kind are found by their names')
    return frames, inputs


def _entries(listed: dict | list | str) -> Iterator[tuple[str, Any]]:
    """(name, options) of each entry: of a mapping, of a list of names or of mappings, of a text with commas."""
    if isinstance(listed, str):
        listed = re.split(r'[\s,;+|]+', listed.strip())
    if isinstance(listed, dict):
        numbers = {name: _NUMBERED.fullmatch(str(name)) for name in listed}
        numbered = all(number or str(name).lower() in _TARGETS for name, number in numbers.items())
        order = sorted(listed, key=lambda name: int(numbers[name][1]) if numbers[name] else 0) if numbered else listed
        yield from ((str(name), listed[name]) for name in order)
        return
    for entry in listed:
        if isinstance(entry, dict):
            own = next((entry[key] for key in _FOLDER if isinstance(entry.get(key), str)), None)
            if own is not None:
                yield own, entry
            else:
                yield from ((str(name), value) for name, value in entry.items())
        elif entry is not None:
            yield str(entry), None


def _parse(key: str, name: str, entry: Any) -> Input:
    if isinstance(entry, bool) or entry is None:
        return Input(key, name)
    if isinstance(entry, int):
        return Input(key, name, channels=entry)
    if isinstance(entry, str):  # a type, or a folder
        known = entry.lower() in (*_PICTURES, *_GREYS, *_LABELS, 'semantic', 'semantic2', 'depth')
        return Input(key, name, kind=entry.lower()) if known else Input(key, entry)
    if not isinstance(entry, dict):
        return Input(key, name)

    def take(names: Sequence[str], kind: type) -> Any:
        return next((entry[name] for name in names if type(entry.get(name)) is kind), None)

    folder, said, mask = take(_FOLDER, str), take(('type', 'kind', 'mode'), str), entry.get('mask')
    return Input(key, Path(folder or name).name, said and said.lower(), take(_CHANNELS, int), take(_CLASSES, int),
                 str(mask.get('name') if isinstance(mask, dict) else mask) if mask else None)


def modality_configs(options: Options, inputs: Sequence[Input], places: Places,
                     channels: int | None) -> dict[str, dict[str, Any]]:
    """Name -> config of each modality, in the YAML's order.

    What an entry does not say is told by its maps, as far as that gives the network's number of input channels; else
    maps are pictures of 3 channels, as that program read them.

    Args:
        options: The YAML; what cannot be carried over becomes a note.
        inputs: What it lists; where that is nothing, everything that lies beside the frames.
        places: Where the videos are.
        channels: Input channels of the network, where the YAML or old weights say so.
    """
    videos = places.of('train', 'real') or places.videos
    recorded = dict.fromkeys(stem for video in videos for stem in sorted(video.entries) if stem != 'frames')
    if not inputs:
        inputs = [Input('(not listed)', stem) for stem in recorded]
        if inputs:
            options.notes['modalities'] = f'not listed: what lies beside the frames is taken, {", ".join(recorded)}'
    choices: dict[str, list[dict[str, Any]]] = {}
    for wanted in inputs:
        found = _candidates(options, wanted, [v.entries for v in videos], wanted.folder in recorded)
        if found:
            name = wanted.name if wanted.name not in choices else f'{wanted.name}_{len(choices)}'
            choices[name] = found
    return _agreeing(choices, channels)


def _agreeing(choices: Mapping[str, Sequence[dict[str, Any]]], channels: int | None) -> dict[str, dict[str, Any]]:
    """The first choice of each, or those that together have the wanted number of channels."""
    if not choices or channels is None:
        return {name: found[0] for name, found in choices.items()}
    counts = {name: [build_modalities({name: cfg})[name].channels for cfg in found] for name, found in choices.items()}
    for picked in product(*(range(len(found)) for found in choices.values())):
        if sum(counts[name][i] for name, i in zip(choices, picked)) == channels:
            return {name: choices[name][i] for name, i in zip(choices, picked)}
    return {name: found[0] for name, found in choices.items()}


def _candidates(options: Options, wanted: Input, videos: Sequence[Mapping[str, Path]],
                recorded: bool) -> list[dict[str, Any]]:
    """What an input can be, the likeliest first; nothing where it must be left out."""
    if not recorded:
        computed = next((cfg for word, cfg in _COMPUTED.items() if word in wanted.folder.lower()), None)
        if computed is not None and wanted.made_of is None:
            options.notes[wanted.key] = f"no video has {wanted.folder}/: it is computed, by {computed['type']}"
            return [dict(computed)]
        what = f'is made there of frames and the mask {wanted.made_of}/, which has no counterpart' \
            if wanted.made_of else 'is recorded beside none of the videos'
        options.notes[wanted.key] = f'left out: {wanted.folder} {what}; put its pictures into <video>/{wanted.folder}/'
        return []
    picture = {'type': 'ImageFolder', 'folder': wanted.folder}
    grey = picture | {'channels': 1}
    if wanted.kind in ('semantic', 'semantic2'):
        palette = SEMANTIC if wanted.kind == 'semantic' else SEMANTIC2
        return [{'type': 'LabelMap', 'folder': wanted.folder, 'num_classes': len(palette), 'palette': palette,
                 'ignore': 'others'}]
    seen = _infer(wanted.folder, videos)
    classes = wanted.classes or (wanted.channels if (wanted.channels or 0) > 3 else None)
    if classes is not None:
        return [{'type': 'LabelMap', 'folder': wanted.folder, 'num_classes': classes, 'ignore': 'others'}]
    if wanted.kind in _PICTURES or wanted.channels == 3:
        return [picture]
    if wanted.kind in _GREYS or wanted.kind == 'depth' or wanted.channels == 1:
        return [seen if seen['type'] == 'Depth' else grey]
    if wanted.kind in _LABELS and seen['type'] == 'LabelMap':
        return [seen]
    if wanted.kind is not None:
        options.notes[f'{wanted.key}.type'] = f"{wanted.kind!r} is read as {seen['type']}, as its maps look"
    return [seen, *(cfg for cfg in (picture, grey) if cfg != seen)]


def _infer(folder: str, videos: Sequence[Mapping[str, Path]]) -> dict[str, Any]:
    """What some videos' maps look like."""
    sources: list[FrameSource] = []
    for entries in [entries for entries in videos if folder in entries][:_PROBED]:
        path = entries[folder]
        try:
            source = open_source(path.parent, path.name if path.is_dir() else path.stem)
        except DataError:
            continue  # the data set names the fault when it is read
        sources += [source] if source is not None else []
    return infer_config(folder, sources)
