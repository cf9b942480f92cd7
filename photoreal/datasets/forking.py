"""Forked processes leave the garbage of their parent alone.

FFmpeg's decoders and converters have threads, and wait for them as they are freed. A process that is forked has the
objects without the threads: if its collector comes across one that the parent has dropped in a cycle, it waits for
ever. Data workers hung so, now and then. What exists at a fork is therefore hidden from the collector of the child.
"""

import gc
import os

os.register_at_fork(before=gc.freeze, after_in_parent=gc.unfreeze)
