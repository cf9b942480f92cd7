"""``photoreal train`` of this checkout: see photoreal/commands/train.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('train')
