"""``photoreal benchmark`` of this checkout: see photoreal/commands/benchmark.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('benchmark')
