"""``photoreal export`` of this checkout: see photoreal/commands/export.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('export')
