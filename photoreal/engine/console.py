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
]))


def is_news(record: logging.LogRecord) -> bool:
    """A logging filter: False for what the console does without."""
    return _NOISE.match(record.getMessage()) is None
