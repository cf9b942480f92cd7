"""Running things with MMEngine; ``registered`` is what configs name of it."""
