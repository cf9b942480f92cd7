"""As tecogan_multimodal.py, in two stages and one run: the generator learns alone on short clips, then the game begins.

A loss of weight 0 is off; where the adversarial one is, there is no discriminator. The iterations are those of the
published recipe, a fifth as many: give more of them to what is hard to learn.
"""

_base_ = 'tecogan_multimodal.py'

default_hooks = dict(schedule=dict(
    type='ScheduleHook',
    loss_weights=dict(
        ping_pong=[(0, 0.0), (20000, 0.5)],
        perceptual=[(0, 0.0), (20000, 0.2)],
        adversarial=[(0, 0.0), (20000, 25000, 0.01)]),
    clip_length=[(0, 4), (10000, 20000, 10)]))
