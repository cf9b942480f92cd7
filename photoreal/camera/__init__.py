"""Camera: what a lens, a sensor and a codec do to a picture, fitted to footage and applied last."""

from photoreal.camera.camera import Camera, CameraSettings
from photoreal.camera.fit import CameraFit, fit_camera

__all__ = ['Camera', 'CameraFit', 'CameraSettings', 'fit_camera']
