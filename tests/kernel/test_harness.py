"""The message-level harness itself: a plain ipywidgets slider beside a busy background thread."""

from __future__ import annotations

import pytest

from tests.kernel.client import KernelClient

SLIDER = """
import threading
import ipywidgets
slider = ipywidgets.IntSlider(value=10)
ticks = ipywidgets.IntText(value=0)
arrived = threading.Event()
slider.observe(lambda change: arrived.set(), "value")

def count():
    while not stop.wait(0.01):
        ticks.value += 1

stop = threading.Event()
threading.Thread(target=count, daemon=True).start()
print(slider.comm.comm_id, ticks.comm.comm_id)
"""


def test_the_kernel_is_of_the_version_that_was_asked_for(
    kernel: KernelClient, request: pytest.FixtureRequest
) -> None:
    version = kernel.run("import ipykernel; print(ipykernel.__version__)").strip()
    asked = request.node.callspec.params["kernel"]
    assert version == asked or (asked == "newest" and int(version.split(".")[0]) >= 7)


@pytest.mark.parametrize("subshell", [False, True], ids=["main shell", "subshell"])
def test_a_slider_message_arrives_while_a_thread_runs(kernel: KernelClient, subshell: bool) -> None:
    # A kernel without subshells takes no notice of the name of one.
    where = (kernel.create_subshell() or "a subshell") if subshell else None
    slider, ticks = kernel.run(SLIDER).split()
    kernel.set_state(slider, {"value": 42}, subshell=where)
    assert kernel.run("print(arrived.wait(5), slider.value)") == "True 42\n"
    kernel.wait_for(lambda m: m["content"].get("comm_id") == ticks and m["msg_type"] == "comm_msg")
    before = kernel.state(ticks)["value"]
    kernel.collect(0.3)
    assert kernel.state(ticks)["value"] > before
    assert kernel.state(slider)["value"] == 42  # the kernel's echo


def test_opened_comms_and_displays_are_collected(kernel: KernelClient) -> None:
    execution = kernel.execute("import ipywidgets; w = ipywidgets.IntSlider(7); display(w); w.max")
    assert execution.status == "ok"
    assert execution.result == "100"
    view = execution.displays[0]["application/vnd.jupyter.widget-view+json"]
    opened = kernel.published("comm_open", view["model_id"])
    assert opened[0]["content"]["target_name"] == "jupyter.widget"
    assert kernel.state(view["model_id"])["value"] == 7


def test_an_error_is_returned_or_fails_the_test(kernel: KernelClient) -> None:
    assert "ZeroDivisionError" in kernel.execute("1 / 0").error
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        kernel.run("1 / 0")


@pytest.mark.parametrize("allow_stdin", [True, False])
def test_a_kernel_without_a_person_can_be_played(kernel: KernelClient, allow_stdin: bool) -> None:
    code = "print(get_ipython().kernel._allow_stdin)"
    assert kernel.execute(code, allow_stdin=allow_stdin).stdout == f"{allow_stdin}\n"
