"""From raw footage to a data set: frames, recorded maps and precomputed modalities, in work that can be interrupted."""

from photoreal.prepare.engines import Engine, LocalEngine, RayEngine
from photoreal.prepare.footage import Footage, Track, find_footage
from photoreal.prepare.pipeline import Settings, Summary, prepare

__all__ = ['Engine', 'Footage', 'LocalEngine', 'RayEngine', 'Settings', 'Summary', 'Track', 'find_footage', 'prepare']
