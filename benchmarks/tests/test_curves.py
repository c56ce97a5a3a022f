from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from benchmarks.curves import main, read_curves


def _experiment(folder: Path, returns: list[float]) -> None:
    with SummaryWriter(str(folder / ".summary" / "0")) as writer:
        for i, value in enumerate(returns):
            writer.add_scalar("0_aux/avg_reward", value, i * 1000)


def test_every_seed_of_a_case_is_read_and_no_other_case(tmp_path: Path) -> None:
    _experiment(tmp_path / "pong_1", [-21.0, -20.0])
    _experiment(tmp_path / "pong_2", [-21.0, -19.0])
    _experiment(tmp_path / "pong_rnn_1", [0.0, 1.0])

    curves = read_curves(tmp_path, "pong")

    assert [curve.seed for curve in curves] == ["1", "2"]
    assert curves[1].frames == [0, 1000]
    assert curves[1].returns == [-21.0, -19.0]


def test_missing_experiments_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no experiment pong_<seed>"):
        read_curves(tmp_path, "pong")


def test_a_picture_is_written_into_a_new_folder(tmp_path: Path) -> None:
    _experiment(tmp_path / "pong_1", [-21.0, -20.0])
    _experiment(tmp_path / "qbert_1", [0.0, 100.0])
    out = tmp_path / "images" / "pong.png"
    cases = ["--cases", "pong", "pong+qbert", "--bars", "pong=18"]

    assert main(["--train_dir", str(tmp_path), *cases, "--out", str(out)]) == 0

    assert out.read_bytes().startswith(b"\x89PNG")
