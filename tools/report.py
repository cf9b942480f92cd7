"""``photoreal report`` of this checkout: see photoreal/commands/report.py."""

from photoreal.commands import run

if __name__ == '__main__':
    run('report')
