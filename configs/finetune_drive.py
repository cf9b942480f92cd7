"""drive_realtime.py on your own footage, started from the model that comes along: docs/finetune.md.

Real video alone is enough, without labels and without virtual clips. What the model knows of labels is left out; it was
trained to do without.
"""

_base_ = 'drive_realtime.py'

load_from = 'examples/models/drive_realtime.safetensors'
gray = dict(type='Gray', channels=3)
modalities = dict(
    _delete_=True,
    gray=dict(type='OneOf', probs=[0.5, 0.25, 0.25], choices=[
        gray,
        dict(type='Chain', steps=[dict(type='Smooth', radius=(1, 3)), gray]),
        dict(type='Chain', steps=[dict(type='Blur', sigma=(0.5, 1.5)), gray])]),
    edges=dict(type='Edges'))
dropout = dict(prob=dict(_delete_=True, edges=0.3))
input_styles = dict(histogram=None, frequencies=None)  # those that take virtual frames to train on
unpaired = None

optim_wrapper = dict(generator=dict(optimizer=dict(lr=3e-4)), discriminator=dict(optimizer=dict(lr=1e-4)))
