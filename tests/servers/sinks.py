# SPDX-License-Identifier: Apache-2.0
"""Sinks driven step by step (tests/conformance/sink_tool.c), and the sink suite over real servers.

    with Sinks() as sinks:
        out = sinks.sink({"connector": "postgres", "connection": uri, "table": "t"}, "SELECT 1 AS id")
        out.open(); out.recover(1); out.begin(1, 1); out.write(); out.commit(1, 1)
A step answers with its row or epoch; one that fails raises Refused, with code, remedy, message, detail, hint.
"""
import json
import os
import subprocess

REMEDIES = ["GIVE_UP", "RETRY", "ABORT", "RESTART"]


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(f"{answer['code']}: {answer['message']} ({answer['detail']}; {answer['hint']})")
        self.code, self.remedy = answer["code"], REMEDIES[answer["remedy"]]
        self.message, self.detail, self.hint = answer["message"], answer["detail"], answer["hint"]
        self.ms = answer["ms"]


class Sink:
    def __init__(self, sinks, number, settings, select):
        self.sinks, self.number, self.select = sinks, number, select
        for name, value in {**settings, "select": select}.items():
            self.set(name, value)

    def _do(self, command, *words):
        return self.sinks.do(" ".join([command, str(self.number), *(str(w) for w in words)]))

    def set(self, name, value):
        return self._do("set", name, value)

    def open(self):
        return self._do("open")

    def recover(self, attempt):
        return self._do("recover", attempt)["epoch"]

    def begin(self, epoch, attempt):
        return self._do("begin", epoch, attempt)

    def write(self, select=""):
        return self._do("write", select)["rows"]

    def commit(self, epoch, attempt):
        return self._do("commit", epoch, attempt)

    def discard(self):
        return self._do("discard")

    def close(self):
        return self._do("close")

    def epoch(self, epoch, attempt, select=""):
        self.begin(epoch, attempt)
        self.write(select)
        self.commit(epoch, attempt)


class Sinks:
    """One process with up to eight sinks."""

    def __init__(self):
        tool = os.environ["PENSTOCK_SINK_TOOL"]
        self.process = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.count = 0

    def sink(self, settings, select):
        self.count += 1
        return Sink(self, self.count - 1, settings, select)

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"sink_tool ended with status {self.process.wait()}")
        answer = json.loads(line)
        if answer["code"] != "OK":
            raise Refused(answer)
        return answer

    def do(self, line):
        self.send(line)
        return self.hear()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is not None:
            return
        self.process.stdin.close()
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            status = "none: it did not end"
        if kind is None and status != 0:  # a sanitizer's finding, for one
            raise RuntimeError(f"sink_tool ended with status {status}")


def refused(step, code, *words):
    """The step must fail with this code, and say all of these words somewhere. Its error, to look at."""
    try:
        step()
    except Refused as error:
        said = " ".join([error.message, error.detail, error.hint])
        missing = [word for word in words if word not in said]
        if error.code != code or missing:
            raise AssertionError(f"expected {code} with {words}, got {error}") from None
        return error
    raise AssertionError(f"expected {code} with {words}, got no error")


def suite(kind, address):
    """The conformance suite over the real sinks, then over ones that forget: those must be caught."""
    for extra in ([], ["canary"]):
        subprocess.run([os.environ["PENSTOCK_SINK_SERVERS"], kind, address, *extra], check=True)
