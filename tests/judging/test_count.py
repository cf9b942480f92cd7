import json

import numpy as np
import pytest

from photoreal.errors import DataError
from photoreal.judging.count import Answer, as_text, bradley_terry, count_votes, read_answers
from tests import tiny


def answers(outcomes, first='ours', second='render', viewers=1, confidence=2):
    """One answer for each letter: w the first is preferred, l the second, s neither; sides alternate."""
    found = []
    for i, letter in enumerate(outcomes):
        left, right = (first, second) if i % 2 else (second, first)
        choice = 'same' if letter == 's' else ('left' if (left == first) == (letter == 'w') else 'right')
        found.append(Answer(f'v{i % viewers}', i, left, right, choice, confidence))
    return found


def write(path, data):
    path.write_text(json.dumps(data))
    return path


LEFT = {'pair': 0, 'choice': 'left', 'confidence': 1}
KEY = [{'pair': 0, 'left': 'ours', 'right': 'render'}, {'pair': 1, 'left': 'render', 'right': 'ours'}]


def test_strengths_are_those_that_made_the_wins():
    made = np.array([1.2, 0.3, -1.5])
    p = np.exp(made)
    wins = 10000 * p[:, None] / (p[:, None] + p[None])
    np.fill_diagonal(wins, 0)
    np.testing.assert_allclose(bradley_terry(wins), made, atol=2e-3)
    np.testing.assert_allclose(bradley_terry(np.stack([wins, wins.T])), [made, -made], atol=2e-3)


def test_methods_that_never_met_are_ordered_by_a_third():
    found = answers('wwwwwwl', 'a', 'b') + answers('wwwwwwl', 'b', 'c')
    assert [s.method for s in count_votes(found)[0]] == ['a', 'b', 'c']


def test_sides_do_not_matter_and_ties_are_half_a_vote():
    strengths, (meeting,) = count_votes(answers('wwlswwww'))
    assert (meeting.first, meeting.votes, meeting.answers) == ('ours', 6.5, 8)
    assert strengths[0].method == 'ours' and strengths[0].value == pytest.approx(-strengths[1].value)
    assert strengths[0].value == pytest.approx(np.log(7 / 2) / 2, abs=1e-6)  # half a vote each to begin with


def test_intervals_cover_as_often_as_they_say():
    rng, covered, widths = np.random.default_rng(0), 0, []
    for seed in range(40):
        _, (meeting,) = count_votes(answers(np.where(rng.random(40) < 0.7, 'w', 'l')), seed)
        low, high = (meeting.low, meeting.high) if meeting.first == 'ours' else (1 - meeting.high, 1 - meeting.low)
        covered += low <= 0.7 <= high
        widths.append(high - low)
    assert covered >= 34 and 0.2 < np.mean(widths) < 0.35


def test_viewers_who_differ_widen_the_interval():
    agreeing = answers('wwwwllll' * 5, viewers=4)
    split = [Answer(f'v{i % 4}', i, 'ours', 'render', 'left' if i % 4 < 2 else 'right', 2) for i in range(40)]
    widths = [meeting.high - meeting.low for _, (meeting,) in map(count_votes, (agreeing, split))]
    assert widths[1] > 1.5 * widths[0]


def test_confidence_and_faults_are_told_of_the_method_and_not_of_the_side(tmp_path):
    first = write(tmp_path / 'anna.json', {'answers': [
        {'pair': 0, 'choice': 'left', 'confidence': 3, 'faults': {'left': '', 'right': 'flat  walls'}},
        {'pair': 1, 'choice': 'right', 'confidence': 1, 'faults': {'right': 'pink car'}}]})
    second = write(tmp_path / 'b.json', {'viewer': 'ben', 'pairs': KEY, 'answers': [
        {'pair': 0, 'choice': 'same', 'confidence': 1}]})
    key = write(tmp_path / 'key.json', {'pairs': KEY})
    ended = tiny.run('vote', '--count', first, second, '--key', key)
    assert ended.code == 0, ended.err
    for line in ('3 answers of 2 viewers', 'ours over render: 2.5 of 3 (83 %', 'by viewer: anna 2/2, ben 0.5/1',
                 'of 1 sure answers 1; mean confidence for it 2.0 of 3', 'ours: in 1 of 3 views',
                 'pair 1, anna: pink car', 'render: in 1 of 3 views', 'pair 0, anna: flat walls'):
        assert line in ended.out, ended.out
    assert as_text(read_answers([first, second], key)) in ended.out


@pytest.mark.parametrize(('data', 'message'), [
    ({'answers': [LEFT]}, "found no 'pairs'.*--key"),
    ({'pairs': KEY, 'answers': [{**LEFT, 'pair': 7}]}, 'pair 7, which the key does not have'),
    ({'pairs': KEY, 'answers': [{**LEFT, 'choice': 'ours'}]}, "found the answer .*'ours'"),
    ({'pairs': KEY, 'answers': [{**LEFT, 'confidence': 4}]}, 'found the answer .*4'),
    ({'pairs': KEY, 'answers': [{**LEFT, 'faults': 'x'}]}, "found the faults 'x'"),
    ({'pairs': KEY, 'answers': [LEFT, LEFT]}, 'found a second answer'),
    ({'pairs': [1], 'answers': []}, '"pairs" cannot be used'),
    ({'pairs': KEY}, 'found no answers'),
    ([], 'found a list'),
])
def test_files_that_cannot_be_counted(tmp_path, data, message):
    with pytest.raises(DataError, match=message):
        read_answers([write(tmp_path / 'a.json', data)])
