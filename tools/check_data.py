"""``photoreal check-data`` of this checkout: see photoreal/commands/check_data.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('check-data')
