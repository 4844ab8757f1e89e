"""What every integration test uses: real processes on free ports, waiting for events with a deadline, cases and their count.

A test file has functions named test_…; their docstring or name says what must hold. run.py runs them.
Python's standard library only.
"""
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FAULTKIT = os.path.join(ROOT, "tests", "faultkit")
sys.path.insert(0, FAULTKIT)

import fk_common  # noqa: E402  (the fault kit's control client)

BUILD = os.environ.get("GATEWAY_BUILD", os.path.join(ROOT, "build", "release"))
SLOW = float(os.environ.get("GATEWAY_TEST_SLOWNESS", "1"))  # factor on every deadline, for sanitizers


LIBC = ctypes.CDLL(None)


def end_with_us():
    """In the child: SIGTERM when whoever started it dies, so that nothing is left behind even after a kill -9."""
    LIBC.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Skip(Exception):
    """Raised by a case that cannot run here; the reason is printed."""


class Failed(AssertionError):
    pass


def check(condition, message):
    if not condition:
        raise Failed(message)


def equal(got, wanted, what="value"):
    check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


def until(what, condition, seconds):
    """Asks `condition` again and again until it is truthy, and returns that. For what has no event to wait for."""
    end = time.monotonic() + seconds * SLOW
    while True:
        got = condition()
        if got:
            return got
        check(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Process:
    """A program with its lines. Reading happens in threads, so that no pipe ever fills."""

    def __init__(self, name, argv, cwd=None, env=None):
        self.name, self.lines, self.news = name, [], threading.Condition()
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  errors="replace", bufsize=1, cwd=cwd, env=env, start_new_session=True, preexec_fn=end_with_us)
        self.readers = [threading.Thread(target=self._read, args=(s,), daemon=True) for s in (self.p.stdout, self.p.stderr)]
        for reader in self.readers:
            reader.start()

    def _read(self, stream):
        for line in stream:
            self._add(line.rstrip("\n"))
        with self.news:
            self.news.notify_all()

    def _add(self, line):
        with self.news:
            self.lines.append(line)
            self.news.notify_all()

    @property
    def pid(self):
        return self.p.pid

    def running(self):
        return self.p.poll() is None

    def send(self, line):
        try:
            self.p.stdin.write(line + "\n")
            self.p.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise Failed(f"{self.name} does not listen any more\n{self.tail()}") from None

    def mark(self):
        return len(self.lines)

    def wait_line(self, pattern, seconds=10, after=0):
        """The match of the first line from `after` on that `pattern` is found in."""
        end = time.monotonic() + seconds * SLOW
        at = after
        with self.news:
            while True:
                for line in self.lines[at:]:
                    if found := re.search(pattern, line):
                        return found
                at = len(self.lines)
                left = end - time.monotonic()
                if left <= 0 or (not self.running() and not any(r.is_alive() for r in self.readers) and at == len(self.lines)):
                    raise Failed(f"{self.name} did not say /{pattern}/ within {seconds} s\n{self.tail()}")
                self.news.wait(min(left, 0.5))

    def text(self):
        return "\n".join(self.lines)

    def tail(self, count=25):
        ended = "" if self.running() else f"    {self.name}: ended with status {self.p.returncode}\n"
        return ended + "\n".join(f"    {self.name}: {line[:300]}" for line in self.lines[-count:])

    def wait_exit(self, seconds=10):
        try:
            code = self.p.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} did not end within {seconds} s\n{self.tail()}") from None
        for reader in self.readers:
            reader.join(2)
        return code

    def signal(self, number):
        self.p.send_signal(number)

    def stop(self, seconds=10):
        """SIGTERM; SIGKILL when that does not help. Returns the exit code."""
        if self.running():
            self.p.terminate()
        with contextlib.suppress(BrokenPipeError, OSError):
            self.p.stdin.close()
        try:
            code = self.p.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.p.kill()
            code = self.p.wait()
        for reader in self.readers:
            reader.join(2)
        return code

    def kill(self):
        self.p.kill()
        self.p.wait()


class EventProcess(Process):
    """A program that prints JSON lines with a kind in `ev`."""

    def __init__(self, name, argv, **how):
        self.events, self.cursor = [], 0
        super().__init__(name, argv, **how)

    def _add(self, line):
        with self.news:
            self.lines.append(line)
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and "ev" in event:
                    self.events.append(event)
            self.news.notify_all()

    def find(self, wanted, seconds, start=0, what=None):
        """Index of the first event from `start` on that `wanted` accepts."""
        end = time.monotonic() + seconds * SLOW
        at = start
        with self.news:
            while True:
                while at < len(self.events):
                    if wanted(self.events[at]):
                        return at
                    at += 1
                left = end - time.monotonic()
                if left <= 0 or (not self.running() and not any(r.is_alive() for r in self.readers) and at == len(self.events)):
                    raise Failed(f"{self.name}: no {what or 'such event'} within {seconds} s\n{self.tail()}")
                self.news.wait(min(left, 0.5))

    def expect(self, kind, seconds=10, **fields):
        """The next event of this kind with these fields; what came before it is passed over."""
        def wanted(event):
            return event["ev"] == kind and all(event.get(k) == v for k, v in fields.items())
        at = self.find(wanted, seconds, self.cursor, f"'{kind}' {fields or ''}")
        self.cursor = at + 1
        return self.events[at]

    def none(self, kind, seconds, **fields):
        """Fails when such an event comes within that time."""
        deadline = time.monotonic() + seconds
        at = self.cursor
        while True:
            for event in self.events[at:]:
                check(event["ev"] != kind or any(event.get(k) != v for k, v in fields.items()), f"{self.name}: unwanted {event}")
            at = len(self.events)
            left = deadline - time.monotonic()
            if left <= 0:
                return
            with self.news:
                self.news.wait(min(left, 0.2))

    def passed(self, kind, **fields):
        return [e for e in list(self.events) if e["ev"] == kind and all(e.get(k) == v for k, v in fields.items())]

    def catch_up(self):
        """What has happened so far does not answer the next expect()."""
        self.cursor = len(self.events)


class Peer(EventProcess):
    """tests/peer: the LwM2M server."""

    def __init__(self, *options, listen="127.0.0.1:0", psk=None):
        binary = os.path.join(BUILD, "tests", "lwm2m-peer")
        if not os.path.exists(binary):
            raise Skip(f"{binary} is not built")
        secure = ["--psk", f"{psk[0]}:{psk[1]}"] if psk else []
        super().__init__("peer", [binary, "--listen", listen, *secure, *map(str, options)])
        self.tags, self.psk, self.host = 0, psk, listen.rsplit(":", 1)[0]
        self.port = self.expect("ready")["port"]

    @property
    def uri(self):
        return f"{'coaps' if self.psk else 'coap'}://{self.host}:{self.port}"

    def begin(self, command):
        self.tags += 1
        tag = str(self.tags)
        self.send(f"#{tag} {command}")
        return tag

    def result(self, tag, seconds=15):
        at = self.find(lambda e: e.get("tag") == tag, seconds, 0, f"answer to command #{tag}")
        event = self.events[at]
        check(event["ev"] != "mistake", f"the test asked nonsense: {event}")
        return event

    def ask(self, command, seconds=15):
        """One command, its answer."""
        return self.result(self.begin(command), seconds)

    def code(self, command, seconds=15):
        answer = self.ask(command, seconds)
        return answer.get("code", answer.get("failed"))

    def read(self, path, seconds=15):
        """A resource's value as text."""
        answer = self.ask(f"read {path} accept 0", seconds)
        equal(answer.get("code", answer.get("failed")), "2.05", f"read {path}")
        return answer["text"]

    def wait_value(self, path, wanted, seconds=10):
        return until(f"{path} is {wanted}", lambda: self.ask(f"read {path} accept 0").get("text") == wanted, seconds)


class Tool(EventProcess):
    """A program of the fault kit."""

    def __init__(self, name, *options):
        super().__init__(name, [sys.executable, os.path.join(FAULTKIT, name + ".py"), *map(str, options)])
        self.ready = self.expect("ready")

    def ctl(self, command):
        answer = fk_common.ctl(self.ready["control"], command)
        check(answer.get("ok"), f"{self.name}: {command}: {answer}")
        return answer


class Stage:
    """The processes and the folder of one case; all of it is gone afterwards, in the reverse order."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="lwm2m-gateway-test-")
        self.processes = []

    def add(self, process):
        self.processes.append(process)
        return process

    def peer(self, *options, **how):
        return self.add(Peer(*options, **how))

    def tool(self, name, *options):
        return self.add(Tool(name, *options))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def end(self, failed):
        if failed:
            for process in self.processes:
                print(process.tail(40))
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_udp_port(host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def free_tcp_port():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def cases_of(module):
    return [(name, thing) for name, thing in vars(module).items() if name.startswith("test_") and callable(thing)]


def run_cases(title, cases, only=None):
    """Runs them one after the other; returns (passed, failed, skipped)."""
    counts = [0, 0, 0]
    for name, case in cases:
        if only and only not in name:
            continue
        label = name.removeprefix("test_").replace("_", " ")
        stage = Stage()
        started = time.monotonic()
        outcome, detail = 0, ""
        try:
            case(stage)
        except Skip as reason:
            outcome, detail = 2, str(reason)
        except Failed as why:
            outcome, detail = 1, str(why)
        except Exception as why:  # noqa: BLE001  (a case must not end the run)
            import traceback
            outcome, detail = 1, f"{type(why).__name__}: {why}\n{traceback.format_exc()}"
        finally:
            stage.end(outcome == 1)
        counts[outcome] += 1
        verdict = ("ok", "FAILED", "skipped")[outcome]
        print(f"{verdict:8}{title}: {label} ({time.monotonic() - started:.1f} s)" + (f": {detail}" if detail else ""), flush=True)
    return counts


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` ends the processes
