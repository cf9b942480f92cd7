"""As tecogan_multimodal.py with a generator for real time, of middle size: full HD on a GPU."""

_base_ = 'tecogan_multimodal.py'

model = dict(generator=dict(_delete_=True, type='RecurrentUNet', width=64, fold=4, blocks=(2, 4), scale=1))
