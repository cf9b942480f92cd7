"""``photoreal list-plugins`` of this checkout: see photoreal/commands/list_plugins.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('list-plugins')
