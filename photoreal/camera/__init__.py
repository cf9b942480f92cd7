"""Camera: what a lens, a sensor and a codec do to a picture, fitted to footage and applied last."""

from photoreal.camera.camera import Camera
from photoreal.camera.fit import CameraFit, fit_camera
from photoreal.camera.settings import EFFECTS, CameraSettings

__all__ = ['EFFECTS', 'Camera', 'CameraFit', 'CameraSettings', 'fit_camera']
