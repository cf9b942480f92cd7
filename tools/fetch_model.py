"""``photoreal fetch-model`` of this checkout: see photoreal/commands/fetch_model.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('fetch-model')
