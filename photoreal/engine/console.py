"""What a person who watches a run is shown; the log file keeps everything."""

import logging
import re

# Messages of MMEngine that are pages long, or that nobody can do anything about.
_NOISE = re.compile('|'.join([
    r'\n-+\nSystem environment:',
    r'Config:\n',
    r'Hooks will be executed in the following order:',
    r'Distributed training is not used, all SyncBatchNorm',
    r'Dataset \w+ has no metainfo',
    r'"FileClient" will be deprecated',
    r'"HardDiskBackend" is the alias',
    r'resumed key: \w+ is not defined in message_hub',
]))


class ConsoleFilter(logging.Filter):
    """Passes what the console needs: no noise, nothing that is for the log file only, and each warning once."""

    def __init__(self) -> None:
        super().__init__()
        self._warned: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if getattr(record, 'file_only', False) or _NOISE.match(message):
            return False
        if record.levelno != logging.WARNING:
            return True
        again = message in self._warned
        self._warned.add(message)
        return not again
