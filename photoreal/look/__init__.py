"""The look: one fixed, smooth and invertible change of colours that brings virtual frames to where footage lies."""

from photoreal.look.cube import read_cube, write_cube
from photoreal.look.develop import Development
from photoreal.look.fit import fit_look
from photoreal.look.table import Look, build_look

__all__ = ['Development', 'Look', 'build_look', 'fit_look', 'read_cube', 'write_cube']
