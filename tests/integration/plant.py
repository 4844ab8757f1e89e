"""The site of the integration tests: Modbus slaves by the fault kit below, the gateway, the peer server above."""
import json
import os
import re
import shutil

from harness import BUILD, Process, Skip, check, free_tcp_port, until

PROFILE = """\
format: 1
profile: test/plant
revision: 1
title: The plant of the integration tests
protocol: modbus

modbus: {addresses: zero, order: ABCD, limits: {registers: 60, gap: 0}}

groups:
  fast: {every: 200ms}
  once: {every: start}

points:
  temperature: {at: "holding:0", type: int16, scale: 0.1, unit: Cel, range: [-40, 125], invalid: [0x8000], group: fast, to: 3303/0}
  power: {at: "holding:1", type: float32, order: CDAB, unit: W, group: fast, to: 3305/0/5800}
  energy: {at: "holding:3", type: uint64, unit: Wh, group: fast, to: 3305/0/5805}
  relay: {at: "coil:0", group: fast, to: 3312/0, write: {verify: 500ms}}
  limit:
    at: "holding:100"
    type: uint16
    scale: 0.1
    unit: A
    group: fast
    to: 3308/0
    write: {min: 6, max: 32, step: 0.1, using: multiple, verify: 500ms}
  level: {at: "holding:110", type: uint16, unit: "%", group: fast, to: 3308/1, write: {using: single}}
  code1: {at: "holding:410", type: uint16, group: once, to: 3308/11, write: {}}
  code2: {at: "holding:430", type: uint16, group: once, to: 3308/12, write: {}}
  code3: {at: "holding:450", type: uint16, group: once, to: 3308/13, write: {}}
  code4: {at: "holding:470", type: uint16, group: once, to: 3308/14, write: {}}
  code6: {at: "holding:490", type: uint16, group: once, to: 3308/16, write: {}}

actions:
  pulse:
    execute: 3305/0/5822
    steps:
      - write: {at: "holding:120", type: uint16, value: 0x5AA5}
  reboot:
    execute: 3/0/4
    steps:
      - write: {at: "coil:15", value: true}

device:
  manufacturer: Acme
  model: Plant
  type: test-plant
  serial: {at: "holding:300", type: string, length: 8}
  power_source: mains

health:
  misses: 2
  retry: {first: 500ms, max: 2s}
"""

# Types of what the tests read: resource id, or object/resource where that differs.
KINDS = {"5700": "float", "5701": "string", "5601": "float", "5602": "float", "5603": "float", "5604": "float", "5518": "time",
         "6042": "int", "5800": "float", "5805": "float", "5850": "bool", "5900": "float", "5750": "string", "5852": "int",
         "3/6": "int", "3/11": "int", "3/9": "int", "1/0": "int", "1/1": "int", "1/2": "int", "1/3": "int", "1/6": "bool",
         "1/5": "int", "1/13": "int", "1/14": "int", "1/15": "bool", "1/16": "bool", "1/17": "int", "1/18": "int", "1/19": "int",
         "1/20": "int", "1/21": "bool", "1/22": "string", "1/23": "bool", "1/25": "string", "1/26": "int", "3/20": "int",
         "3/10": "int", "3/13": "time", "3/21": "int"}


def unit(**more):
    """One slave's register map; keys of `more` replace tables."""
    return {
        "coils": {"0-15": 0},
        "holding": {"0": 213, "100": 160, "110": 40, "120": 0},
        "points": [
            {"table": "holding", "addr": 1, "fmt": "f32", "order": "CDAB", "value": 1250.5},
            {"table": "holding", "addr": 3, "fmt": "u64", "value": 123456},
            {"table": "holding", "addr": 300, "fmt": "str:16", "value": "SN-00042"},
        ],
        "errors": [{"table": "holding", "addr": at, "code": code} for at, code in ((410, 1), (430, 2), (450, 3), (470, 4), (490, 6))],
        **more,
    }


class Slaves:
    """modbus_sim.py with what tests ask of it."""

    def __init__(self, stage, units=None, rtu=None, options=()):
        spec = stage.write("map.json", json.dumps({"units": {str(k): v for k, v in (units or {1: unit()}).items()}}))
        link = ["--rtu", rtu, "--baud", 19200] if rtu else ["--tcp", 0]
        self.tool = stage.tool("modbus_sim", "--map", spec, *link, *options)
        self.port = self.tool.ready["tcp"]

    def ctl(self, command):
        return self.tool.ctl(command)

    def get(self, number, table, address, count=1):
        return self.ctl(f"get {number} {table} {address} {count}")["values"]

    def set(self, number, table, address, *values):
        self.ctl(f"set {number} {table} {address} " + " ".join(map(str, values)))

    def requests(self, **fields):
        """What was asked since the last `forget`."""
        return [r for r in self.ctl("log")["log"] if all(r.get(k) == v for k, v in fields.items())]


class Gateway(Process):
    def __init__(self, *arguments, env=None):
        binary = os.path.join(BUILD, "lwm2m-gateway")
        if not os.path.exists(binary):
            raise Skip(f"{binary} is not built")
        clean = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY")}
        if arguments[0] == "run" and "--socket" not in arguments:  # the usual one is one for the whole machine
            arguments = (*arguments, "--socket", "none")
        super().__init__("gateway", [binary, *map(str, arguments)], env={**clean, **(env or {})})


def run_verb(*arguments, seconds=20):
    """A verb that ends by itself: (exit status, stdout, stderr)."""
    import subprocess
    binary = os.path.join(BUILD, "lwm2m-gateway")
    if not os.path.exists(binary):
        raise Skip(f"{binary} is not built")
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout, done.stderr


class Plant:
    """A whole site. `start()` runs the gateway; the peer and the slaves are there already."""

    def __init__(self, stage, psk=None, rtu=False, units=None, devices=None, uri=None, lifetime="60s", peer=True, peer_options=(),
                 listen="127.0.0.1:0", slaves=None, timeout="300ms"):
        self.stage, self.psk, self.lifetime = stage, psk, lifetime
        self.slaves = slaves or Slaves(stage, units, stage.path("tty") if rtu else None)
        self.peer = stage.peer(*peer_options, psk=psk, listen=listen) if peer else None
        self.uri = uri or (self.peer.uri if self.peer else None)
        self.link = f'{{modbus: "rtu:{stage.path("tty")}", line: "19200 8E1", timeout: {timeout}}}' if rtu else \
            f'{{modbus: "tcp://127.0.0.1:{self.slaves.port}", timeout: {timeout}}}'
        self.devices = devices or ["{id: plant-1, profile: test/plant@1, link: field, unit: 1, prefix: plant}"]
        self.gateway = None
        self.write_site()

    def write_site(self, key=None):
        security = "security: nosec"
        if self.psk:
            self.stage.write("secrets/lwm2m-psk", f"hex:{key or self.psk[1]}\n", 0o600)
            os.chmod(self.stage.path("secrets"), 0o700)
            security = f'security: psk, identity: {self.psk[0]}, key: "${{secret:lwm2m-psk}}"'
        self.stage.write("config/gateway.yaml", f"""\
format: 1
gateway: test-gateway
servers:
  main: {{uri: "{self.uri}", {security}, lifetime: {self.lifetime}}}
links:
  field: {self.link}
log: {{level: debug}}
""")
        self.stage.write("config/profiles/test/plant.yaml", PROFILE)
        self.stage.write("config/devices.d/plant.yaml", "format: 1\ndevices:\n" + "".join(f"  - {d}\n" for d in self.devices))

    def arguments(self):
        os.makedirs(self.stage.path("state"), exist_ok=True)
        os.makedirs(self.stage.path("secrets"), mode=0o700, exist_ok=True)
        return ["--config", self.stage.path("config"), "--state", self.stage.path("state"), "--secrets", self.stage.path("secrets")]

    def start(self, registered=True, seconds=15):
        self.gateway = self.stage.add(Gateway("run", *self.arguments()))
        if registered:
            self.registration = self.peer.expect("registered", seconds)
        return self

    def ready(self):
        """Started, registered, and the first poll is through."""
        self.start()
        self.peer.wait_value("/plant/3303/0/5700", "21.3")
        return self

    def restart_peer(self, *options):
        """The same server at the same port, that remembers nothing."""
        host, port = self.peer.host, self.peer.port
        self.peer.kill()
        self.peer = self.stage.peer(*options, psk=self.psk, listen=f"{host}:{port}")
        return self.peer


def prefixes(peer):
    """Object 25 as {device id: prefix}, read in SenML JSON."""
    answer = peer.ask("read /25 accept 110")
    check(answer.get("code") == "2.05", answer)
    found = {}
    for entry in answer["values"]:
        parts = entry["path"].split("/")
        found.setdefault(parts[2], {})[parts[3]] = entry["value"]
    return {device["0"]: device["1"] for device in found.values()}
