"""Videos of rendered frames, mp4 or gif, written while an evaluation runs. Knows no environment.

Frames go straight to an encoder process, so a long video needs no memory. A file appears under its name when it is
complete.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import imageio_ffmpeg
import numpy as np

# Colours have half the resolution in an mp4 that every player can show, and players blur small pictures.
_MIN_MP4_HEIGHT = 480
_MP4_QUALITY = 7  # of 10
# A palette of its own for every frame. Pillow, the other encoder of GIFs, would drop frames that equal the one before.
_GIF_FILTER = "split[a][b];[a]palettegen=stats_mode=single[palette];[b][palette]paletteuse=new=1"
# Without the flags the encoder saves space by transparency, and pixels that turn black stay as they were.
_GIF_OUTPUT = ("-filter_complex", _GIF_FILTER, "-loop", "0", "-gifflags", "-transdiff-offsetting")


class VideoFile:
    """A video being written; the end of the name, .mp4 or .gif, is its format."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.num_frames = 0
        self._fps = fps
        self._partial = path.with_name(f".partial_{path.name}")
        self._shape: tuple[int, ...] = ()
        self._encoder: Generator[None, np.ndarray, None] | None = None

    def add(self, frame: np.ndarray) -> None:
        """Append a frame, uint8 [height, width, 3].

        Raises:
            ValueError: the frame has another size than the first one, or the file cannot be written.
        """
        try:
            if self._encoder is None:
                self._encoder = self._start(frame)
            if frame.shape != self._shape:
                raise ValueError(f"{self.path}: frames change from {self._shape} to {frame.shape}")
            self._encoder.send(np.ascontiguousarray(_even(frame)))
        except OSError as error:
            raise ValueError(f"cannot write the video {self.path}: {_first_line(error)}") from error
        self.num_frames += 1

    def close(self, path: Path | None = None) -> Path | None:
        """Finish the file and give it its name, or another one; returns that, or None if there was no frame."""
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return None
        encoder.close()
        path = path or self.path
        self._partial.replace(path)
        return path

    def _start(self, frame: np.ndarray) -> Generator[None, np.ndarray, None]:
        self._shape = frame.shape
        self.path.parent.mkdir(parents=True, exist_ok=True)
        height, width = _even(frame).shape[:2]
        is_gif = self.path.suffix == ".gif"
        encoder: Generator[None, np.ndarray, None] = imageio_ffmpeg.write_frames(
            str(self._partial),
            (width, height),
            fps=self._fps,
            ffmpeg_log_level="error",  # not what it thinks of the colours
            macro_block_size=1,  # any even size will do: no scaling to multiples of 16
            codec="gif" if is_gif else "libx264",
            pix_fmt_out="pal8" if is_gif else "yuv420p",
            quality=None if is_gif else _MP4_QUALITY,
            output_params=[*_GIF_OUTPUT] if is_gif else ["-vf", _enlarge(height)],
        )
        encoder.send(None)  # type: ignore[arg-type]
        return encoder


class EpisodeVideos:
    """A video of each episode, `ep_<number>_r<reward>.mp4`; numbers go on where those in the folder end."""

    def __init__(self, folder: Path, fps: float) -> None:
        self._folder, self._fps = folder, fps
        numbers = [path.stem.split("_")[1] for path in folder.glob("ep_*.mp4")]
        self._number = max((int(number) for number in numbers if number.isdecimal()), default=-1) + 1
        self._video = self._new_video()

    def add(self, frame: np.ndarray) -> None:
        """Append a frame to the video of this episode."""
        self._video.add(frame)

    def end_episode(self, reward: float) -> Path:
        """The frames so far are a whole episode; returns their video."""
        path = self._folder / f"ep_{self._number:03d}_r{reward:.2f}.mp4"
        self._video.close(path)
        self._number += 1
        self._video = self._new_video()
        return path

    def close(self) -> None:
        """Keep an episode that has not ended, without a reward in its name."""
        self._video.close()

    def _new_video(self) -> VideoFile:
        return VideoFile(self._folder / f"ep_{self._number:03d}.mp4", self._fps)


def _enlarge(height: int) -> str:
    """Filter that repeats the pixels of small frames."""
    factor = max(1, _MIN_MP4_HEIGHT // height)
    return f"scale=iw*{factor}:ih*{factor}:flags=neighbor"


def _even(frame: np.ndarray) -> np.ndarray:
    """Repeat the last row or column where a size is odd, which players cannot show."""
    odd_rows, odd_columns = frame.shape[0] % 2, frame.shape[1] % 2
    if not odd_rows and not odd_columns:
        return frame
    return np.pad(frame, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")


def _first_line(error: OSError) -> str:
    return (error.strerror or str(error)).strip().splitlines()[0]
