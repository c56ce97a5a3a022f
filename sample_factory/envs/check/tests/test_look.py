"""Every broken environment is found by its name, and by no other. Knows no process."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import pytest
from gymnasium.vector import AutoresetMode

from sample_factory.envs import registry
from sample_factory.envs.check.look import Look, look
from sample_factory.envs.check.progress import Progress
from sample_factory.envs.check.subject import Subject
from sample_factory.envs.check.tests import broken_envs
from sample_factory.envs.rules import RULES
from sample_factory.envs.tests import envs_for_tests
from sample_factory.system import registrations

OPTIONS = SimpleNamespace(env_backend="auto", env_frameskip=None, env_kwargs="{}")


@pytest.fixture(autouse=True)
def _own_registrations(monkeypatch):
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))
    registry.register_env("broken_", broken_envs.make_by_name)


def look_at(name, seconds=0.1) -> Look:
    return look(Subject(name, OPTIONS, {}, (), seed=0), Progress(), seconds)


def names(seen: Look) -> list[str]:
    return sorted({finding.rule for finding in seen.findings})


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("WrongDtype", "wrong-dtype"),
        ("WrongShape", "wrong-shape"),
        ("OutOfBounds", "out-of-bounds"),
        ("NotFinite", "not-finite"),
        ("LacksAKey", "wrong-structure"),
        ("NanReward", "bad-reward"),
        ("ArrayReward", "bad-reward"),
        ("ReusesBuffer", "reused-buffer"),
        ("SharesRows", "shared-rows"),
        ("OneRowForAll", "shared-rows"),
        ("IgnoresReset", "reset-ignored"),
        ("SpacesDiffer", "spaces-differ"),
        ("SpacesChange", "spaces-differ"),
        ("IgnoresSeed", "seed-ignored"),
        ("SaysItIgnoresSeed", "not-repeatable"),
        ("SameForEverySeed", "same-every-seed"),
        ("WithoutSeed", "no-seed"),
        ("Raises", "raised"),
        ("RaisesWhenMade", "raised"),
        ("RejectsActions", "rejects-actions"),
        ("RejectsEveryAction", "rejects-actions"),
        ("ResetReturnsNoTuple", "reset-result"),
        ("StepOfFour", "step-result"),
        ("InfoIsNone", "info-not-dict"),
        ("FlagsAreInts", "flags-not-bool"),
        ("MutatesActions", "mutates-actions"),
        ("BatchMutatesActions", "mutates-actions"),
        ("UnsupportedSpace", "unsupported-space"),
        ("AgentVanishes", "agents-change"),
        ("NeverResets", "no-autoreset"),
        ("BatchNeverResets", "no-autoreset"),
        ("BatchForgetsRows", "unwritten-rows"),
        ("BatchForgetsFlags", "unwritten-rows"),
        ("BatchIsValidOnReset", "valid-on-reset"),
        ("BatchLosesObservations", "valid-on-reset"),
        ("BatchRewardsResets", "reward-on-invalid"),
        ("BatchCountsResets", "wrong-frames"),
        ("BatchForgetsEpisodes", "wrong-episodes"),
    ],
)
def test_each_broken_environment_is_found_by_exactly_its_name(broken, rule):
    assert names(look_at(f"broken_{broken}")) == [rule]


@pytest.mark.parametrize(
    ("real", "declared", "finals", "rule"),
    [
        (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, True, "wrong-autoreset-mode"),
        (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, False, "wrong-autoreset-mode"),
        (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, True, "wrong-autoreset-mode"),
        (AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED, True, "no-autoreset"),
        (AutoresetMode.NEXT_STEP, AutoresetMode.NEXT_STEP, True, None),
        (AutoresetMode.SAME_STEP, AutoresetMode.SAME_STEP, True, None),
    ],
)
def test_vector_environments_reset_as_they_declare(real, declared, finals, rule):
    def make(name, cfg, config):
        return broken_envs.Liar(config.num_envs, real, declared, finals)

    registry.register_env("liar", make)
    assert names(look_at("liar")) == ([] if rule is None else [rule])


@pytest.mark.parametrize(
    "name",
    [
        "tmaze_5",
        "pursuit_3",
        "gym_CartPole-v1",
        "gym_Pendulum-v1",
        "gym_Taxi-v4",
        "gym_Blackjack-v1",
        "broken_Sound",
        "broken_Batch",
    ],
)
def test_sound_environments_break_no_rule(name):
    seen = look_at(name)
    assert names(seen) == [] and seen.facts is not None


def test_a_sound_multi_agent_environment_breaks_no_rule():
    registry.register_env("duel", lambda name, cfg, config: envs_for_tests.Duel(has_five=True))
    seen = look_at("duel")
    assert names(seen) == ["no-seed"] and not any(finding.severity != "note" for finding in seen.findings)
    assert seen.facts is not None and seen.facts.agents == 2 and not seen.facts.is_native


@pytest.mark.parametrize(("name", "package"), [("doom_basic", "vizdoom"), ("envpool_CartPole-v1", "envpool")])
def test_sound_environments_of_other_packages_break_no_rule(name, package):
    pytest.importorskip(package)
    options = vars(OPTIONS) | {"res_w": 128, "res_h": 72, "wide_aspect_ratio": False, "pixel_format": "CHW"}
    seen = look(Subject(name, SimpleNamespace(**options), {}, (), seed=0), Progress(), 0.1)
    assert names(seen) == []


def test_a_batch_has_the_spaces_of_a_single_environment():
    """Training asks one of them, and makes many."""

    def make(name, cfg, config):
        return broken_envs.Sound() if config.num_envs == 1 else broken_envs.BatchOfOthers(config.num_envs)

    registry.register_env("two_faced", make)
    assert names(look_at("two_faced")) == ["spaces-differ"]


def test_findings_say_where_and_what_to_do():
    (finding,) = look_at("broken_NotFinite").findings
    assert (finding.env, finding.key, finding.row) == (0, "obs", None)
    assert finding.step is not None and finding.step >= 3
    assert finding.problem == "observation 'obs' is not finite" and finding.advice
    (finding,) = look_at("broken_BatchForgetsRows").findings
    assert (finding.key, finding.row) == ("obs", 1)


def test_mistakes_of_the_user_are_no_findings():
    with pytest.raises(ValueError, match="Gymnasium has no environment"):
        look_at("gym_CartPoll-v1")


def test_every_rule_has_advice_of_one_line():
    assert all(rule.advice and len(rule.advice) < 100 and "\n" not in rule.advice for rule in RULES.values())
