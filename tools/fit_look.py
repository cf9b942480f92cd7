"""``photoreal fit-look`` of this checkout: see photoreal/commands/fit_look.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('fit-look')
