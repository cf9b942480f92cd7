"""How fast the parts of a run are on this machine."""
