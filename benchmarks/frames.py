"""A picture of what policies do: evenly spaced frames of videos, one row of them for each video.

    python -m sample_factory.algorithms.appo.enjoy_appo --experiment=doom_battle_1 --train_dir=DIR --save_video \
        --video_frames=1000
    python -m benchmarks.frames --videos DIR/doom_battle_1/replay.mp4 --count 5 --out docs/images/doom_frames.jpg

Knows no environment.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

_WIDTH = 240  # of each frame


def strip(video: Path, count: int) -> np.ndarray:
    """`count` frames of a video side by side, uint8 [height, count * 240, 3]."""
    reader = imageio_ffmpeg.read_frames(str(video))
    width, height = next(reader)["size"]
    frames = [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in reader]
    if len(frames) < count:
        raise ValueError(f"{video} has only {len(frames)} frames")
    chosen = [frames[(2 * i + 1) * len(frames) // (2 * count)] for i in range(count)]
    size = (_WIDTH, round(height * _WIDTH / width))
    return np.concatenate([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in chosen], axis=1)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", nargs="+", type=Path, required=True)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    picture = np.concatenate([strip(video, args.count) for video in args.videos])
    if not cv2.imwrite(str(args.out), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
        raise SystemExit(f"{args.out} cannot be written")


if __name__ == "__main__":
    main()
