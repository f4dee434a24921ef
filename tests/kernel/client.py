"""A kernel and a front end without a page: raw Jupyter messages, sent and collected.

`KernelClient` starts a kernel of a chosen ipykernel version and speaks as JupyterLab does: it
executes code, sends `comm_msg` on the shell channel (with or without a subshell's id) and keeps
every message that the kernel publishes. All of it happens on the caller's thread: messages are
collected whenever one of the waiting methods is called.
"""

from __future__ import annotations

import os
import queue
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

Message = dict[str, Any]


@dataclass
class Execution:
    """What became of one execute request."""

    status: str  # "ok" | "error" | "aborted"
    stdout: str = ""
    result: str | None = None  # text/plain of the cell's value
    displays: list[dict[str, Any]] = field(default_factory=list)  # mime bundles
    error: str = ""


class KernelClient:
    """One kernel process.

    Parameters
    ----------
    directory : Path
        Where the kernel runs and keeps what it writes.
    ipykernel : Path or None
        A directory with another ipykernel to put before the environment's own.
    """

    def __init__(self, directory: Path, ipykernel: Path | None = None) -> None:
        self.messages: list[Message] = []  # everything that came over IOPub, in order
        environment = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
        environment["IPYTHONDIR"] = str(directory / "ipython")
        if ipykernel is not None:
            path = [str(ipykernel), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        self._manager = KernelManager(
            kernel_name="python3",
            connection_file=str(directory / "kernel.json"),
        )
        assert self._manager.kernel_spec is not None
        self._manager.kernel_spec.argv[0] = sys.executable
        self._manager.start_kernel(env=environment, cwd=str(directory))
        client = self._manager.client()
        assert isinstance(client, BlockingKernelClient)
        self._client = client
        self._client.start_channels()
        try:
            self._client.wait_for_ready(timeout=60)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill the kernel and close the channels."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()

    # Code

    def execute(
        self, code: str, *, allow_stdin: bool = True, timeout: float = 60.0, cell: str = ""
    ) -> Execution:
        """Run code as a cell does and wait for its end; an exception in it is returned.

        Parameters
        ----------
        code : str
        allow_stdin : bool
            False is what nbclient and its kind say: there is no person.
        timeout : float
            Seconds.
        cell : str
            The id of the notebook's cell, as JupyterLab says it.
        """
        first = len(self.messages)
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": allow_stdin, "stop_on_error": True}
        session, metadata = self._client.session, {"cellId": cell} if cell else {}
        request = session.msg("execute_request", content, metadata=metadata)
        session.send(self._client.shell_channel.socket, request)
        sent = request["header"]["msg_id"]
        reply = self._reply(self._client.get_shell_msg, sent, timeout)
        self.wait_for(
            lambda m: (
                m["parent_header"].get("msg_id") == sent
                and m["msg_type"] == "status"
                and m["content"]["execution_state"] == "idle"
            ),
            since=first,
            timeout=timeout,
        )
        execution = Execution(reply["content"]["status"])
        for message in self.messages[first:]:
            if message["parent_header"].get("msg_id") == sent:
                self._add(execution, message)
        return execution

    def run(self, code: str, *, timeout: float = 60.0) -> str:
        """Run code; return what it printed, fail with what it raised."""
        execution = self.execute(code, timeout=timeout)
        assert execution.status == "ok", execution.error or execution.status
        return execution.stdout

    @staticmethod
    def _add(execution: Execution, message: Message) -> None:
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                if content["name"] == "stdout":
                    execution.stdout += content["text"]
            case "execute_result":
                execution.result = content["data"]["text/plain"]
            case "display_data":
                execution.displays.append(content["data"])
            case "error":
                execution.error = "\n".join(content["traceback"])

    def interrupt(self) -> None:
        """Interrupt the kernel as the button in the tool bar does."""
        self._manager.interrupt_kernel()

    def send_code(self, code: str) -> str:
        """Send code and wait for nothing; return the message's id."""
        sent: str = self._client.execute(code)
        return sent

    # Comms

    def send_comm(
        self,
        comm_id: str,
        data: Mapping[str, Any],
        *,
        subshell: str | None = None,
        buffers: Sequence[bytes] = (),
        kind: str = "comm_msg",
    ) -> str:
        """Send a `comm_msg` (or `comm_open`, `comm_close`) as a front end; return its id."""
        session = self._client.session
        content = {"comm_id": comm_id, "data": dict(data)}
        message = session.msg(kind, content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        session.send(self._client.shell_channel.socket, message, buffers=list(buffers))
        sent: str = message["header"]["msg_id"]
        return sent

    def set_state(self, comm_id: str, state: Mapping[str, Any], **where: Any) -> str:
        """Send what a moved slider sends: `{"method": "update", "state": ...}`."""
        data = {"method": "update", "state": dict(state), "buffer_paths": []}
        return self.send_comm(comm_id, data, **where)

    def send_custom(self, comm_id: str, content: Mapping[str, Any], **where: Any) -> str:
        """Send what `model.send(content)` sends from a widget's script."""
        return self.send_comm(comm_id, {"method": "custom", "content": dict(content)}, **where)

    def create_subshell(self, timeout: float = 20.0) -> str | None:
        """Start a subshell as JupyterLab does for comms; None where the kernel has none."""
        if "kernel subshells" not in self.kernel_info().get("supported_features", []):
            return None
        session = self._client.session
        request = session.msg("create_subshell_request", {})
        self._client.control_channel.send(request)
        reply = self._reply(self._client.get_control_msg, request["header"]["msg_id"], timeout)
        identity: str = reply["content"]["subshell_id"]
        return identity

    def delete_subshell(self, subshell: str, timeout: float = 20.0) -> None:
        """End a subshell as JupyterLab does when a page goes."""
        request = self._client.session.msg("delete_subshell_request", {"subshell_id": subshell})
        self._client.control_channel.send(request)
        self._reply(self._client.get_control_msg, request["header"]["msg_id"], timeout)

    def kernel_info(self, timeout: float = 20.0) -> dict[str, Any]:
        """The content of `kernel_info_reply`."""
        sent = self._client.kernel_info()
        content: dict[str, Any] = self._reply(self._client.get_shell_msg, sent, timeout)["content"]
        return content

    # What the kernel published

    def collect(self, seconds: float = 0.0) -> None:
        """Take in what has come, and go on doing so for some time."""
        deadline = time.monotonic() + seconds
        while True:
            remaining = deadline - time.monotonic()
            try:
                message = self._client.get_iopub_msg(timeout=max(remaining, 0.0))
            except queue.Empty:
                if remaining <= 0:
                    return
            else:
                self.messages.append(message)

    def wait_for(
        self, holds: Callable[[Message], bool], *, since: int = 0, timeout: float = 20.0
    ) -> Message:
        """Wait for a published message that satisfies `holds`; earlier ones count from `since`."""
        deadline = time.monotonic() + timeout
        seen = since
        while True:
            for message in self.messages[seen:]:
                if holds(message):
                    return message
            seen = len(self.messages)
            if time.monotonic() > deadline:
                kinds = [message["msg_type"] for message in self.messages[since:]]
                raise AssertionError(f"no such message within {timeout:g} s; came: {kinds}")
            try:
                self.messages.append(self._client.get_iopub_msg(timeout=0.2))
            except queue.Empty:
                continue

    def published(self, kind: str, comm_id: str | None = None) -> list[Message]:
        """Collected messages of a type (`comm_open`, `comm_msg`, `display_data`, ...)."""
        self.collect()
        return [
            message
            for message in self.messages
            if message["msg_type"] == kind
            and (comm_id is None or message["content"].get("comm_id") == comm_id)
        ]

    def state(self, comm_id: str) -> dict[str, Any]:
        """A widget's state as a front end holds it: what it opened with and every update since."""
        state: dict[str, Any] = {}
        for message in self.published("comm_open", comm_id) + self.published("comm_msg", comm_id):
            data = message["content"]["data"]
            if data.get("method", "update") in ("update", "echo_update"):
                state |= data["state"]
        return state

    @staticmethod
    def _reply(get: Callable[..., Message], parent: str, timeout: float) -> Message:
        deadline = time.monotonic() + timeout
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                message = get(timeout=remaining)
            except queue.Empty:
                break
            if message["parent_header"].get("msg_id") == parent:
                return message
        raise AssertionError(f"no reply within {timeout:g} s")
