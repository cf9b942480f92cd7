"""``photoreal main`` of this checkout: see photoreal/commands/main.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('main')
