"""Any scene that looks filmed, without labels: as photoreal_drive.py, with crops matched by what they show.

``<data_root>/train/real`` has footage of such a scene, ``<data_root>/train/virtual`` some renders.
Each virtual crop is compared with the real crop that shows the like, as pooled features tell.
"""

_base_ = 'photoreal_drive.py'

modalities = dict(
    _delete_=True,
    smooth=dict(type='Smooth', radius=(1, 4), sigma_color=(10, 60), sigma_space=(1.0, 3.0), passes=(1, 2),
                radius_fixed=2, sigma_color_fixed=8, sigma_space_fixed=1.5, passes_fixed=1),
    motion=dict(type='Flow', preset='fast'))
unpaired = dict(match='features', groups=None, crop_size=64, bank_size=256, keep=0.5)
