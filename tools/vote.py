"""``photoreal vote`` of this checkout: see photoreal/commands/vote.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('vote')
