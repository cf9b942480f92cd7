"""Passwords cannot be guessed at speed, and whoever knows one is not kept out for long."""

import pytest

pytest.importorskip('fastapi', reason='the demo needs Gradio: pip install photoreal[demo]')

from fastapi import HTTPException

from photoreal.demo.login import ADDRESS, Door


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Door:
    return Door([('ann', 'secret'), ('bob', 'geheim')], clock)


def refused(door: Door, user: str, password: str) -> bool:
    try:
        door(user, password)
    except HTTPException as error:
        assert error.status_code == 429 and int(error.headers['Retry-After']) > 0
        return True
    return False


def test_who_may_come_in(door):
    assert door('ann', 'secret') and door('bob', 'geheim')
    assert not any((door('ann', 'geheim'), door('ann', ''), door('eve', ''), door('', '')))


def test_right_passwords_cost_nothing(door):
    assert all(door('ann', 'secret') for _ in range(100))


def test_wrong_ones_of_an_address_take_time(door, clock):
    ADDRESS.set('10.0.0.1')
    assert not any(door('ann', f'guess {i}') for i in range(5))
    assert refused(door, 'ann', 'secret') and refused(door, 'bob', 'geheim')  # whether one is right is not told
    ADDRESS.set('10.0.0.2')
    assert door('ann', 'secret')
    ADDRESS.set('10.0.0.1')
    clock.now += 10
    assert door('ann', 'secret')
    tried = 0
    for _ in range(3600):
        clock.now += 1
        tried += not refused(door, 'ann', 'guess')
    assert tried <= 361 + 5


def test_wrong_ones_of_many_addresses_take_time(door, clock):
    tried = 0
    for i in range(10_000):
        clock.now += 0.01
        ADDRESS.set(f'10.{i >> 16}.{i >> 8 & 255}.{i & 255}')
        tried += not refused(door, 'ann', f'guess {i}')
    assert tried <= 20 + 11
    assert door('bob', 'geheim')


def test_a_network_of_version_6_is_one_address(door):
    for i in range(5):
        ADDRESS.set(f'2001:db8::{i}')
        assert not door('ann', 'guess')
    ADDRESS.set('2001:db8::99')
    assert refused(door, 'ann', 'secret')


def test_names_that_are_tried_take_no_memory(door, clock):
    for i in range(30_000):
        clock.now += 11
        door(f'nobody {i}', '')
    assert len(door._users._full_at) <= 10_000
