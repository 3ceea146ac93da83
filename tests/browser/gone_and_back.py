"""A daemon or a gateway that goes away under the page, and comes back."""

from __future__ import annotations

import os
import signal
import time

from tests.browser.stage import Stage


def daemon_killed_and_back(stage: Stage) -> None:
    stage.forgiven = True
    stage.go_to("make")
    with stage.client() as client:
        pid = client.hello().pid
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    stage.page.wait_for_selector("#banner:not([hidden])")
    stage.told["a daemon that died is said, s"] = time.perf_counter() - began
    assert "daemon has gone away" in stage.page.inner_text("#banner")
    stage.page.wait_for_selector("#banner", state="hidden")
    stage.told["and is back, s"] = time.perf_counter() - began
    stage.forgiven = False
    render_once_more(stage)


def daemon_ended_and_started(stage: Stage) -> None:
    stage.forgiven = True
    with stage.client() as client:
        client.shutdown()
    stage.page.get_by_role("button", name="Start it").click()
    stage.page.wait_for_selector("#banner", state="hidden")
    stage.forgiven = False


def gateway_gone_and_back(stage: Stage) -> None:
    stage.forgiven = True
    port = stage.gateway.port
    stage.gateway.stop(kill=True)
    stage.wait_until("document.querySelector('#banner').textContent.includes('gateway does not answer')")
    stage.gateway.start(port)
    stage.page.wait_for_selector("#banner", state="hidden")
    stage.forgiven = False
    render_once_more(stage)


def render_once_more(stage: Stage) -> None:
    stage.page.check("#task-text-to-audio", force=True)
    stage.page.click("#clear")
    stage.fill(tags="ambient, back again", duration=2, number_of_steps=2)
    stage.render()
