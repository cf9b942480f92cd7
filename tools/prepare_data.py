"""``photoreal prepare-data`` of this checkout: see photoreal/commands/prepare_data.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('prepare-data')
