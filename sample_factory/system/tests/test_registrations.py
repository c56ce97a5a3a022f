"""What is registered here is known in another process, and what cannot be is refused in one line."""

from __future__ import annotations

import pickle
from collections import defaultdict

import pytest

from sample_factory.system import registrations
from sample_factory.system.registrations import only, register, registered, restore, snapshot


@pytest.fixture(autouse=True)
def _own_registrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))


def make() -> int:
    return 1


def make_again() -> int:
    return 2


def test_a_snapshot_restores_everything_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    register("encoder", "mine", make)
    register("core", "mine", make_again)
    sent = pickle.dumps(snapshot())
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))
    assert registered("encoder") == {}
    restore(pickle.loads(sent))
    assert registered("encoder") == {"mine": make} and registered("core") == {"mine": make_again}


def test_a_process_gets_only_the_kinds_it_needs() -> None:
    register("encoder", "mine", make)
    register("environment", "mine", make)
    assert only(snapshot(), "environment") == {"environment": {"mine": make}}


def test_a_second_registration_replaces_the_first() -> None:
    register("encoder", "mine", make)
    register("encoder", "mine", make_again)
    assert registered("encoder") == {"mine": make_again}


@pytest.mark.parametrize("kind", ["environment", "encoder", "core", "action distribution"])
def test_what_other_processes_cannot_find_is_refused_in_one_line(kind: registrations.Kind) -> None:
    def inner() -> int:
        return 1

    for entry in (lambda: 1, inner):
        register(kind, "mine", entry)
        with pytest.raises(
            ValueError, match=f"{kind} 'mine' cannot be used in worker .*top level of a module, not as a lambda"
        ) as caught:
            snapshot()
        assert "\n" not in str(caught.value)


def test_names_of_the_package_and_empty_names_are_refused() -> None:
    with pytest.raises(ValueError, match="encoder 'vizdoom' is part of the package"):
        register("encoder", "vizdoom", make, built_in=("vizdoom",))
    with pytest.raises(ValueError, match="name of the core must not be empty"):
        register("core", "", make)
