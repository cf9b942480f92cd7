"""The web demo: choose a video and a model, look at what becomes of it frame by frame, take it along."""
