"""The report: its payload against the API, its escaping, and the page in a headless Chromium."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.report.data import CURVE_POINTS, report_payload, thinned
from nasdip_bench.api.report.page import embedded_json, report_html, write_report
from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from tests.chromium import Browser, find_chromium
from tests.synthetic import IMAGES, LOW

COUNT = 60
HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def bench(low_release):
    return low_release(
        count=COUNT,
        seeds={LOW: (0,)},
        missing={(LOW, "denoise", 2, "lena", 0)},
        diverged={(LOW, "denoise", 3, "lena", 0)},
        failed={(LOW, "denoise", 5, "chest", 0)},
    )


@pytest.fixture(scope="module")
def payload(bench):
    return report_payload(bench)


# The payload


def test_the_numbers_are_those_of_the_api(bench, payload):
    denoise = payload["sets"][0]
    assert (denoise["task"], denoise["fidelity"], denoise["seeds"]) == ("denoise", LOW, [0])
    cost = bench.cost(7, "denoise")
    assert denoise["parameters"][7] == cost.parameters
    assert denoise["flops"][7] == pytest.approx(cost.flops, rel=1e-3)
    for arch in (0, 7, COUNT - 1):
        for place, image in enumerate(bench.images):
            record = bench.query(arch, image, "denoise")
            for target in VERDICT_TARGETS:
                value = denoise["targets"][target][arch][place]
                assert value / 1000 == pytest.approx(getattr(record, target), abs=5.1e-4)
            curve = bench.curve(arch, image, "denoise")
            kept = np.isin(curve.iterations, denoise["points"])
            shown = np.array(denoise["curves"][arch][place]) / 1000
            assert shown == pytest.approx(curve.psnr_smooth_db[kept], abs=5.1e-4)
            for key, score in bench.scores(arch, image, "denoise").items():
                found = denoise["scores"][key][arch]
                found = found[place] if isinstance(found, list) else found
                assert found is None if np.isnan(score) else found == pytest.approx(score, rel=1e-3)


def test_what_is_missing_is_null_and_said(payload):
    denoise = payload["sets"][0]
    assert [denoise["status"][a] for a in (0, 2, 3, 5)] == ["ooo", ".oo", "doo", "ofo"]
    best = denoise["targets"]["best_psnr_smooth_db"]
    assert best[2][0] is best[3][0] is best[5][1] is None
    assert denoise["curves"][2][0] is None
    assert denoise["curves"][3][0] is not None  # it diverged on the way
    assert denoise["curves"][3][0][-1] is None
    assert (
        f"denoise at {LOW}: 1 of 180 runs is missing, 1 diverged, 1 failed." in payload["missing"]
    )
    assert any("shows only seed 0" in line for line in payload["missing"])
    assert denoise["corrupted"] == [18000, 18000, 18000]


def test_seeds_are_averaged_and_what_is_not_shown_is_said(release):
    bench = release(count=3, tasks=("denoise",))
    payload = report_payload(bench, "r64")
    (only,) = payload["sets"]
    assert only["seeds"] == [0, 1]
    mean = bench.query(1, "lena", "denoise", fidelity="r64").best_psnr_smooth_db
    assert only["targets"]["best_psnr_smooth_db"][1][0] / 1000 == pytest.approx(mean, abs=1e-3)
    assert any(f"also has denoise at {LOW}" in line for line in payload["missing"])
    with pytest.raises(UnknownNameError, match="unknown fidelity 'r9'"):
        report_payload(bench, "r9")


def test_a_release_without_runs_has_no_report(small):
    every = {(LOW, "denoise", 0, image, 0) for image in IMAGES}
    with pytest.raises(MissingRunError, match="has no runs: there is nothing to report"):
        report_payload(small(count=1, missing=every))


@pytest.mark.parametrize(("count", "stop"), [(10, 5), (32, 32), (33, 20), (256, 40), (9500, 9000)])
def test_curves_are_thinned_to_few_points_with_the_first_the_stop_and_the_last(count, stop):
    iterations = np.arange(1, count + 1, dtype=np.int32)
    kept = thinned(iterations, stop)
    assert len(kept) <= CURVE_POINTS
    assert len(kept) >= min(count, 20)
    assert kept == sorted(set(kept))
    assert {0, stop - 1, count - 1} <= set(kept)


def test_at_the_full_size_the_page_stays_small(payload):
    """The size of 522 architectures, ten images and two tasks, from that of a part."""
    table = np.full((522, 10), 25123)
    one = payload["sets"][0] | {
        "curves": np.full((522, 10, CURVE_POINTS), 25123).tolist(),
        "scores": dict.fromkeys("abcdefghijkl", (table / 10).tolist()),
        "targets": dict.fromkeys(VERDICT_TARGETS, table.tolist()),
    }
    assert len(report_html(payload | {"sets": [one, one]}).encode()) < 10e6


# The page


def scripts_of(page):
    """The text of scripts, as a browser cuts them."""
    return re.findall(r"<script[^>]*>(.*?)</script", page, re.DOTALL | re.IGNORECASE)


@pytest.fixture(scope="module")
def hostile(small):
    images = {HOSTILE: "user", "{{data}}": "user", "a'b": "substitute"}
    return small(images=images, image_set="user")


def test_hostile_names_stay_text(hostile):
    payload = report_payload(hostile)
    payload["release"]["name"] = HOSTILE
    payload["architectures"]["code"][0] = HOSTILE
    text = report_html(payload)
    scripts = scripts_of(text)
    assert len(scripts) == text.lower().count("<script") == 2
    assert json.loads(scripts[0]) == payload
    assert not re.search("[<>&\u2028\u2029]", scripts[0])
    assert "<img" not in text
    assert text.count("&lt;img src=x onerror") >= 2
    assert ">{{data}}</option>" in text  # a name is no placeholder


def test_json_inside_a_script_can_be_read_back():
    value = {"a": "</script>&<!--\u2028\u2029é", "b": [1.5, None]}
    text = embedded_json(value)
    assert json.loads(text) == value
    assert "<" not in text
    with pytest.raises(ValueError, match="Out of range"):
        embedded_json({"a": float("nan")})


def test_the_page_refers_to_nothing_outside(payload):
    text = report_html(payload)
    links = re.findall(r' (?:href|src)="([^"]*)"', text)
    assert links
    assert all(link.startswith(("#", "data:,")) for link in links)
    ids = {*re.findall(r' id="([^"]*)"', text)}
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert "http" not in re.sub(r"http-equiv|http://www\.w3\.org/2000/svg", "", text)
    assert "innerHTML" not in text
    labelled = re.findall(r"<label[^>]*>.*?</label>", text)
    assert len(re.findall(r"<(?:select|input)", text)) == len(labelled)


def test_the_page_states_its_size_and_what_it_leaves_out(payload):
    text = report_html(payload)
    assert f"at most {CURVE_POINTS} points" in text
    stated = float(re.search(r"This page is ([\d.]+) MiB", text)[1])
    assert stated == pytest.approx(len(text.encode()) / 2**20, abs=0.06)
    assert "1 of 180 runs is missing, 1 diverged, 1 failed." in text


def test_the_command_writes_it(run, bench, payload, tmp_path):
    out = tmp_path / "page.html"
    status, printed, _ = run("report", "--data", bench.path, "--out", out)
    assert status == 0
    assert printed.startswith(f"written: {out}, 0.")
    assert out.read_text() == report_html(payload)
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(ConfigError, match="cannot write"):
        write_report(bench, tmp_path / "no" / "page.html")


# In a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium is installed")
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def opened(browser, payload, tmp_path):
    def open_page(of=None):
        path = tmp_path / "page.html"
        path.write_text(report_html(payload if of is None else report_payload(of)))
        browser.problems.clear()
        browser.requests.clear()
        browser.open(path.as_uri())
        return browser, path.as_uri()

    return open_page


BODY = "[...document.querySelectorAll('#architecture-table tbody tr')]"
CODES = f"{BODY}.map(row => row.querySelector('th').textContent)"
TEXT = "document.getElementById('{}').textContent"


def test_the_page_loads_without_errors_and_requests(opened):
    browser, url = opened()
    assert browser.problems == []
    assert browser.requests == [url]
    assert browser.evaluate(f"{BODY}.length") == 15
    assert browser.evaluate("document.querySelectorAll('.curve').length") == 5
    assert browser.evaluate("document.querySelectorAll('.dot').length") == COUNT - 2
    assert browser.evaluate(TEXT.format("range")) == f"1–15 of {COUNT - 1}"


def test_the_best_come_first(opened, bench):
    browser, _ = opened()
    codes = browser.evaluate(CODES)
    assert codes == [str(bench[a]) for a in range(COUNT - 1, COUNT - 16, -1)]  # lena: by row
    for _ in range(3):
        browser.evaluate("document.getElementById('next').click()")
    rest = browser.evaluate(CODES)
    assert len(rest) == COUNT - 1 - 45
    assert rest[-1] == str(bench[3])  # it diverged: no value, so last
    assert not browser.evaluate("document.getElementById('previous').disabled")


def test_sorting_by_keyboard(opened, bench):
    browser, _ = opened()
    focused = "document.activeElement.textContent"
    for _ in range(40):
        browser.press("Tab")
        if browser.evaluate(focused) == "Architecture":
            break
    assert browser.evaluate(focused) == "Architecture"
    heads = "[...document.querySelectorAll('#architecture-table thead th[aria-sort]')]"
    sort = f"{heads}.map(th => th.getAttribute('aria-sort'))"
    assert browser.evaluate(sort)[:3] == ["none", "descending", "none"]
    for key, order, first in (("Enter", "ascending", 0), (" ", "descending", COUNT - 1)):
        browser.press(key)
        assert browser.evaluate(sort)[:2] == [order, "none"]
        assert browser.evaluate(CODES)[0] == str(bench[first])
        assert browser.evaluate(focused) == "Architecture"  # the focus stays where it was


def test_filters_choices_and_selection(opened, bench):
    browser, _ = opened()
    browser.evaluate(
        "(() => { const box = document.getElementById('filter-runs'); box.click(); "
        "const code = document.getElementById('filter-code'); "
        f"code.value = {json.dumps(str(bench[2]))}; "
        "code.dispatchEvent(new Event('input')); })()"
    )
    assert browser.evaluate(CODES) == [str(bench[2])]  # no run on this image
    browser.evaluate(f"{BODY}[0].querySelector('input').click()")
    assert browser.evaluate("document.querySelectorAll('#curves-legend li').length") == 6
    assert "1 of the chosen have no run" in browser.evaluate(TEXT.format("curves-text"))
    browser.evaluate(
        "(() => { const s = document.getElementById('image'); s.value = 2; "
        "s.dispatchEvent(new Event('change')); })()"
    )
    scatter = browser.evaluate(TEXT.format("scatter-text"))
    assert "boat" in scatter
    assert f"{COUNT} of {COUNT} architectures" in scatter
    assert browser.problems == []


def test_hostile_names_do_nothing_in_a_browser(opened, hostile):
    browser, url = opened(of=hostile)
    assert browser.evaluate("document.title") == "synthetic 1 – report"
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.getElementById('image').options[0].textContent") == HOSTILE
    assert browser.requests == [url]
    assert browser.problems == []
