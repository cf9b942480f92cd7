"""``photoreal infer`` of this checkout: see photoreal/commands/infer.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('infer')
