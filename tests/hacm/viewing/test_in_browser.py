"""The player in Chromium: it plays, turns, is moved by keys, and asks nothing of any network."""

import numpy as np
import pytest

from hacm.skeletons.shipped import UI_PRMD
from hacm.viewing.page import Said, Shown, page_html
from hacm.viewing.player import MASKED, SEEN, Colouring, Panel, Scene, Stretch, Timeline
from tests.helpers.browser import NEEDS_BROWSER, chromium, open_page

pytestmark = [pytest.mark.browser, NEEDS_BROWSER]
JOINTS, FRAMES, FPS = len(UI_PRMD.joints), 61, 30.0
PLAYER = "document.querySelectorAll('.hacm-player')[{}].player"


def wave(shift=0.0):
    """A person who stands, and whose joints go up and down."""
    pose = np.random.default_rng(2).uniform([-0.4, 0, -0.2], [0.4, 1.7, 0.2], (JOINTS, 3))
    times = np.linspace(0, 6, FRAMES)[:, None, None]
    return (pose + 0.1 * np.sin(times + pose[:, :1]) + shift)[None]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page of two players: one of two panels with masking and a colour, one of two people."""
    state = np.where(np.arange(FRAMES * JOINTS).reshape(1, FRAMES, JOINTS) % 3, MASKED, SEEN)
    depth = Colouring("depth", np.arange(JOINTS, dtype=float).reshape(1, 1, JOINTS))
    line = Timeline("person 1", (Stretch(0, 1, "wave", 0.9, 1), Stretch(1, 61 / 30, "nothing known")))
    beside = (Panel(wave(), "as seen", state, (depth,)), Panel(wave(0.01), "reconstruction", None, (depth,)))
    first = Scene("masked", UI_PRMD.joints, UI_PRMD.parents, FPS, beside, (line,))
    people = Scene("two people", UI_PRMD.joints, UI_PRMD.parents, FPS, (Panel(np.concatenate([wave(), wave(0.5)])),))
    shown = [
        Shown("masked", first, (Said("person 1", (("wave", 0.9), ("kick", 0.1)), False, ("short",)),)),
        Shown("two people", people),
    ]
    path = tmp_path_factory.mktemp("view") / "view.html"
    path.write_text(page_html("Model: none.", shown, [("broken.npz", "the file is empty")]), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser, address):
    """The page, where less motion is asked for, so that nothing moves by itself; nothing may be complained of."""
    page, seen = open_page(browser, address, reduced_motion="reduce", viewport={"width": 900, "height": 1400})
    page.wait_for_function("[...document.querySelectorAll('.hacm-player')].every(one => one.player?.ready)")
    yield page
    page.close()
    assert seen.complaints == []
    assert [one for one in seen.requests if not one.startswith("data:")] == [address]


def look(page, what, number=0):
    return page.evaluate(f"{PLAYER.format(number)}.{what}")


def pictures(page):
    return [canvas.evaluate("one => one.toDataURL()") for canvas in page.query_selector_all("canvas")]


def test_it_plays_and_stops(opened):
    before = pictures(opened)
    opened.get_by_role("button", name="Play").first.click()
    opened.wait_for_function(f"{PLAYER.format(0)}.at > 8")
    opened.get_by_role("button", name="Pause").click()
    where = look(opened, "at")
    opened.wait_for_timeout(150)
    assert look(opened, "at") == where
    after = pictures(opened)
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    assert "of 2.00 s" in opened.locator(".hp-clock").first.inner_text()


def test_speed_is_what_it_says(opened):
    opened.get_by_label("Speed").first.select_option("0.5")
    opened.evaluate(f"{PLAYER.format(0)}.seek(0)")
    passed = opened.evaluate(
        f"""async () => {{ const one = {PLAYER.format(0)}; one.play();
        await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
        const [at, now] = [one.at, performance.now()];
        while (performance.now() - now < 500) await new Promise(requestAnimationFrame);
        one.stop(); return (one.at - at) / (performance.now() - now) * 1000; }}"""
    )
    assert passed == pytest.approx(0.5 * FPS, rel=0.25)


def test_where_less_motion_is_asked_for_it_plays_once(opened):
    opened.evaluate(f"{PLAYER.format(0)}.seek({FRAMES - 4})")
    opened.evaluate(f"{PLAYER.format(0)}.play()")
    opened.wait_for_function(f"!{PLAYER.format(0)}.going")
    assert look(opened, "at") == FRAMES - 1


def test_it_starts_by_itself_unless_less_motion_is_asked_for(browser, address, opened):
    assert look(opened, "at") == 0
    page, _ = open_page(browser, address, reduced_motion="no-preference", viewport={"width": 900, "height": 1400})
    page.wait_for_function(f"{PLAYER.format(0)}?.at > 2")
    assert look(page, "at", 1) == 0  # only the first of a page
    page.close()


def test_the_mouse_turns_both_panels(opened):
    before, yaw = pictures(opened), look(opened, "yaw")
    box = opened.locator("canvas").first.bounding_box()
    opened.mouse.move(box["x"] + 100, box["y"] + 100)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 160, box["y"] + 100)
    opened.mouse.up()
    opened.mouse.move(box["x"] + 200, box["y"] + 100)
    assert look(opened, "yaw") == pytest.approx(yaw - 60 / 120)
    after = pictures(opened)
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    opened.get_by_role("button", name="Turn back").first.click()
    assert pictures(opened) == before


def test_keys_turn_it_bring_it_nearer_and_play_it(opened):
    before, yaw = pictures(opened), look(opened, "yaw")
    opened.locator("canvas").nth(1).focus()
    opened.keyboard.press("ArrowLeft")
    assert look(opened, "yaw") != yaw
    for _ in range(50):
        opened.keyboard.press("ArrowDown")
    assert look(opened, "pitch") < np.pi / 2
    opened.keyboard.press("+")
    assert look(opened, "zoom") == pytest.approx(1.2)
    opened.keyboard.press("0")
    assert pictures(opened) == before
    opened.keyboard.press(" ")
    assert look(opened, "going") is True
    opened.keyboard.press(" ")
    assert look(opened, "going") is False


def test_keys_move_the_scrubber_and_both_panels_are_in_step(opened):
    scrubber = opened.get_by_label("Time").first
    scrubber.focus()
    for _ in range(5):
        opened.keyboard.press("ArrowRight")
    assert look(opened, "at") == 5
    assert scrubber.get_attribute("aria-valuetext") == "0.17 of 2.00 s"
    opened.keyboard.press("End")
    assert look(opened, "at") == FRAMES - 1
    # Both panels show the same frame: that of the second is the first's, moved by what `wave` moved it by.
    places = opened.evaluate(
        f"""() => {{ const one = {PLAYER.format(0)}; one.at = 17.5;
        return one.panels.map(panel => panel.pose((x, y, z) => [x, y, z], 0)); }}"""
    )
    np.testing.assert_allclose(np.array(places[1]) - np.array(places[0]), 0.01, atol=2e-4)
    expected = wave()[0, 17:19].mean(axis=0)
    shift = np.array(places[0]) - expected
    assert np.ptp(shift, axis=0).max() < 2e-4


def test_every_control_is_reached_by_tab_and_has_a_name(opened):
    names = []
    for _ in range(9):
        opened.keyboard.press("Tab")
        names.append(
            opened.evaluate(
                "(document.activeElement.ariaLabel || document.activeElement.textContent).split(':')[0].slice(0, 14)"
            )
        )
    assert names == [
        "as seen", "reconstruction", "Play", "Time", "Speed", "Colour", "Turn back", "wave 90 %, 0.0", "nothing known,"
    ]  # fmt: skip


def test_a_stretch_of_the_timeline_goes_to_its_beginning(opened):
    opened.get_by_role("button", name="nothing known, 1.0 to 2.0 s").click()
    assert look(opened, "at") == 30
    assert opened.locator("[data-now]").all_inner_texts() == ["nothing known"]


def test_colours_are_chosen_and_explained(opened):
    masked = pictures(opened)
    assert "masked" in opened.locator(".hp-legend").first.inner_text()
    opened.get_by_label("Colour").first.select_option("depth")
    assert opened.locator(".hp-legend").first.inner_text().split() == ["depth:", "0", "21"]
    after = pictures(opened)
    assert masked[:2] != after[:2]
    assert opened.get_by_label("Colour").count() == 1  # the second player has nothing to choose from


def test_it_fits_a_telephone_and_follows_dark(browser, address):
    page, seen = open_page(browser, address, color_scheme="dark", viewport={"width": 360, "height": 800})
    page.wait_for_function(f"{PLAYER.format(0)}?.ready")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    dark = look(page, "colours.ink")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{PLAYER.format(0)}.colours.ink !== '{dark}'")
    assert seen.complaints == []
    page.close()
