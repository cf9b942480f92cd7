"""``photoreal demo`` of this checkout: see photoreal/commands/demo.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('demo')
