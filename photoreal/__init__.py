"""photoreal: make virtual video look as if a camera had filmed it."""

__version__ = '0.1.0'
