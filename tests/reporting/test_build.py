"""What the report's file holds."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photoreal.datasets.sources import VideoSource
from photoreal.datasets.writers import write_json
from photoreal.errors import ConfigError
from photoreal.reporting import build_report
from photoreal.reporting.build import _Media
from photoreal.reporting.media import Strips, encode_still
from tests.reporting.folders import FPS, HEIGHT, LENGTH, WIDTH, level, log_line, make_test, make_work_dir, write_log


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text('utf-8'), re.DOTALL)
    return json.loads(found[1])


def videos_of(page: Path) -> list[bytes]:
    return [base64.b64decode(text) for text in re.findall(r'id="media-\d+">(.*?)</script>', page.read_text('utf-8'))]


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    work_dir = make_work_dir(tmp_path / 'run')
    make_test(work_dir / 'test', {'a': 1.0})
    page = build_report([work_dir], tmp_path / 'out/report.html')
    text = re.sub(r'id="video-\d+">.*?</script>', '', page.read_text('utf-8'))
    assert "default-src 'none'" in text
    addresses = set(re.findall(r'https?://[^\s"\']+', text))
    assert addresses == {'http://www.w3.org/2000/svg'}  # a namespace, which is not fetched
    assert not re.search(r'<(link|script|img|video)[^>]+(src|href)="(?!data:)', text)
    assert [path.name for path in page.parent.iterdir()] == ['report.html']


def test_the_worst_video_comes_first(tmp_path: Path) -> None:
    folder = make_test(tmp_path / 'test', {'good': 1.0, 'bad': 5.0, 'fair': 2.0})
    data = data_of(build_report([folder], tmp_path / 'report.html'))
    assert [card['video'] for card in data['videos']] == ['virtual/bad', 'virtual/fair', 'virtual/good']
    (table,) = data['domains']
    assert [row['video'] for row in table['rows']] == ['virtual/bad', 'virtual/fair', 'virtual/good']
    assert table['means'][0]['values']['warp_error'] == pytest.approx(8 / 3)
    still = data['videos'][0]['stills'][0]
    assert still['index'] == LENGTH // 2 and still['reasons'] == ['warp_error 6']


def test_metrics_of_a_prefix_of_their_own_have_a_table(tmp_path: Path) -> None:
    folder = make_test(tmp_path / 'test', {'a': 1.0})
    report = json.loads((folder / 'metrics.json').read_text())
    report['mean']['tecogan/psnr'] = 25.0
    write_json(folder / 'metrics.json', report)
    tables = data_of(build_report([folder], tmp_path / 'report.html'))['domains']
    assert [table['domain'] for table in tables] == ['virtual', 'tecogan']
    assert tables[1]['means'][0]['values'] == {'psnr': 25.0} and not tables[1]['rows']


def test_the_player_holds_every_frame_of_both_sides(tmp_path: Path) -> None:
    page = build_report([make_test(tmp_path / 'test', {'a': 1.0})], tmp_path / 'report.html')
    player = data_of(page)['videos'][0]['player']
    assert (player['panels'], player['width'], player['height'], player['fps'], player['count']) == (
        ['render', 'prediction'], WIDTH, HEIGHT, FPS, LENGTH)
    (video,) = videos_of(page)
    (tmp_path / 'player.mp4').write_bytes(video)
    frames = VideoSource(tmp_path / 'player.mp4').read(range(LENGTH)).astype(int)
    for i in (0, LENGTH - 1):
        left, right = frames[i][:, 4:WIDTH - 4].mean((0, 1)), frames[i][:, WIDTH + 4:-4].mean((0, 1))
        np.testing.assert_allclose([left[0], right[1]], level(i), atol=6)
        assert left[1] < 10 and right[0] < 10


def test_a_long_video_is_cut_to_its_worst_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('photoreal.reporting.build.MAX_PLAYER_FRAMES', 4)
    page = build_report([make_test(tmp_path / 'test', {'a': 1.0})], tmp_path / 'report.html')
    player = data_of(page)['videos'][0]['player']
    assert (player['first'], player['count'], player['length']) == (LENGTH // 2 - 2, 4, LENGTH)


def test_videos_beyond_the_budget_are_linked(tmp_path: Path) -> None:
    folder = make_test(tmp_path / 'test', {'good': 1.0, 'bad': 5.0})
    size = len(videos_of(build_report([folder], tmp_path / 'all.html'))[0])
    page = build_report([folder], tmp_path / 'some.html', max_mb=2.2 * size / 2 ** 20)
    data = data_of(page)
    assert data['left_out'] == ['virtual/good'] and len(videos_of(page)) == 1
    assert data['videos'][1]['player'] is None and data['videos'][1]['file'] == 'test/virtual/good.mp4'
    none = data_of(build_report([folder], tmp_path / 'none.html', max_mb=0))
    assert none['left_out'] == ['virtual/bad', 'virtual/good'] and not none['videos'][0]['stills']


def test_runs_are_compared(tmp_path: Path) -> None:
    for name, error, lr in (('first', 3.0, '0.001'), ('second', 2.0, '0.002')):
        make_test(make_work_dir(tmp_path / name, lr) / 'test', {'a': error})
    page = build_report([tmp_path / 'first', tmp_path / 'second'], tmp_path / 'report.html')
    data = data_of(page)
    assert [run['name'] for run in data['runs']] == ['first', 'second']
    assert data['videos'][0]['player']['panels'] == ['render', 'prediction: first', 'prediction: second']
    assert data['config']['rows'] == [['optim_wrapper.generator.optimizer.lr', ['0.001', '0.002']]]
    (rows,) = [found['rows'] for found in data['comparison']]
    assert [(row['metric'], row['difference'], row['better']) for row in rows] == [('warp_error', -1.0, 'B')] * 2
    logits = next(chart for chart in data['training'] if chart['title'] == 'Mean logits of the discriminator: d_fake')
    assert [series['name'] for series in logits['series']] == ['first', 'second']


def test_a_test_of_other_frames_is_left_out_of_the_players(tmp_path: Path) -> None:
    first, second = make_test(tmp_path / 'first', {'a': 1.0}), make_test(tmp_path / 'second', {'b': 1.0})
    data = data_of(build_report([first, second], tmp_path / 'report.html'))
    assert {card['video']: card['player']['panels'] for card in data['videos']} == {
        'virtual/a': ['render', 'prediction'], 'virtual/b': ['render', 'prediction']}
    assert data['comparison'] == []


def test_charts_of_a_training(tmp_path: Path) -> None:
    data = data_of(build_report([make_work_dir(tmp_path)], tmp_path / 'report.html'))
    charts = {chart['title']: chart for chart in data['training']}
    assert charts['Throughput, iterations per second']['series'][0]['y'] == [2.0] * 40
    assert charts['Share of the time spent waiting for data']['series'][0]['y'] == [0.2] * 40
    assert charts["The discriminator's lead"]['lines'] == [{'y': 0.4, 'label': 'update_threshold'}]
    assert charts['Share of iterations that updated the discriminator']['series'][0]['y'][:2] == [1.0, 0.0]
    assert [series['name'] for series in charts['Losses of the generator, weighted']['series']] == ['g_pixel']
    (psnr,) = data['validation']
    assert psnr['series'][0]['x'] == [20, 40] and psnr['series'][0]['y'] == [18.0, 20.0]


def test_long_curves_are_thinned_and_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    write_log(tmp_path, [log_line(i, g_pixel=float('nan') if i == 5 else 2.0) for i in range(1, 1801)])
    page = build_report([tmp_path], tmp_path / 'report.html')
    (series,) = next(c for c in data_of(page)['training'] if c['title'].startswith('Losses'))['series']
    assert len(series['x']) == 600 and set(series['y']) == {2.0}
    assert data_of(page)['runs'][0]['health']['state'] in ('healthy', 'unknown')


def test_text_cannot_become_markup(tmp_path: Path) -> None:
    folder = make_test(tmp_path / 'test', {'a': 1.0}, checkpoint='</script><script>alert(1)</script>{{data}}')
    page = build_report([folder], tmp_path / 'report.html')
    assert '<script>alert' not in page.read_text('utf-8')
    assert ['tested', '</script><script>alert(1)</script>{{data}}'] in data_of(page)['runs'][0]['facts']


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='name at least one'):
        build_report([], tmp_path / 'report.html')
    with pytest.raises(ConfigError, match='max_mb=-1'):
        build_report([make_work_dir(tmp_path / 'run')], tmp_path / 'report.html', max_mb=-1)
    assert not (tmp_path / 'report.html').exists()


def test_what_does_not_fit_leaves_its_place_to_what_does(tmp_path: Path) -> None:
    small = make_test(tmp_path / 'small', {'small': 1.0})
    size = len(videos_of(build_report([small], tmp_path / 'small.html'))[0]) * 4 / 3
    long = make_test(tmp_path / 'long', {'long': 9.0}, length=20 * LENGTH)
    data = data_of(build_report([small, long], tmp_path / 'both.html', max_mb=3 * size / 2 ** 20))
    assert data['left_out'] == ['virtual/long'] and data['videos'][1]['player'] is not None


def test_budget_is_kept_for_what_is_put_in(tmp_path: Path) -> None:
    strips = Strips({'run': make_test(tmp_path / 'test', {'a': 1.0})}, 'virtual', 'a')
    size = len(encode_still(strips, 0))
    media = _Media(tmp_path / 'report.html', size - 1)
    assert media.still(strips, 0) is None and media.left == size - 1
    media = _Media(tmp_path / 'report.html', size)
    assert media.still(strips, 0) and media.left == 0


def test_videos_of_other_lengths_are_left_out_of_the_comparison(tmp_path: Path) -> None:
    first, second = make_test(tmp_path / 'first', {'a': 1.0, 'b': 1.0}), make_test(tmp_path / 'second', {'b': 2.0})
    make_test(second, {'a': 1.0, 'b': 2.0})
    frames = json.loads((second / 'frames.json').read_text())
    frames['virtual/a'] = {name: values[:-2] for name, values in frames['virtual/a'].items()}
    write_json(second / 'frames.json', frames)
    (found,) = data_of(build_report([first, second], tmp_path / 'report.html'))['comparison']
    assert found['left_out'] == ['virtual/a']
    assert [(row['video'], row['difference']) for row in found['rows']] == [('virtual', 1.0), ('virtual/b', 1.0)]
    write_json(second / 'frames.json', {'virtual/a': frames['virtual/a']})
    (found,) = data_of(build_report([first, second], tmp_path / 'report.html'))['comparison']
    assert found['left_out'] == ['virtual/a'] and not found['rows']


def test_a_prefix_keeps_its_values_of_each_video(tmp_path: Path) -> None:
    folder = make_test(tmp_path / 'test', {'a': 1.0, 'b': 2.0})
    report = json.loads((folder / 'metrics.json').read_text())
    report['mean']['tecogan/psnr'] = 25.0
    for video, value in (('virtual/a', 20.0), ('virtual/b', 30.0)):
        report['videos'][video]['tecogan/psnr'] = value
    write_json(folder / 'metrics.json', report)
    data = data_of(build_report([folder], tmp_path / 'report.html'))
    plain, own = data['domains']
    assert [column['name'] for column in plain['columns']] == ['warp_error', 'warp_error_input']
    assert own['columns'] == [{'name': 'psnr', 'title': 'psnr', 'better': 'more', 'detail': False}]
    assert [(row['video'], row['values']) for row in own['rows']] == [
        ('virtual/a', {'psnr': 20.0}), ('virtual/b', {'psnr': 30.0})]
    assert own['means'][0]['video'] == 'all videos'
    assert [card['video'] for card in data['videos']] == ['virtual/b', 'virtual/a'], 'by the table of the domain'


def test_columns_say_what_is_better(tmp_path: Path) -> None:
    folder = make_test(tmp_path / 'test', {'a': 1.0, 'b': 2.0})
    report = json.loads((folder / 'metrics.json').read_text())
    report['neutral'] = ['warp_error_input', 'count']
    for video, count in (('virtual/a', 5.0), ('virtual/b', 0.0)):
        report['videos'][video] |= {'count': count, 'psnr': 3.0}
    write_json(folder / 'metrics.json', report)
    (table,) = data_of(build_report([folder], tmp_path / 'report.html'))['domains']
    assert {column['name']: column['better'] for column in table['columns']} == {
        'warp_error': 'less', 'warp_error_input': None, 'count': None, 'psnr': 'more'}
    assert [row['badness'] for row in table['rows']] == [0.25, 0.0], 'a count makes no video worse'
