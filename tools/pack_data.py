"""``photoreal pack-data`` of this checkout: see photoreal/commands/pack_data.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('pack-data')
