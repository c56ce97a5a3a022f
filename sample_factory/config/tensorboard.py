"""Options of TensorBoard over masks of experiments. Know nothing about how it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sample_factory.config.checks import check_port, check_positive
from sample_factory.config.config import NoFamilyOptions


@dataclass(frozen=True, kw_only=True)
class TensorboardRunConfig:
    """TensorBoard, on this machine only, for the experiments that some masks match."""

    masks: tuple[str, ...]
    """Masks of folders inside --dir, in quotes; may stand first, without the flag. ** matches folders at any depth."""
    dir: str = "./train_dir"
    """Root folder of all experiments."""
    port: int = 6006
    """First port to try; the next free one is taken."""
    quiet: bool = field(default=False, metadata={"bare": True})
    """Show nothing that TensorBoard says; also -q."""
    refresh_every: int = 36_000
    """Seconds after which TensorBoard is started anew, because its memory grows; also -r."""
    reload_interval: int = 60
    """Seconds after which TensorBoard looks for new summaries, and this program for new folders."""

    def __post_init__(self) -> None:
        check_positive(self, "refresh_every", "reload_interval")
        check_port(self)


@dataclass(frozen=True, kw_only=True)
class TensorboardConfig:
    """Everything that can be chosen."""

    run: TensorboardRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: no environment is made."""

    def __post_init__(self) -> None:
        # Not in the section: help shows that with a placeholder for the masks, wherever it is asked for.
        run = self.run
        if not Path(run.dir).expanduser().is_dir():
            raise ValueError(f"--dir={run.dir} is not a folder")
        if not run.masks:
            raise ValueError("no masks given: name experiments first, such as 'my_*'")
        for mask in run.masks:
            if not mask or Path(mask).is_absolute() or ".." in Path(mask).parts:
                raise ValueError(f"the mask {mask!r} must be of a folder inside --dir={run.dir}")
