"""``photoreal compare`` of this checkout: see photoreal/commands/compare.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('compare')
