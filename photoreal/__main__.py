"""``python -m photoreal COMMAND ...``: the console command ``photoreal`` by another name."""

from photoreal.commands import console

if __name__ == '__main__':
    console()
