"""Looking at data before it is trained on: what is wrong with it, and what the network will see of it."""

from photoreal.inspect.browse import ClipView, browse
from photoreal.inspect.check import Finding, Report, check
from photoreal.inspect.gap_meter import GapMeter, GapReading
from photoreal.inspect.plan import CheckPlan, plan_from_config, plan_from_folders

__all__ = ['CheckPlan', 'ClipView', 'Finding', 'GapMeter', 'GapReading', 'Report', 'browse', 'check',
           'plan_from_config', 'plan_from_folders']
