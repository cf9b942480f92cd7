"""As tecogan_multimodal.py with a generator for real time, the smallest: for CPUs, or beside a game on its GPU."""

_base_ = 'tecogan_multimodal.py'

model = dict(generator=dict(_delete_=True, type='RecurrentUNet', width=32, fold=4, blocks=(1, 2), scale=1))
