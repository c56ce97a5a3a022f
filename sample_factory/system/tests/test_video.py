"""What is in video files when they are read back."""

from __future__ import annotations

import imageio
import numpy as np
import pytest

from sample_factory.system.tests.videos import read_mp4
from sample_factory.system.video import EpisodeVideos, VideoFile


def _frame(red: int, height: int = 32) -> np.ndarray:
    frame = np.zeros((height, 48, 3), np.uint8)
    frame[: height // 2] = (red, 0, 0)
    frame[height // 2 :] = (0, 0, 200)
    return frame


def test_an_mp4_has_every_frame_the_right_way_up_in_its_colours(tmp_path):
    video = VideoFile(tmp_path / "new" / "a.mp4", fps=20)
    for red in (250, 250, 250, 100, 100):
        video.add(_frame(red))
    assert video.close() == tmp_path / "new" / "a.mp4" and video.num_frames == 5
    frames = read_mp4(tmp_path / "new" / "a.mp4", 48 * 15, 32 * 15)
    assert len(frames) == 5
    height, width, _ = frames[0].shape  # small frames are enlarged
    for frame, red in ((frames[0], 250), (frames[4], 100)):
        assert np.abs(frame[height // 4, width // 2].astype(int) - (red, 0, 0)).max() < 20
        assert np.abs(frame[height * 3 // 4, width // 2].astype(int) - (0, 0, 200)).max() < 20


def test_a_gif_keeps_frames_that_equal_the_one_before(tmp_path):
    video = VideoFile(tmp_path / "a.gif", fps=20)
    for red in (250, 250, 250, 100):
        video.add(_frame(red))
    video.close()
    with imageio.get_reader(tmp_path / "a.gif") as reader:
        frames = [np.asarray(frame)[..., :3] for frame in reader]
        assert reader.get_meta_data(0)["duration"] == 50
    assert len(frames) == 4
    assert frames[0].shape == (32, 48, 3)
    assert frames[3][4, 20].tolist() == [100, 0, 0] and frames[3][28, 20].tolist() == [0, 0, 200]


def test_odd_sizes_are_padded(tmp_path):
    video = VideoFile(tmp_path / "a.mp4", fps=20)
    video.add(_frame(250, height=31))
    video.close()
    (frame,) = read_mp4(tmp_path / "a.mp4", 48 * 15, 32 * 15)
    assert np.abs(frame[-1, 0].astype(int) - (0, 0, 200)).max() < 20


def test_a_file_appears_when_it_is_complete(tmp_path):
    video = VideoFile(tmp_path / "a.mp4", fps=20)
    video.add(_frame(250))
    assert not (tmp_path / "a.mp4").exists()
    video.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert VideoFile(tmp_path / "b.mp4", fps=20).close() is None  # no frame, no file


def test_frames_of_another_size_are_refused(tmp_path):
    video = VideoFile(tmp_path / "a.mp4", fps=20)
    video.add(_frame(250))
    with pytest.raises(ValueError, match=r"frames change from \(32, 48, 3\) to \(64, 48, 3\)"):
        video.add(_frame(250, height=64))
    video.close()


def test_episodes_are_numbered_on_from_those_that_are_there(tmp_path):
    for _ in range(2):
        videos = EpisodeVideos(tmp_path, fps=20)
        videos.add(_frame(250))
        videos.end_episode(-1.5)
        videos.add(_frame(250))
        videos.close()  # in the middle of an episode
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["ep_000_r-1.50.mp4", "ep_001.mp4", "ep_002_r-1.50.mp4", "ep_003.mp4"]


def test_the_encoder_says_nothing_about_colours(tmp_path, capfd):
    shades = np.add.outer(1.1 * np.arange(200), np.arange(300))[..., None] * (0.4, 0.3, 0.2)
    noise = np.random.default_rng(0)
    video = VideoFile(tmp_path / "a.gif", fps=20)
    for _ in range(10):
        video.add((shades + noise.normal(0, 3, (200, 300, 3))).clip(0, 255).astype(np.uint8))
    video.close()
    assert capfd.readouterr().err == ""
