"""A check names every fault with what to do, and fails exactly where training would."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from photoreal.config import load_config
from photoreal.datasets.pack import pack
from photoreal.errors import DataError
from photoreal.inspect import CheckPlan, Report, check, plan_from_config, plan_from_folders
from photoreal.inspect.report_page import write_report
from photoreal.inspect.text import summary
from photoreal.modalities import Blur, Depth, Edges, ImageFolder, LabelMap
from photoreal.testing.modality import street_frames
from tests.inspect.helpers import HEIGHT, WIDTH, frames, labels, put, sound_root

PLAN = CheckPlan({'blur': Blur(), 'edges': Edges()}, (('train', 'real'), ('val', 'real'), ('val', 'virtual')))
CONFIG = Path(__file__).resolve().parents[2] / 'configs/tecogan_multimodal.py'


def found(report: Report, level: str) -> list[str]:
    return [finding.text for finding in report.findings if finding.level == level]


def with_labels(plan: CheckPlan) -> CheckPlan:
    return dataclasses.replace(plan, modalities={**plan.modalities, 'labels': LabelMap('labels', 10)}, configured=True)


def test_sound_data_has_neither_errors_nor_warnings(tmp_path: Path) -> None:
    report = check(sound_root(tmp_path), PLAN)
    assert not report.failed
    assert found(report, 'error') == found(report, 'warning') == []
    assert [look.video.name for look in report.looks] == ['a', 'b', 'c', 'd']
    assert [reading.name for reading in report.gap] == ['frames', 'blur', 'edges']
    text = summary(report)
    assert 'train/real/a' in text and '80x64' in text and 'training can start' in text and 'gap meter' in text
    word = report.gap[0].verdict
    line = next(line for line in text.splitlines() if line.startswith('frames  '))
    assert line.endswith(f'%  {word}') and f'\n{word}: ' in text


def test_what_is_left_out_of_the_files_is_noted(tmp_path: Path) -> None:
    path = sound_root(tmp_path) / 'train/real/a/frames/00000.png'
    Image.open(path).convert('RGBA').save(path)
    report = check(tmp_path, PLAN)
    assert not report.failed
    assert [text for text in found(report, 'note') if 'transparency (alpha) is left out' in text]


def test_what_is_not_there_to_validate_on_is_a_note(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', frames(0))
    (tmp_path / 'val/virtual').mkdir(parents=True)
    report = check(tmp_path, PLAN)
    assert not report.failed and len(report.looks) == 1
    absent = [text for text in found(report, 'note') if 'training needs none' in text]
    assert [text.partition(' ')[0] for text in absent] == [f'{tmp_path}/val/real', f'{tmp_path}/val/virtual']
    assert 'predictions of virtual video are neither shown nor measured' in absent[1]


def test_missing_training_data_fails_and_the_others_are_looked_at(tmp_path: Path) -> None:
    put(tmp_path, 'val/real/a', frames(0))
    report = check(tmp_path, PLAN)
    assert report.failed and ['train/real' in text for text in found(report, 'error')] == [True]
    assert len(report.looks) == 1
    assert summary(report).startswith('error: ')


def test_faults_where_training_does_not_look_are_warnings(tmp_path: Path) -> None:
    put(sound_root(tmp_path), 'train/virtual/e', frames(7))
    (tmp_path / 'train/virtual/e/frames/00003.png').unlink()
    report = check(tmp_path, PLAN)
    assert not report.failed
    assert ['gap' in text for text in found(report, 'warning')] == [True]


@pytest.mark.parametrize('kind', ['gap', 'size', 'damage', 'mismatch'])
def test_faults_of_a_video_fail_and_the_others_are_looked_at(tmp_path: Path, kind: str) -> None:
    put(sound_root(tmp_path), 'train/real/bad', frames(7), labels=labels(12, 0))
    for where in ('train/real/a', 'train/real/b', 'val/real/c', 'val/virtual/d'):
        put(tmp_path, where, frames(1), labels=labels(12, 0))
    bad = tmp_path / 'train/real/bad'
    if kind == 'gap':
        for name in ('frames', 'labels'):
            (bad / name / '00005.png').unlink()
    elif kind == 'size':
        cv2.imwrite(str(bad / 'frames/00005.png'), np.zeros((HEIGHT, WIDTH + 2, 3), np.uint8))
    elif kind == 'damage':
        data = bytearray((bad / 'frames/00005.png').read_bytes())
        data[60:-60] = bytes(len(data) - 120)
        (bad / 'frames/00005.png').write_bytes(data)
    else:
        (bad / 'labels/00011.png').unlink()
    report = check(tmp_path, with_labels(PLAN))
    errors = found(report, 'error')
    assert report.failed
    assert len(errors) == 1 + (kind == 'gap') and all('train/real/bad' in error for error in errors)
    assert {'a', 'b', 'c', 'd'} <= {look.video.name for look in report.looks}


def test_too_short_and_too_small_videos_fail_in_training_only(tmp_path: Path) -> None:
    plan = dataclasses.replace(PLAN, clip_length=13, min_size=(HEIGHT + 1, 1))
    report = check(sound_root(tmp_path), plan)
    assert len(found(report, 'error')) == 4 and all('/train/' in text for text in found(report, 'error'))


def test_cuts_and_repeated_frames_are_warned_of(tmp_path: Path) -> None:
    put(sound_root(tmp_path), 'train/real/e', np.concatenate([frames(7), frames(8), frames(8)[-1:]]))
    warnings = found(check(tmp_path, PLAN), 'warning')
    assert len(warnings) == 2
    assert 'frame 12' in warnings[0] and '--cut-scenes' in warnings[0]
    assert '1 of 25 frames' in warnings[1] and 'frame 24' in warnings[1]


def test_sharpened_real_frames_are_warned_of_and_virtual_ones_not(tmp_path: Path) -> None:
    plain = street_frames(np.random.default_rng(7), 6, 160, 240)
    soft = np.stack([cv2.GaussianBlur(f, (0, 0), 1) for f in plain]).astype(np.float32)
    wide = np.stack([cv2.GaussianBlur(f, (0, 0), 2) for f in soft])
    sharp = np.clip(soft + 3 * (soft - wide), 0, 255).astype(np.uint8)
    sound_root(tmp_path)
    put(tmp_path, 'val/virtual/e', sharp)
    assert found(check(tmp_path, PLAN), 'warning') == []
    put(tmp_path, 'val/real/e', sharp)
    warnings = found(check(tmp_path, PLAN), 'warning')
    assert len(warnings) == 1 and 'val/real/e' in warnings[0] and 'sharpened' in warnings[0]


def test_classes_that_only_virtual_video_has_are_named(tmp_path: Path) -> None:
    for where, classes in {'train/real/a': (0, 1), 'val/real/b': (0, 2), 'val/virtual/c': (1, 4)}.items():
        put(tmp_path, where, frames(ord(where[-1])), labels=labels(12, *classes))
    report = check(tmp_path, with_labels(PLAN))
    assert report.label_maps() == ['labels']
    np.testing.assert_allclose(report.classes('labels', 'real'), [0.5, 0.25, 0.25] + [0] * 8)
    warnings = found(report, 'warning')
    assert len(warnings) == 1 and 'class 4 (50.00%) occurs in virtual but never in real' in warnings[0]
    assert 'ignore=[4]' in warnings[0]


def test_different_colours_and_rates_are_noted(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', frames(0) // 3)
    put(tmp_path, 'val/real/b', frames(1) // 3)
    put(tmp_path, 'val/virtual/c', frames(2) // 3 + 150, fps=30)
    report = check(tmp_path, PLAN)
    notes = '\n'.join(found(report, 'note'))
    assert 'brighter' in notes and '25, 30 frames a second' in notes and "modality 'blur'" in notes
    assert report.colours('virtual').mean['luma'] - report.colours('real').mean['luma'] > 0.5


def test_whole_frames_of_several_sizes_do_not_fit_in_a_batch(tmp_path: Path) -> None:
    put(sound_root(tmp_path), 'train/real/e', frames(7)[:, :50])
    assert not check(tmp_path, PLAN).failed
    assert 'set crop_size' in found(check(tmp_path, dataclasses.replace(PLAN, one_size=True)), 'error')[0]


def test_maps_that_only_some_have_are_told(tmp_path: Path) -> None:
    put(sound_root(tmp_path), 'train/real/a', frames(0), labels=labels(12, 0, 1))
    put(tmp_path, 'val/virtual/d', frames(3), depth=np.full((12, HEIGHT, WIDTH, 1), 1000, np.uint16))
    report = check(tmp_path, plan_from_folders(tmp_path))
    assert not report.failed
    assert '1 of 2 videos have labels/' in found(report, 'warning')[0]
    assert any('depth: found beside virtual videos only' in text for text in found(report, 'note'))


def test_kinds_of_maps_are_inferred(tmp_path: Path) -> None:
    pictures = frames(0)
    put(tmp_path, 'train/real/a', pictures, labels=labels(12, 0, 24, 255), albedo=pictures,
        depth=np.full((12, HEIGHT, WIDTH, 1), 1000, np.uint16), shading=pictures[..., :1])
    plan = plan_from_folders(tmp_path)
    assert {name: type(m) for name, m in plan.modalities.items()} == {
        'blur': Blur, 'edges': Edges, 'albedo': ImageFolder, 'depth': Depth, 'labels': LabelMap, 'shading': ImageFolder}
    assert plan.modalities['labels'].channels == 25 and plan.modalities['shading'].channels == 1
    with pytest.raises(DataError, match='no folder'):
        plan_from_folders(tmp_path / 'nothing')


def test_a_config_says_what_training_needs() -> None:
    cfg = load_config(CONFIG, ['clip_length=7', 'crop_size=48', 'scale=2'])
    plan = plan_from_config(cfg)
    assert (plan.clip_length, plan.min_size, plan.scale, plan.one_size) == (7, (96, 96), 2, False)
    assert list(plan.modalities) == ['blur', 'edges']
    assert plan.required == (('train', 'real'), ('val', 'real'), ('val', 'virtual'))
    assert plan_from_config(load_config(CONFIG, ['crop_size=None'])).one_size


RENDERS = ('train', 'virtual')


@pytest.mark.parametrize(('config', 'options', 'clips', 'donors'), [
    ('photoreal_any.py', [], True, False), ('photoreal_drive.py', [], True, False),
    ('drive_realtime.py', [], True, False), ('drive_realtime.py', ['unpaired=None'], False, True),
    ('drive_realtime.py', ['unpaired=None', 'input_styles={}'], False, False), ('demo.py', [], False, False)])
def test_a_config_says_whether_it_needs_renders(config: str, options: list[str], clips: bool, donors: bool) -> None:
    plan = plan_from_config(load_config(CONFIG.with_name(config), options))
    assert (RENDERS in plan.clips, RENDERS in plan.donors) == (clips, donors)
    assert (RENDERS in plan.required) == (clips or donors) and plan.required[0] == ('train', 'real')


@pytest.mark.parametrize('where', ['clips', 'donors'])
def test_renders_to_learn_from_are_needed(tmp_path: Path, where: str) -> None:
    plan = dataclasses.replace(with_labels(PLAN), required=(*PLAN.required, RENDERS), clip_length=13,
                               **{where: (*getattr(PLAN, where), RENDERS)})
    for seed, video in enumerate(('train/real/a', 'val/real/c', 'val/virtual/d')):
        put(tmp_path, video, frames(seed, 13), labels=labels(13, 0))
    report = check(tmp_path, plan)
    error, = found(report, 'error')
    assert error.startswith(f'{tmp_path}/train/virtual: found no such folder')
    assert 'the ones to be predicted may be among them' in error and 'no answer to leak' in error
    put(tmp_path, 'train/virtual/e', frames(7))  # too short for a clip, and without labels; donors need neither
    assert len(found(check(tmp_path, plan), 'error')) == (2 if where == 'clips' else 0)
    put(tmp_path, 'train/virtual/e', frames(7, 13), labels=labels(13, 0))
    assert not check(tmp_path, plan).failed


def test_frames_are_shared_among_the_videos(tmp_path: Path) -> None:
    put(tmp_path, 'train/real/a', frames(0, 60))
    put(tmp_path, 'train/real/b', frames(1, 30))
    report = check(tmp_path, PLAN, max_frames=60)
    assert [look.looked for look in report.looks] == [24, 30]
    assert sum(line.endswith(' 24') for line in summary(report).splitlines()) == 1


def test_the_page_holds_all_and_needs_nothing_else(tmp_path: Path) -> None:
    data = tmp_path / 'a & <b>'
    for where, classes in {'train/real/a': (0, 1), 'val/real/b': (0, 2), 'val/virtual/c': (1, 4)}.items():
        put(data, where, frames(ord(where[-1])), labels=labels(12, *classes))
    write_report(tmp_path / 'report.html', check(data, with_labels(PLAN)))
    page = (tmp_path / 'report.html').read_text('utf-8')
    assert 'a &amp; &lt;b&gt;' in page and '<b>/' not in page
    assert page.count('src="data:image/') == 3 * 4, 'frames and three modalities of three videos'
    assert 'http' not in page and '<script' not in page and '<link' not in page
    for part in ('Gap meter', 'Colours', 'Classes of labels', 'Contact sheets', 'occurs in virtual', 'train/real/a'):
        assert part in page
    assert {p.name for p in tmp_path.iterdir()} == {data.name, 'report.html'}


def test_a_page_of_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    report = check(tmp_path / 'data', PLAN)
    write_report(tmp_path / 'report.html', report)
    assert report.failed and 'FAIL' in (tmp_path / 'report.html').read_text('utf-8')


def test_an_lmdb_is_checked_as_its_folder_is(tmp_path: Path) -> None:
    pytest.importorskip('lmdb', reason='needs the optional package lmdb')
    put(sound_root(tmp_path / 'data'), 'train/real/a', frames(0), labels=labels(12, 0, 1))
    pack(tmp_path / 'data', tmp_path / 'data.lmdb')
    folder, packed = (check(root, plan_from_folders(root)) for root in (tmp_path / 'data', tmp_path / 'data.lmdb'))
    assert packed.gap == folder.gap and len(packed.looks) == 4
    assert len(packed.findings) == len(folder.findings) == 2


def test_what_a_teacher_made_is_checked(tmp_path: Path) -> None:
    root = sound_root(tmp_path)
    video = put(root, 'train/virtual/e', frames(4), target=frames(5))
    put(root, 'train/virtual/f', frames(6))
    assert 'target' not in plan_from_folders(root).modalities
    report = check(root, PLAN)
    assert found(report, 'error') == found(report, 'warning') == []
    assert [text for text in found(report, 'note') if '1 of 2 videos have no target/: f;' in text]
    damaged = video / 'target/00000.png'
    damaged.write_bytes(damaged.read_bytes()[:200])
    assert any(str(damaged) in text for text in found(check(root, PLAN), 'warning'))
    (video / 'target/00003.png').unlink()
    assert any('no map called 00003' in text for text in found(check(root, PLAN), 'warning'))


def test_a_loss_that_learns_from_a_teacher_needs_one(tmp_path: Path) -> None:
    root = sound_root(tmp_path)
    put(root, 'train/virtual/e', frames(4))
    plan = dataclasses.replace(PLAN, required=(('train', 'virtual'),), teacher=True)
    assert any('no video has target/, from which a loss learns' in text for text in found(check(root, plan), 'error'))
    put(root, 'train/virtual/e', frames(4), target=frames(4))
    assert not check(root, plan).failed
