"""A private system bus with the fake org.bluez on it, for tests and benchmarks."""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

from harness import SLOW, Failed, Process, Skip, check, until  # noqa: E402

PYTHON = "/usr/bin/python3"  # the distribution's, which has its D-Bus module
CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""


class Bed:
    def __init__(self, stage, setup=None, plain=True, bus=True, daemon=True):
        if not any(os.access(os.path.join(d, "dbus-daemon"), os.X_OK) for d in (*os.environ["PATH"].split(":"), "/usr/bin")):
            raise Skip("dbus-daemon is not installed")
        if subprocess.run([PYTHON, "-c", "import dbus, gi"], capture_output=True, check=False).returncode:
            raise Skip("python3-dbus or python3-gi is not installed")
        self.stage, self.setup, self.plain = stage, setup or [], plain
        self.socket = stage.path("bus")
        self.config = stage.write("bus.conf", CONFIG.format(path=self.socket))
        self.address = f"unix:path={self.socket}"
        self.env = {"DBUS_SYSTEM_BUS_ADDRESS": self.address}
        self.bus = self.fake = None
        if bus:
            self.start_bus()
        if bus and daemon:
            self.start_daemon()

    def start_bus(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.bus = self.stage.add(Process("bus", ["dbus-daemon", f"--config-file={self.config}", "--nofork"]))
        until("the bus", lambda: os.path.exists(self.socket), 10)

    def start_daemon(self, setup=None):
        path = self.stage.write("setup.json", json.dumps(self.setup if setup is None else setup))
        options = ["--plain"] if self.plain else []
        self.fake = self.stage.add(Process("fake", [PYTHON, os.path.join(HERE, "fake_bluez.py"), *options, "--setup", path],
                                           env={**os.environ, **self.env}))
        self.fake.wait_line("READY", 15)

    def kill_bus(self):
        """The bus goes, and everybody on it."""
        self.bus.kill()
        self.fake.kill()

    def do(self, what, **words):
        """A command of the fake; its answer."""
        done = subprocess.run(["dbus-send", f"--bus={self.address}", "--print-reply=literal", "--dest=org.blebed.Mock", "--type=method_call",
                               "/org/blebed", "org.blebed.Mock1.Do", "string:" + json.dumps({"do": what, **words})],
                              capture_output=True, text=True, timeout=20 * SLOW, check=False)
        if done.returncode:
            raise Failed(f"the fake refuses {what} {words}: {done.stderr}")
        return json.loads(done.stdout.strip() or "null")

    def calls(self, name):
        return [call for call in self.do("calls") if call["call"] == name]

    def state(self):
        return self.do("state")


def wait_registered(peer, seconds=15):
    peer.expect("registered", seconds)


def sleep_until(when):
    time.sleep(max(0.0, when - time.monotonic()))


__all__ = ["Bed", "check"]
