"""The configuration of a `Lab`, whose keys and values are all strings. Knows nothing about what the settings do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

_TRUE_OR_FALSE = {"hasAltCameras", "use_pbos", "logToStdErr", "minimalUI", "reducedUI"}
_TRUE_OR_FALSE |= {"localLevelCache", "globalLevelCache"}
_WITHOUT_EFFECT = {
    *{"appendCommand", "vmMode", "nativeApp", "playerName", "server", "client", "serverPort", "port"},
    *{"record", "demo", "video", "demofiles"},
}
# What every script takes that says which settings it has; others are refused.
_OF_EVERY_SCRIPT = {
    *{"episodeLengthSeconds", "invocationMode", "allowHoldOutLevels", "levelGenerator", "playerId", "players"},
    *{"randomSeed", "datasetPath", "enableCameraMovement", "logLevel", "__platform__", "textureRandomization"},
}
_SEEDS = 2**32


@dataclass(frozen=True)
class Settings:
    """What the engine and the script were told."""

    width: int = 320
    height: int = 240
    fps: int = 60
    level_directory: str = ""
    mixer_seed: int = 0
    gpu: int = 0
    alternative_width: int = 0
    alternative_height: int = 0
    script: tuple[tuple[str, str], ...] = ()
    """What the script gets."""

    def of_script(self, key: str, default: str = "") -> str:
        """A setting of the script, or the default."""
        return dict(self.script).get(key, default)

    def unknown(self) -> tuple[str, str] | None:
        """The first setting that a script does not take unless it takes any."""
        return next(((key, value) for key, value in self.script if key not in _OF_EVERY_SCRIPT), None)


def read_settings(config: Mapping[str, str]) -> Settings:
    """Apply the settings in their order: TypeError for what is no string, RuntimeError for a bad value."""
    settings = Settings()
    for key, value in config.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError("bad argument type for built-in operation")
        try:
            settings = _apply(settings, key, value)
        except ValueError as error:
            raise RuntimeError(f"Failed to apply setting '{key} = {value}' - \"{error}\"") from None
    return settings


def _apply(settings: Settings, key: str, value: str) -> Settings:
    if key in _NUMBERS:
        field, read = _NUMBERS[key]
        values: dict[str, Any] = {field: read(key, value)}
        return replace(settings, **values)
    if key == "levelDirectory":
        return replace(settings, level_directory=value)
    if key in _TRUE_OR_FALSE:
        if value not in ("true", "false"):
            raise ValueError(f'\'{key}\' must be "true" or "false". Actual {value}')
        return settings
    if key in _WITHOUT_EFFECT:
        return settings
    return replace(settings, script=(*settings.script, (key, value)))


def _size(key: str, value: str) -> int:
    if not value.isdecimal() or int(value) < 4 or int(value) % 4:
        raise ValueError(f"'{key}' must be a positive multiple of 4. Actual {value}")
    return int(value)


def _positive(key: str, value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ValueError(f"'{key}' must be a positive integer. Actual {value}")
    return int(value)


def _number(key: str, value: str) -> int:
    if not value.isdecimal():
        raise ValueError(f"'{key}' must be a non-negative integer. Actual {value}")
    return int(value)


def _seed(key: str, value: str) -> int:
    seed = int(value, 0)  # hexadecimal too
    if not 0 <= seed < _SEEDS:
        raise ValueError(f"'{key}' must be from 0 to {_SEEDS - 1}. Actual {value}")
    return seed


_NUMBERS: dict[str, tuple[str, Callable[[str, str], int]]] = {
    "width": ("width", _size),
    "height": ("height", _size),
    "fps": ("fps", _positive),
    "mixerSeed": ("mixer_seed", _seed),
    "gpuDeviceIndex": ("gpu", _number),
    "maxAltCameraWidth": ("alternative_width", _number),
    "maxAltCameraHeight": ("alternative_height", _number),
}
