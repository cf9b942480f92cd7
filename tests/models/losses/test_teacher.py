"""Learning from a teacher: the contract, what flicker is taken back, and what is left as it is."""

import cv2
import numpy as np
import pytest
import torch

from photoreal.models.losses import TeacherLoss
from photoreal.models.losses.teacher import steady
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract
from photoreal.testing.networks import moving_clip

SIZE = 64


class TestTeacher(LossContract):
    takes = ('pred', 'teacher', 'frames', 'taught', 'flow')
    least = 1.5e-3  # Charbonnier's, of pixels and of half the steps in time
    size = 32  # SqueezeNet's last layers see nothing in less

    def make(self, weight):
        return TeacherLoss(weight=weight)

    def perfect(self):
        context = self.context()
        context.pred = steady(context.teacher, context.frames)
        return context


class TestTeacherAsItIs(TestTeacher):
    takes = ('pred', 'teacher', 'frames', 'taught')
    def make(self, weight):
        return TeacherLoss(deflicker=False, kind='l1', perceptual=0.0, temporal=0.0, weight=weight)

    least = 0.0

    def perfect(self):
        context = self.context()
        context.pred = context.teacher.clone()
        return context


def street(frames: int = 5) -> torch.Tensor:
    """(1, T, 3, H, W): a window that moves over a picture with colours and detail, in [0.2, 0.7]."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.random((7, 9, 3), dtype=np.float32), (SIZE + 24, SIZE + 24), interpolation=cv2.INTER_CUBIC)
    picture = 0.35 + 0.2 * coarse + 0.1 * rng.random((SIZE + 24, SIZE + 24, 3), dtype=np.float32)
    clip = np.stack([picture[2 * i:2 * i + SIZE, 3 * i:3 * i + SIZE] for i in range(frames)])
    return torch.from_numpy(clip).permute(0, 3, 1, 2)[None].clamp(0.2, 0.7)


def sharpened(clip: torch.Tensor, amounts: list[float]) -> torch.Tensor:
    soft = torch.stack([torch.nn.functional.avg_pool2d(torch.nn.functional.pad(frame, (2,) * 4, mode='replicate'), 5, 1)
                        for frame in clip[0]])[None]
    return clip + torch.tensor(amounts).view(1, -1, 1, 1, 1) * (clip - soft)


def flicker(clip: torch.Tensor, usual: torch.Tensor) -> float:
    """How much the difference to a steady clip differs from frame to frame."""
    difference = clip - usual
    return float((difference - difference.mean(1, keepdim=True)).abs().mean())


@pytest.mark.parametrize('kind', ['gain', 'offset', 'sharpness'])
def test_flicker_is_taken_back_and_the_look_is_kept(kind):
    frames, change = street(), torch.tensor([-0.16, 0.09, 0.0, 0.16, -0.09])
    look = 0.9 * frames + 0.02
    made = {'gain': look * (1 + change.view(1, -1, 1, 1, 1) * torch.tensor([1.0, 0.6, -0.5]).view(3, 1, 1)),
            'offset': look + change.view(1, -1, 1, 1, 1) / 2,
            'sharpness': sharpened(look, (2 * change).tolist())}[kind]
    found = steady(made, frames)
    assert flicker(found, look) < 0.15 * flicker(made, look)
    torch.testing.assert_close(found.mean((1, 3, 4)), made.mean((1, 3, 4)), atol=0.01, rtol=0)
    torch.testing.assert_close(found.mean(1), look.mean(1), atol=0.03, rtol=0)


def test_light_that_changes_in_the_render_stays():
    frames = street() * torch.linspace(0.7, 1.2, 5).view(1, -1, 1, 1, 1)
    look = 0.9 * frames + 0.02
    torch.testing.assert_close(steady(look, frames), look, atol=0.01, rtol=0)


def test_a_flat_frame_is_left_alone():
    frames = torch.full((1, 3, 3, 32, 32), 0.4)
    found = steady(frames + 0.1, frames)
    torch.testing.assert_close(found, frames + 0.1)


def test_clips_without_a_teacher_count_nothing():
    frames = moving_clip(2, 3, 3, 32, 32)
    pred = torch.rand(frames.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    context = ClipContext(frames, pred=pred, frames=frames, teacher=0.8 * frames, taught=torch.tensor([1, 0]))
    loss = TeacherLoss(temporal=0.0)
    value = loss(context)
    value.backward()
    assert pred.grad[0].any() and not pred.grad[1].any()
    alone = ClipContext(frames[:1], pred=pred[:1].detach(), frames=frames[:1], teacher=0.8 * frames[:1],
                        taught=torch.tensor([1]))
    torch.testing.assert_close(value.detach(), loss(alone))
    context.taught = torch.tensor([0, 0])
    nothing = loss(context)
    pred.grad = None
    nothing.backward()
    assert nothing == 0 and not pred.grad.any()


def test_a_lasting_difference_costs_less_than_one_that_flickers():
    frames = moving_clip(1, 4, 3, 32, 32)[:, :1].expand(-1, 4, -1, -1, -1)
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0]).view(1, -1, 1, 1, 1)
    context = ClipContext(frames, frames=frames, teacher=frames, taught=torch.ones(1),
                          flow=torch.zeros(1, 3, 2, 32, 32))
    costs = []
    for difference in (0.05 * sign.abs(), 0.05 * sign):
        context.pred = frames + difference
        costs.append(float(TeacherLoss(kind='l1', perceptual=0.0, temporal=0.5)(context)))
    assert costs == pytest.approx([0.05, 0.05 + 0.5 * 0.1], rel=1e-4)
