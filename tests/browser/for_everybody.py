"""The page without a mouse, on a phone, and for those who see it otherwise or have it read to them."""

from __future__ import annotations

from typing import Any

from tests.browser.stage import SIZE, Stage, axe_source


def keyboard_alone(stage: Stage) -> None:
    """From the top of the page to a take that sounds, without the mouse."""
    page = stage.page
    stage.open()
    press_until(page, "Tab", "task-inpaint", at_least=1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    press_until(page, "Tab", "known")
    page.keyboard.type("source")
    page.wait_for_selector("#source-work:not([hidden])")
    press_until(page, "Tab", "region-start")
    page.keyboard.type("4")
    press_until(page, "Tab", "field-tags")
    page.keyboard.type("house, keys alone")
    stage.fill(number_of_steps=2)
    page.keyboard.press("Control+Enter")
    stage.wait_until("document.activeElement.id === 'listen-title'")
    page.keyboard.press("Space")
    stage.wait_until("document.querySelector('#play').textContent === 'Pause'")
    page.keyboard.press("Space")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    stage.wait_until("document.activeElement.id === 'search'")


def press_until(page: Any, key: str, wanted: str, at_least: int = 0) -> None:
    for _ in range(60):
        page.keyboard.press(key)
        focused = page.evaluate(
            "() => { const on = document.activeElement; const style = getComputedStyle(on.labels?.[0] ?? on);"
            " return [on.id, on.matches(':focus-visible')]; }"
        )
        if focused[0] == wanted:
            assert focused[1], f"focus is not visible on {wanted}"
            return
    raise AssertionError(f"{key} does not reach {wanted}")


def phone_width(stage: Stage) -> None:
    stage.page.set_viewport_size({"width": 360, "height": 740})
    for view in ("make", "jobs", "machine"):
        stage.go_to(view)
        stage.page.wait_for_timeout(200)
        wide = stage.page.evaluate("document.scrollingElement.scrollWidth")
        assert wide <= 360, f"{view} is {wide} wide"
    assert_accessible(stage, "phone")
    stage.page.set_viewport_size(SIZE)


def accessible_in_light_and_dark(stage: Stage) -> None:
    for scheme in ("light", "dark"):
        stage.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for view in ("make", "jobs", "machine"):
            stage.go_to(view)
            stage.page.wait_for_timeout(150)
            assert_accessible(stage, f"{view}, {scheme}")
    moves = stage.page.evaluate("getComputedStyle(document.querySelector('button')).transitionDuration")
    assert moves in ("0s", ""), moves
    stage.page.emulate_media(color_scheme="light", reduced_motion="no-preference")


def assert_accessible(stage: Stage, where: str) -> None:
    before, stage.forgiven = stage.forgiven, True  # axe-core tries a style of its own, which the policy forbids
    stage.page.evaluate(axe_source())
    found = stage.page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    stage.forgiven = before
    bad = [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in ("serious", "critical")]
    assert not bad, f"{where}: {bad}"
