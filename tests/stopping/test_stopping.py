"""Stopping rules: each against a direct loop over one run, and what they refuse."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.errors import ConfigError, UnknownNameError
from nasdip_bench.observables import OBSERVABLES
from nasdip_bench.stopping import (
    RULES,
    Discrepancy,
    ExponentialVariance,
    Fits,
    Fixed,
    Last,
    NeighbourMinimum,
    Plateau,
    StoppingRule,
    Watch,
    WindowedVariance,
    follow,
    parse_rule,
    recorded_rules,
)

BUDGET, STOP = 60, 40
KINDS = ("denoise", "inpaint", "super_resolve")
RUNS = 7


def fits(kind="denoise", runs=RUNS, budget=BUDGET) -> Fits:
    noisy = kind == "denoise"
    sigma = np.full(runs, 0.1 if noisy else np.nan)
    return Fits(kind=kind, budget=budget, stop=STOP, sigma=sigma, sigma_estimate=sigma * 1.05)


def walks(seed: int, runs=RUNS, budget=BUDGET) -> dict[str, np.ndarray]:
    """Random walks about the noise level, rounded so that values repeat; the first few absent."""
    draw = np.random.default_rng(seed)
    curves = {}
    for name in OBSERVABLES:
        steps = draw.normal(0.1, 1, (runs, budget))
        curves[name] = (17 + np.cumsum(steps, axis=1)).round(1)
        if name.startswith(("wmv", "emv", "step")):
            curves[name][:, :5] = np.nan
    return curves


def directly(rule: StoppingRule, of: Fits, run: int, iterations, curves) -> tuple[int, int, bool]:
    """(delivered, paid, stopped) of one run, from the definition of each rule."""
    seen = {name: curve[run] for name, curve in curves.items()}
    last = int(iterations[-1])
    if isinstance(rule, Last):
        return last, last, False
    if isinstance(rule, Fixed):
        end = rule.iteration or of.stop
        at = next((int(t) for t in iterations if t >= end), None)
        return (last, last, False) if at is None else (at, at, True)
    if isinstance(rule, Discrepancy):
        sigma = (of.sigma if rule.sigma == "known" else of.sigma_estimate)[run]
        means = 10 ** (-seen["loss_smooth"] / 10)
        for t, mean in zip(iterations, means, strict=True):
            if mean <= rule.tau * sigma**2 * (1 + 1e-12):
                return int(t), int(t), True
        return last, last, False
    wait = rule.patience if rule.patience >= 1 else max(1, round(rule.patience * of.budget))
    (name,) = rule.needs
    best, at = None, 0
    for t, value in zip(iterations, seen[name], strict=True):
        gain = rule.gain_db if isinstance(rule, Plateau) else 0
        if isinstance(rule, ExponentialVariance) and t <= rule.burn_in:
            continue
        if not np.isnan(value) and (best is None or value > best + gain):
            best, at = value, int(t)
        elif (at or isinstance(rule, Plateau)) and t - at >= wait:
            return (int(t) if isinstance(rule, Plateau) else at), int(t), True
    nothing = isinstance(rule, Plateau) or not at
    return (last if nothing else at), last, False


ALL = [
    Fixed(), Fixed(1), Fixed(23), Fixed(10**6), Last(), *recorded_rules("denoise"),
    NeighbourMinimum(3), WindowedVariance(25, 4), ExponentialVariance(1), Plateau(7, 1.5),
    ExponentialVariance(3, burn_in=0), ExponentialVariance(0.2, burn_in=9, delivers="output"),
]  # fmt: skip


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_every_rule_does_what_its_definition_says(seed, step):
    curves, iterations = walks(seed), np.arange(1, BUDGET + 1, step)
    kept = {name: curve[:, iterations - 1] for name, curve in curves.items()}
    for rule in ALL:
        found = follow(rule, fits(), iterations, kept)
        for run in range(RUNS):
            expected = directly(rule, fits(), run, iterations, kept)
            assert tuple(values[run] for values in found) == expected, (rule, run)


def test_a_rule_of_a_users_own():
    @dataclass(frozen=True)
    class Sharp(StoppingRule):
        level_db: float = 20.0
        name = "sharp"
        needs = ("high_frequency",)

        def begin(self, fits):
            def look(iteration, seen):
                sharp = seen["high_frequency"] >= self.level_db
                return sharp, sharp & (iteration > 3)

            return look

    curve = np.array([[21.0, 19, 19, 19, 25, 30], [10, 10, 22, 10, 10, 10]])
    found = follow(Sharp(), fits(runs=2), np.arange(1, 7), {"high_frequency": curve})
    assert [values.tolist() for values in found] == [[5, 3], [5, 6], [True, False]]
    assert str(Sharp(3)) == "sharp(level_db=3)"

    class Plain(StoppingRule):
        name = "plain"

        def begin(self, fits):
            return lambda iteration, seen: self.answer

    two = np.array([True, False])
    for answer in (None, (True, True), (two, two[:1]), (two, two.astype(int)), (two, two, two)):
        Forgetful = dataclass(type("Forgetful", (Plain,), {"answer": answer}))
        with pytest.raises(
            ConfigError, match="rule plain answered .*: return two arrays of 2 bool"
        ):
            Watch(Forgetful(), fits(runs=2)).look(1, {})
    with pytest.raises(ConfigError, match="class Plain of stopping rule plain is not a dataclass"):
        str(Plain())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RULES, "plain", Plain)
        with pytest.raises(ConfigError, match=r"write @dataclass\(frozen=True\) above it"):
            parse_rule("plain")


def test_rules_that_have_no_meaning_say_so():
    for kind, rule, reason in (
        ("inpaint", Discrepancy(), "there is no noise"),
        ("super_resolve", Discrepancy(), "there is no noise"),
        ("super_resolve", NeighbourMinimum(), "smaller than the restoration"),
    ):
        with pytest.raises(ConfigError, match=rf"stopping rule {rule.name}\(.*{reason}"):
            Watch(rule, fits(kind))
    for kind in KINDS:
        names = {rule.name for rule in recorded_rules(kind)}
        assert ("discrepancy" in names) == (kind == "denoise")
        assert ("neighbour" in names) == (kind != "super_resolve")
        rules = recorded_rules(kind)
        assert len({*map(str, rules)}) == len(rules)
        for rule in rules:
            Watch(rule, fits(kind))


def test_what_a_rule_needs_must_be_recorded():
    with pytest.raises(ConfigError, match=r"needs emv, which is not recorded here"):
        follow(ExponentialVariance(), fits(), np.arange(1, 3), {"loss": np.zeros((RUNS, 2))})

    @dataclass(frozen=True)
    class Cheat(StoppingRule):
        name = "cheat"
        needs = ("psnr",)

        def begin(self, fits):
            raise AssertionError

    with pytest.raises(UnknownNameError, match="unknown observable 'psnr'"):
        Watch(Cheat(), fits())


def test_a_rule_is_read_as_it_is_written():
    for rule in (*ALL, *(kind() for kind in RULES.values())):
        assert parse_rule(str(rule)) == rule
    assert parse_rule(" discrepancy( tau = 0.8 , sigma=known ) ") == Discrepancy(0.8, "known")
    assert parse_rule("es-wmv()") == WindowedVariance()
    assert parse_rule("fixed(iteration=300)") == Fixed(300)


def test_what_is_no_rule_is_refused():
    for text, error, message in (
        ("", ConfigError, "'' is not a stopping rule: give a name"),
        ("es-wmv(", ConfigError, "is not a stopping rule"),
        ("discrepency", UnknownNameError, "unknown stopping rule 'discrepency'.*discrepancy"),
        ("discrepancy(t=1)", UnknownNameError, "unknown parameter of stopping rule discrepancy"),
        ("discrepancy(0.8)", ConfigError, "'0.8' of stopping rule discrepancy is not of the form"),
        ("discrepancy(tau=0)", ConfigError, "tau 0 of a stopping rule must be a positive number"),
        ("discrepancy(tau=x)", ConfigError, "tau 'x' of a stopping rule must be a positive"),
        ("discrepancy(tau=nan)", ConfigError, "must be a positive number"),
        ("discrepancy(sigma=25)", UnknownNameError, "unknown sigma 25"),
        ("es-wmv(window=50)", ConfigError, "window 50 of es-wmv must be 25 or 100"),
        ("es-wmv(patience=1.5)", ConfigError, "patience 1.5 of a stopping rule must be"),
        ("neighbour(patience=0)", ConfigError, "patience 0 of a stopping rule"),
        ("plateau(gain_db=-1)", ConfigError, "gain_db -1 of a stopping rule must be a positive"),
        ("fixed(iteration=0.5)", ConfigError, "iteration 0.5 must be a whole"),
        ("es-emv(burn_in=-1)", ConfigError, "burn_in of a stopping rule"),
        ("es-wmv(delivers=both)", UnknownNameError, "delivers 'both'.*smoothed, output"),
        ("es-emv(patience=many)", ConfigError, "patience 'many' of a stopping rule"),
    ):
        with pytest.raises(error, match=message):
            parse_rule(text)
