import re

import av
import numpy as np
import pytest

from photoreal.errors import DataError
from photoreal.look import Look
from tests.look.helpers import colours, warm_look

TWO = 'LUT_3D_SIZE 2\n' + '\n'.join(f'{r} {g} {b}' for b in (0, 1) for g in (0, 1) for r in (0, 1))


def write(tmp_path, text):
    path = tmp_path / 'some.cube'
    path.write_text(text)
    return path


def by_ffmpeg(path, frame, **options):
    """What FFmpeg's lut3d makes of an RGB frame."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.shape[1], height=frame.shape[0], format='rgb24', time_base='1/25')
    lut = graph.add('lut3d', file=str(path), **options)
    form, sink = graph.add('format', pix_fmts='rgb24'), graph.add('buffersink')
    for one, next_one in ((source, lut), (lut, form), (form, sink)):
        one.link_to(next_one)
    graph.configure()
    graph.push(av.VideoFrame.from_ndarray(frame, format='rgb24'))
    return graph.pull().to_ndarray()


def test_a_saved_look_comes_back(tmp_path):
    look = warm_look(17)
    look.save(tmp_path / 'warm.cube')
    again = Look.load(tmp_path / 'warm.cube')
    np.testing.assert_allclose(again.table, look.table, atol=1e-6)
    assert again.title == 'warm'


def test_ffmpeg_gives_the_same_result(tmp_path):
    frame, look = colours(64 * 64).reshape(64, 64, 3), warm_look()
    look.save(tmp_path / 'warm.cube')
    found = by_ffmpeg(tmp_path / 'warm.cube', frame)
    assert np.abs(found.astype(int) - look.apply(frame)).max() <= 1
    assert np.abs(found.astype(int) - frame).max() > 20


def test_red_changes_fastest(tmp_path):
    path = write(tmp_path, TWO.replace('\n1 0 0', '\n0.5 0 0.25'))
    np.testing.assert_allclose(Look.load(path).table[1, 0, 0], [0.5, 0, 0.25])


def test_comments_titles_tabs_and_blank_lines_are_read(tmp_path):
    look = Look.load(write(tmp_path, f'# made by hand\n\nTITLE "a b"\nDOMAIN_MIN\t0 0 0\n{TWO}\n# end\n'))
    assert look == Look.identity(2) and look.title == 'a b'


def test_curves_become_a_table(tmp_path):
    rows = '\n'.join(f'{x} {x / 2} {x * x}' for x in np.linspace(0, 1, 101))
    look = Look.load(write(tmp_path, f'LUT_1D_SIZE 101\n{rows}\n'))
    x = np.random.default_rng(0).random((100, 3))
    np.testing.assert_allclose(look.apply(x), x ** [1, 1, 2] * [1, 0.5, 1], atol=2e-4)


@pytest.mark.parametrize('domain', ['DOMAIN_MIN -1 -1 -1\nDOMAIN_MAX 3 3 3', 'LUT_3D_INPUT_RANGE -1 3'])
def test_another_domain_is_brought_to_the_usual_one(tmp_path, domain):
    look = Look.load(write(tmp_path, f'{domain}\n{TWO}'))
    np.testing.assert_allclose(look.apply(np.array([[0, 0.5, 1]])), [[0.25, 0.375, 0.5]], atol=1e-6)


def test_values_outside_are_clipped(tmp_path):
    look = Look.load(write(tmp_path, TWO.replace('1 1 1', '1.7 -0.2 1')))
    np.testing.assert_allclose(look.table[1, 1, 1], [1, 0, 1])


@pytest.mark.parametrize(('text', 'message'), [
    (TWO.replace('0 1 1', '0 x 1'), "line 8: found '0 x 1'; expected 3 numbers"),
    (TWO.replace('0 1 1', '0 1'), "line 8: found '0 1'; expected 3 numbers"),
    (TWO.replace('0 1 1', '0 nan 1'), 'line 8'),
    (TWO.rpartition('\n')[0], 'line 8: the file ends with 7 colours; expected 8'),
    (TWO + '\n1 1 1', 'line 10: the file ends with 9 colours; expected 8'),
    ('0 0 0\n' + TWO, 'line 1: numbers before LUT_3D_SIZE'),
    ('LUT_3D_SIZE many', "line 1: LUT_3D_SIZE: found 'many'; expected a whole number from 2 to 256"),
    ('LUT_3D_SIZE 257', 'from 2 to 256'),
    ('LUT_1D_SIZE 4\n' + TWO, 'line 2: LUT_3D_SIZE, and the file has a LUT_1D_SIZE already'),
    ('<html>', "line 1: found '<html>'; expected TITLE"),
    ('', 'no LUT_3D_SIZE or LUT_1D_SIZE'),
    ('DOMAIN_MAX 1 0 1\n' + TWO, 'expected each maximum above its minimum'),
])
def test_files_that_cannot_be_used_are_told_with_the_line(tmp_path, text, message):
    with pytest.raises(DataError, match=re.escape(message)) as error:
        Look.load(write(tmp_path, text))
    assert 'some.cube' in str(error.value) and '\n' not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r'none\.cube: no look can be read: No such file'):
        Look.load(tmp_path / 'none.cube')


def test_a_file_that_is_not_text_is_told(tmp_path):
    path = tmp_path / 'some.cube'
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(DataError, match='line 1: found'):
        Look.load(path)


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(DataError, match=r'ends in \.cube'):
        Look.identity(2).save(tmp_path / 'look.3dl')
