"""The sequence of choices never changes: levels are named by their seed."""

from sample_factory.envs.doom.scenario.dice import Dice


def test_choices_are_those_that_were_always_made():
    dice = Dice(7)
    assert [dice.below(100) for _ in range(6)] == [32, 15, 65, 7, 53, 36]
    assert Dice(7).shuffled("abcdef") == ["b", "a", "e", "c", "f", "d"]


def test_every_item_is_chosen_sooner_or_later():
    dice = Dice(0)
    assert {dice.choice("abc") for _ in range(50)} == set("abc")
    assert {dice.chance(0.5) for _ in range(50)} == {True, False}
