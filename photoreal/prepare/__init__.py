"""From raw footage to a data set: frames, recorded maps and precomputed modalities, in work that can be interrupted."""

from photoreal.prepare.engines import Engine, LocalEngine, RayEngine
from photoreal.prepare.footage import Footage, Track, find_footage
from photoreal.prepare.pipeline import Settings, Summary, add_modalities, prepare

__all__ = ['Engine', 'Footage', 'LocalEngine', 'RayEngine', 'Settings', 'Summary', 'Track', 'add_modalities',
           'find_footage', 'prepare']
