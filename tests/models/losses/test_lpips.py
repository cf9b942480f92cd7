"""LPIPS as a loss: the contract for both networks, with weights of their shapes; the numbers are tested as a metric."""

from pathlib import Path

import pytest
import torch

from photoreal.errors import CheckpointError, ConfigError
from photoreal.models.features import BACKBONES
from photoreal.models.losses import LPIPSLoss
from photoreal.models.lpips import LPIPS_NETS
from photoreal.structures import ClipContext
from photoreal.testing.loss import LossContract


def write_weights(net: str, folder: Path) -> str:
    """A file of the shapes of the published one, which cannot be shipped."""
    torch.manual_seed(0)
    path = folder / f'{net}.pth'
    torch.save(dict(BACKBONES[LPIPS_NETS[net]]().named_parameters()), path)
    return str(path)


class TestAlex(LossContract):
    size = 48

    @pytest.fixture(autouse=True, scope='class')
    @classmethod
    def weights(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.path = write_weights('alex', tmp_path_factory.mktemp('weights'))

    def make(self, weight):
        return LPIPSLoss('alex', self.path, weight)

    def test_gradient_where_there_are_no_features(self):
        context = ClipContext(torch.zeros(1, 1, 1, 48, 48), torch.rand(1, 1, 3, 48, 48),
                              pred=torch.full((1, 1, 3, 48, 48), 0.45).requires_grad_())
        loss = self.make(1.0)
        with torch.no_grad():
            for parameter in loss.lpips.features.parameters():
                parameter.copy_(-parameter.abs())  # ReLU lets nothing through
        loss(context).backward()
        assert context.pred.grad.isfinite().all()


def test_vgg(tmp_path: Path):
    loss = LPIPSLoss(weights=write_weights('vgg', tmp_path), weight=2.0)
    pred, target = torch.rand(2, 1, 2, 3, 16, 16).unbind()
    distances = loss.lpips(pred[0], target[0])
    assert distances.shape == (2,) and (distances > 0).all()
    torch.testing.assert_close(loss(ClipContext(target, target, pred=pred)), 2 * distances.mean())


def test_weights_that_are_not_there(tmp_path: Path):
    with pytest.raises(CheckpointError, match='no such file'):
        LPIPSLoss(weights=str(tmp_path / 'none.pth'))


def test_unknown_net():
    with pytest.raises(ConfigError, match="net='vgg16' is unknown; did you mean 'vgg'"):
        LPIPSLoss('vgg16')
