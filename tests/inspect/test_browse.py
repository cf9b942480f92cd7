"""What is shown is what training gets."""

from pathlib import Path

import numpy as np
import pytest

from photoreal.config import load_config
from photoreal.datasets import ClipDataset
from photoreal.errors import ConfigError
from photoreal.inspect import ClipView, browse
from photoreal.inspect.browse import picture_of, strips
from photoreal.inspect.clip_page import write_page, write_pictures
from photoreal.modalities import Blur, LabelMap
from photoreal.modalities.dropout import ModalityDropout
from photoreal.registry import DATASETS
from tests.inspect.helpers import frames, labels, put

CONFIG = Path(__file__).resolve().parents[2] / 'configs/tecogan_multimodal.py'


def config(root: Path, *options: str):
    for name in 'ab':
        put(root, f'train/real/{name}', frames(ord(name)), labels=labels(12, 0, 3))
    modalities = "modalities={'blur': {'type': 'Blur'}, 'labels': {'type': 'LabelMap', 'folder': 'labels'}}"
    return load_config(CONFIG, [f'data_root={root}', 'clip_length=4', 'crop_size=32', modalities, *options])


def test_clips_are_those_of_training_in_its_order(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    for number, view in enumerate(browse(cfg, 3, 5), start=3):
        assert view.number == number
        item = dataset[number]
        np.testing.assert_array_equal(view.rows['target'], item['target'].movedim(1, -1).numpy())
        np.testing.assert_array_equal(view.rows['blur'], item['maps']['blur'].movedim(1, -1).numpy())
        shown = view.rows['labels']
        assert {tuple(colour) for colour in shown.reshape(-1, 3).tolist()} <= {(128, 64, 128), (102, 102, 156)}


def test_the_description_is_what_the_clip_was_made_of(tmp_path: Path) -> None:
    config(tmp_path)
    modalities = {'blur': Blur(sigma=(1.0, 3.0)), 'labels': LabelMap('labels')}
    dataset = ClipDataset(tmp_path, modalities, clip_length=4, crop_size=32, strides=(1, 2), reverse_prob=0.5,
                          flip_prob=0.5, still_prob=0.3)
    kinds = set()
    for number in range(40):
        choice, target = dataset.describe(number), dataset[number]['target'].movedim(1, -1).numpy()
        assert len(choice.indices) == len(choice.windows) == 4
        for shown, index, window in zip(target, choice.indices, choice.windows):
            expected = window.cut(choice.video.frames.read([index])[0])
            np.testing.assert_array_equal(shown, expected[:, ::-1] if choice.flip else expected)
        kinds.add((choice.flip, len(set(choice.indices)) == 1, choice.indices[0] > choice.indices[-1]))
        assert set(choice.params) == {'blur', 'labels'} and 1 <= choice.params['blur']['sigma'] <= 3
    assert len(kinds) == 6, 'mirrored or not, each of still, forward and backward'


def test_a_negative_clip_cannot_be_described(tmp_path: Path) -> None:
    config(tmp_path)
    with pytest.raises(IndexError, match='-1'):
        ClipDataset(tmp_path, {'blur': Blur()}, clip_length=4, crop_size=32).describe(-1)


def test_captions_tell_what_was_drawn(tmp_path: Path) -> None:
    views = list(browse(config(tmp_path), 0, 12))
    for view in views:
        assert view.title.startswith(f'clip {view.number}: real/{view.choice.video.name}, frame')
        assert '32x32 at ' in view.title
        assert ('mirrored' in view.title) == view.choice.flip
        assert view.caption('blur') == (f"blur  sigma={view.choice.params['blur']['sigma']:.4g}  "
                                        f"down={view.choice.params['blur']['down']}")
    assert views[0].caption('target') == 'target'


def test_what_dropout_takes_is_shown_and_said(tmp_path: Path) -> None:
    cfg = config(tmp_path, "model.dropout={'prob': {'labels': 0.5}}")
    dataset, dropout = DATASETS.build(cfg.train_dataloader.dataset), ModalityDropout({'labels': 0.5}, keep=1, always=1)
    counts = {True: 0, False: 0}
    for view in browse(cfg, 0, 16):
        [there] = dropout.draw(dataset[view.number]['seed'])
        counts[bool(there)] += 1
        assert view.missing == (() if there else ('labels',))
        assert view.title.endswith(', without labels') == (not there)
        assert view.caption('labels') == ('labels' if there else 'labels  left out: the network sees zeros')
        assert view.rows['labels'].any() == there
    assert min(counts.values()) > 2


def test_the_target_may_be_larger_than_the_condition(tmp_path: Path) -> None:
    view = next(browse(config(tmp_path, 'scale=2', 'crop_size=24'), 0, 1))
    assert view.rows['target'].shape == (4, 48, 48, 3) and view.rows['blur'].shape == (4, 24, 24, 3)
    rows = strips(view)
    assert {row.shape[0] for row in rows.values()} == {96} and len({row.shape[1] for row in rows.values()}) == 1


def test_small_frames_are_enlarged_pixel_by_pixel(tmp_path: Path) -> None:
    view = next(browse(config(tmp_path), 0, 1))
    np.testing.assert_array_equal(strips(view)['target'][1:96:3, 1:96:3], view.rows['target'][0])


def test_pictures_and_page_are_written(tmp_path: Path) -> None:
    views: list[ClipView] = list(browse(config(tmp_path / 'data'), 0, 2))
    assert [p.name for p in write_pictures(tmp_path / 'out', views)] == ['clip_000000.png', 'clip_000001.png']
    assert picture_of(views[0]).shape[0] == 4 * 22 + 3 * 96
    write_page(tmp_path / 'clips.html', views, 'Clips')
    page = (tmp_path / 'clips.html').read_text('utf-8')
    assert page.count('src="data:image/png;base64,') == 6 and 'http' not in page


def test_a_dataset_that_cannot_describe_its_clips_is_refused(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    cfg.train_dataloader.dataset = dict(type='StreamDataset', data_root=str(tmp_path), split='train', domains=['real'],
                                        modalities=cfg.modalities)
    with pytest.raises(ConfigError, match='StreamDataset has no describe'):
        next(browse(cfg, 0, 1))
