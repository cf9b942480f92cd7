"""``photoreal browse-data`` of this checkout: see photoreal/commands/browse_data.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('browse-data')
