"""``photoreal migrate`` of this checkout: see photoreal/commands/migrate.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('migrate')
