"""``photoreal make-sample`` of this checkout: see photoreal/commands/make_sample.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('make-sample')
