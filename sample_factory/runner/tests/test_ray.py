"""Ray as the scheduler and `cancel` see it, with a stand-in for the module `ray`. Starts no cluster."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sample_factory.config.runner import RayConfig
from sample_factory.runner import cancel, run
from sample_factory.runner.backends import attempts, ray
from sample_factory.runner.backends.backend import StartError
from sample_factory.runner.backends.ray_actor import make_actor_class
from sample_factory.runner.identity import process_identity, this_host
from sample_factory.runner.ledger import Entry, Ledger, Place, Task, log_path
from sample_factory.runner.scheduler import SUCCESS, Scheduler
from sample_factory.runner.tests.study import ROOT

CLUSTER = "10.0.0.1:6379"


class RayError(Exception):
    pass


class RayActorError(RayError):
    def __init__(self, text: str, actor_init_failed: bool = False) -> None:
        super().__init__(text)
        self.actor_init_failed = actor_init_failed


class ActorUnavailableError(RayActorError):
    pass


class FakeActor:
    """Is there until somebody gives it an error."""

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.arguments = arguments
        self.error: RayError | None = None
        self.end = SimpleNamespace(remote=lambda: Answer(self))

    def key(self) -> tuple[str, int]:
        (_, name, number), *_ = self.arguments
        return name, int(number)


class Answer:
    """To one question; an actor that was only out of reach may be asked again."""

    def __init__(self, actor: FakeActor) -> None:
        self.actor = actor


class FakeRay(ModuleType):
    """As much of Ray as is used; `actors` are those that wait or run."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.actors: dict[str, FakeActor] = {}
        self.options: dict[str, dict[str, Any]] = {}
        self.initialized: dict[str, Any] = {}
        self.is_down = False
        self.exceptions = SimpleNamespace(
            RayError=RayError, RayActorError=RayActorError, ActorUnavailableError=ActorUnavailableError
        )
        self.actor = SimpleNamespace(exit_actor=lambda: None)

    def init(self, address: str, **options: Any) -> None:
        if address == "auto":
            raise ConnectionError("Could not find any\nrunning Ray instance")
        self.initialized = {"address": address, **options}

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(gcs_address=CLUSTER)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 4.0}}, {"Alive": False, "Resources": {"CPU": 4.0, "GPU": 8.0}}]

    def remote(self, actor_class: type) -> SimpleNamespace:
        assert isinstance(actor_class, type)
        return SimpleNamespace(options=lambda **options: SimpleNamespace(remote=self._creator(options)))

    def _creator(self, options: dict[str, Any]) -> Callable[..., FakeActor]:
        def create(*arguments: Any) -> FakeActor:
            self._check()
            if options["name"] in self.actors:
                raise ValueError("Actor with that name already exists")
            self.options[options["name"]] = options
            self.actors[options["name"]] = FakeActor(arguments)
            return self.actors[options["name"]]

        return create

    def get_actor(self, name: str) -> FakeActor:
        self._check()
        if name not in self.actors:
            raise ValueError("Failed to look up actor")
        return self.actors[name]

    def wait(self, answers: Sequence[Answer], num_returns: int, timeout: float) -> tuple[list[Answer], list[Answer]]:
        assert len(answers) == num_returns and timeout == 0
        return [answer for answer in answers if answer.actor.error], []

    def get(self, answer: Answer) -> None:
        error, answer.actor.error = answer.actor.error, None
        assert error is not None
        raise error

    def kill(self, actor: FakeActor) -> None:
        self.lose(actor.key(), "it was killed by `ray.kill`")

    def lose(self, key: tuple[str, int], why: str, **kwargs: Any) -> None:
        actor = self.actors.pop("{} try {}".format(*key))
        actor.error = RayActorError(
            f"The actor died.\n\tname: a\n{why}\nThe actor never ran - it was cancelled", **kwargs
        )

    def _check(self) -> None:
        if self.is_down:
            raise RayError("GCS is not\nreachable")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    made = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setattr(ray.socket, "create_connection", lambda *_: SimpleNamespace(close=lambda: None))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return made


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.create(tmp_path)
    made.enter([Task(name, ("run", name), {}) for name in ("a/1", "a/2", "a/3")])
    return made


def _backend(ledger: Ledger, **options: Any) -> ray.Ray:
    return ray.Ray(ledger.folder, RayConfig(ray_address=CLUSTER, **options))


def _begin(ledger: Ledger, backend: ray.Ray, name: str = "a/1", claim: bool = False) -> Entry:
    entry = ledger.begin(name, ray.NAME, "runner", Place())
    assert entry is not None
    ledger.set_job(name, entry.tries, backend.start(entry))
    if claim:
        ledger.claim(name, entry.tries, "node", 7, "x")
    return next(entry for entry in ledger.entries() if entry.name == name)


def test_an_attempt_is_an_actor_that_outlives_the_runner_and_that_ray_does_not_start_again(
    fake: FakeRay, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/shared/code")
    entry = _begin(ledger, _backend(ledger, ray_cpus_per_experiment=2.5, ray_gpus_per_experiment=0.5))
    assert entry.job == CLUSTER
    assert fake.options["a/1 try 1"] == {
        "name": "a/1 try 1",
        "lifetime": "detached",
        "max_restarts": 0,
        "num_cpus": 2.5,
        "num_gpus": 0.5,
    }
    folder = ledger.folder
    assert fake.actors["a/1 try 1"].arguments == (
        [str(folder), "a/1", "1"],
        str(folder / "ledger.sqlite"),
        str(log_path(folder, "a/1")),
        os.getcwd(),
        "/shared/code",
    )
    assert fake.initialized["address"] == CLUSTER and fake.initialized["namespace"] == str(folder)


def test_what_ray_takes_away_is_interrupted_and_has_not_failed(fake: FakeRay, ledger: Ledger) -> None:
    backend = _backend(ledger)
    entries = [_begin(ledger, backend, name, claim=True) for name in ("a/1", "a/2")]
    assert backend.ended(entries) == {}
    fake.lose(("a/2", 1), "its node has died")
    assert backend.ended(entries) == {"a/2": 2}


def test_what_cannot_run_has_failed_and_says_why_where_its_user_looks(fake: FakeRay, ledger: Ledger) -> None:
    backend = _backend(ledger)
    entry = _begin(ledger, backend)
    fake.lose(("a/1", 1), "RuntimeError: node3 does not see it", actor_init_failed=True)
    assert backend.ended([entry]) == {"a/1": 127}
    assert log_path(ledger.folder, "a/1").read_text() == "error: RuntimeError: node3 does not see it\n"


def test_one_that_is_out_of_reach_for_a_moment_is_asked_again(fake: FakeRay, ledger: Ledger) -> None:
    backend = _backend(ledger)
    entry = _begin(ledger, backend, claim=True)
    fake.actors["a/1 try 1"].error = ActorUnavailableError("the network")
    assert backend.ended([entry]) == {}
    assert backend.ended([entry]) == {}
    fake.lose(("a/1", 1), "its node has died")
    assert backend.ended([entry]) == {"a/1": 2}


def test_the_next_runner_finds_actors_by_their_names(fake: FakeRay, ledger: Ledger) -> None:
    entry = _begin(ledger, _backend(ledger), claim=True)
    never_came = ledger.begin("a/2", ray.NAME, "runner", Place())
    assert never_came is not None
    backend = _backend(ledger)
    assert backend.sees(entry) and backend.sees(never_came)
    assert backend.ended([entry, never_came]) == {"a/2": 2}
    fake.lose(("a/1", 1), "its node has died")
    assert backend.ended([entry]) == {"a/1": 2}


def test_attempts_on_another_cluster_are_left_to_it(fake: FakeRay, ledger: Ledger) -> None:
    backend = _backend(ledger)
    entry = _begin(ledger, backend)
    assert not backend.sees(replace(entry, job="10.0.0.2:6379"))
    assert not backend.sees(replace(entry, backend="processes", job=None))


def test_a_node_that_dies_costs_a_study_nothing_but_time(fake: FakeRay, ledger: Ledger) -> None:
    names = [entry.name for entry in ledger.entries()]
    scheduler = Scheduler(ledger, _backend(ledger), names, max_retries=0, pause_between_sec=0)
    scheduler.recover()
    for _ in range(3):
        assert scheduler.tick()
    assert len(fake.actors) == 3
    ledger.claim("a/2", 1, "node", 7, "x")
    fake.lose(("a/2", 1), "its node has died")
    scheduler.tick()
    assert set(fake.actors) == {"a/1 try 1", "a/2 try 2", "a/3 try 1"}
    for actor in list(fake.actors.values()):
        name, number = actor.key()
        assert ledger.claim(name, number, "node", 8, "y") is not None
        ledger.finish(name, number, 0)
        fake.lose((name, number), "exit_actor() is called")
    assert not scheduler.tick()
    assert scheduler.result() == SUCCESS
    assert [(entry.tries, entry.failures) for entry in ledger.entries()] == [(1, 0), (2, 0), (1, 0)]


def test_what_runs_is_told_by_the_ledger_and_what_waits_is_taken_out_of_the_queue(
    fake: FakeRay, ledger: Ledger
) -> None:
    backend = _backend(ledger)
    runs = _begin(ledger, backend, "a/1", claim=True)
    waits = _begin(ledger, backend, "a/2")
    for entry in (runs, waits):
        backend.stop(entry, kill=False)
    assert set(fake.actors) == {"a/1 try 1"}
    backend.stop(runs, kill=True)
    assert not fake.actors
    backend.stop(runs, kill=True)


def test_one_that_is_cancelled_while_it_waits_has_nothing_to_do_when_its_turn_comes(
    fake: FakeRay, ledger: Ledger
) -> None:
    backend = _backend(ledger)
    _begin(ledger, backend, "a/1")
    assert cancel.main([str(ledger.folder), "a/1"]) == 0
    assert [entry.state for entry in ledger.entries()] == ["cancelled", "pending", "pending"]
    assert ledger.claim("a/1", 1, "node", 7, "x") is None


def test_ray_is_given_no_more_at_a_time_than_asked(fake: FakeRay, ledger: Ledger) -> None:
    backend = _backend(ledger, ray_max_parallel=2)
    entries = [_begin(ledger, backend, name) for name in ("a/1", "a/2")]
    assert backend.place(entries[:1]) == Place()
    assert backend.place(entries) is None
    assert backend.place([replace(entry, job="elsewhere") for entry in entries]) == Place()


def test_a_name_that_is_taken_is_not_started(fake: FakeRay, ledger: Ledger) -> None:
    backend = _backend(ledger)
    entry = _begin(ledger, backend)
    with pytest.raises(StartError, match="already exists"):
        backend.start(entry)


def test_a_demand_that_no_node_meets_is_said_once(
    fake: FakeRay, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    backend = _backend(ledger, ray_gpus_per_experiment=1)
    for name in ("a/1", "a/2"):
        _begin(ledger, backend, name)
    [record] = caplog.records
    assert "no node of the cluster 10.0.0.1:6379 has 1 CPUs and 1 GPUs: experiments wait" in record.message


def test_a_cluster_that_does_not_answer_is_one_line(fake: FakeRay, ledger: Ledger) -> None:
    backend = _backend(ledger)
    entry = _begin(ledger, backend)
    fake.is_down = True
    with pytest.raises(ValueError, match=r"^the Ray cluster 10.0.0.1:6379 does not answer \(reachable\); the same"):
        _backend(ledger).ended([entry])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--ray_address=auto: no cluster (running Ray instance); start one with `ray start --head`"),
        (["--ray_address=local"], "--ray_address=local must be auto or host:port"),
        (["--ray_address=ray://a:1"], "must be auto or host:port"),
        (["--ray_gpus_per_experiment=1.5"], "--ray_gpus_per_experiment=1.5 must be a whole number, or less than 1"),
        (["--ray_max_parallel=0"], "--ray_max_parallel=0 must be at least 1"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_made(
    flags: list[str], message: str, fake: FakeRay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_dir = tmp_path / "train_dir"
    assert run.main(["--run=small_games", "--runner=ray", f"--train_dir={train_dir}", *flags]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not train_dir.exists()


def test_an_address_where_nobody_listens_is_found_out_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", FakeRay())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    assert run.main(["--run=small_games", "--runner=ray", f"--train_dir={tmp_path}"]) == 1
    assert f"--ray_address=127.0.0.1:{port}: no cluster (" in capsys.readouterr().err


def test_without_ray_the_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run.main(["--run=small_games", "--runner=ray", f"--train_dir={tmp_path / 't'}"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --runner=ray needs Ray: pip install 'sample-factory[ray]'")
    assert error.count("\n") == 1 and not (tmp_path / "t").exists()


def test_those_who_look_need_no_ray(monkeypatch: pytest.MonkeyPatch, fake: FakeRay, ledger: Ledger) -> None:
    backend = _backend(ledger)
    for name in ("a/1", "a/2", "a/3"):
        _begin(ledger, backend, name)
    ledger.claim("a/2", 1, this_host(), os.getpid(), process_identity(os.getpid()) or "")
    ledger.claim("a/3", 1, this_host(), os.getpid(), "an earlier process")
    monkeypatch.setitem(sys.modules, "ray", None)
    entries = ledger.entries()
    assert attempts.conditions(ledger.folder, entries) == {"a/1": "queued", "a/2": "alive", "a/3": "gone"}
    assert all(attempts.is_reachable(entry) for entry in entries)
    elsewhere = replace(entries[1], host="node")
    assert attempts.conditions(ledger.folder, [elsewhere]) == {}


@pytest.fixture
def actor_class(fake: FakeRay) -> Iterator[type]:
    exits: list[None] = []
    fake.actor.exit_actor = lambda: exits.append(None)
    made = make_actor_class()
    made.exits = exits  # type: ignore[attr-defined]
    yield made


def test_an_actor_runs_its_attempt_and_is_gone(actor_class: Any, ledger: Ledger) -> None:
    touched = ledger.folder / "touched"
    ledger.enter([Task("a/1", ("touch", str(touched)), {})])
    ledger.begin("a/1", ray.NAME, "runner", Place())
    log = log_path(ledger.folder, "a/1")
    arguments = [str(ledger.folder), "a/1", "1"]
    actor_class(arguments, str(ledger.folder / "ledger.sqlite"), str(log), str(ROOT), str(ROOT))
    assert ledger.entries()[0].state == "done" and touched.exists()
    assert len(actor_class.exits) == 1


def test_an_actor_names_the_folder_that_its_machine_does_not_see(actor_class: Any, tmp_path: Path) -> None:
    missing = str(tmp_path / "ledger.sqlite")
    with pytest.raises(RuntimeError) as caught:
        actor_class(["x", "y", "1"], missing, str(tmp_path / "log"), str(tmp_path), None)
    assert f"{socket.gethostname()} does not see {missing}: the run's folder" in str(caught.value)
    assert "\n" not in str(caught.value) and not actor_class.exits


def test_an_actor_whose_attempt_fails_says_where_the_reason_is(actor_class: Any, ledger: Ledger) -> None:
    log = ledger.folder / "logs" / "x.log"
    arguments = [str(ledger.folder), "a/1", "not a number"]
    with pytest.raises(RuntimeError, match=f"the attempt ended with status 1 on .*: see {log}"):
        actor_class(arguments, str(ledger.folder / "ledger.sqlite"), str(log), str(ROOT), str(ROOT))
    assert "ValueError" in log.read_text() and not actor_class.exits
