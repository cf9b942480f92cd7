"""As tecogan_multimodal.py, with a frame that is destroyed in ways that change from clip to clip.

The recipe of NVIDIA Cosmos-Transfer (arXiv 2503.14492) for frames about 270 pixels high: what are lengths, in pixels,
is 0.4 times what is published for 704. Of larger frames take larger ones. Outside training it is one preset.
"""

_base_ = 'tecogan_multimodal.py'

# Texture goes, edges stay.
bilateral = dict(type='Smooth', radius=(3, 10), sigma_color=(100, 300), sigma_space=(20, 60), passes=(1, 3))
# As wide as the published one, whose sigma of 10.5 to 14.5 is cut off at kernels of 21 to 29.
gaussian = dict(type='Blur', sigma=(2.2, 3.0))
modalities = dict(
    blur=dict(_delete_=True, type='Chain', steps=[
        dict(type='OneOf', probs=[0.5, 0.3, 0.2],
             choices=[bilateral, gaussian, dict(type='Chain', steps=[bilateral, gaussian])]),
        dict(type='Blur', sigma=0, down=(1, 2)),
        dict(type='Blur', sigma=0, down=(2, 4, 8), down_fixed=4)]),
    edges=dict(low=(20, 100), high_above=(50, 150)))
