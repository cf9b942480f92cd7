"""``photoreal test`` of this checkout: see photoreal/commands/test.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('test')
