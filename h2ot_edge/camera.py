"""A pinhole camera: from the world into its frame, and from there to pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError

__all__ = ["Camera"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera without lens distortion that stands upright.

    World frame: z up, metres. Camera frame: x right, y down, z forward, metres, origin at the
    camera.

    Attributes:
        focal_px: focal length in pixels; the principal point is the image's centre.
        size: (width, height) in pixels.
        position, look_at: world points, metres.
    """

    focal_px: float = 1100.0
    size: tuple[int, int] = (1280, 720)
    position: tuple[float, float, float] = (0.0, -6.0, 1.4)
    look_at: tuple[float, float, float] = (0.0, 0.0, 0.95)

    def to_camera(self, world: Array) -> Array:
        """World points as the camera sees them.

        Args:
            world: (..., 3) metres in the world frame.

        Returns:
            (..., 3) metres in the camera frame.
        """
        forward = np.subtract(self.look_at, self.position, dtype=np.float64)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(forward, right), forward])
        turned: Array = (world - np.array(self.position)) @ axes.T
        return turned

    def project(self, points: Array) -> Array:
        """Where points fall in the picture, inside its borders or not.

        Args:
            points: (..., 3) metres in the camera frame.

        Returns:
            (..., 2) pixels, x right and y down from the image's upper left corner.

        Raises:
            InputError: if a point is not in front of the camera.
        """
        if np.any(points[..., 2] <= 0):
            raise InputError(
                "expected points in front of the camera (z > 0), got z down to "
                f"{points[..., 2].min():.2f} m; move the camera back"
            )
        centre = np.array(self.size) / 2
        pixels: Array = self.focal_px * points[..., :2] / points[..., 2:] + centre
        return pixels
