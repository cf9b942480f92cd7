"""As tecogan_multimodal.py with a generator for real time, the largest, which folds less: quality first."""

_base_ = 'tecogan_multimodal.py'

model = dict(generator=dict(_delete_=True, type='RecurrentUNet', width=64, fold=2, blocks=(2, 8), scale=1))
