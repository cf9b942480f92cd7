"""``photoreal fit-camera`` of this checkout: see photoreal/commands/fit_camera.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('fit-camera')
