"""Reads video files back. Knows nothing of how they were written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np


def read_mp4(path: Path, width: int, height: int) -> np.ndarray:
    """All frames of a file with frames of this size, uint8 [frames, height, width, 3]."""
    decoder = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-fps_mode", "passthrough"]
    raw = subprocess.run([*decoder, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    return np.frombuffer(raw.stdout, np.uint8).reshape(-1, height, width, 3)
