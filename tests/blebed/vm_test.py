#!/usr/bin/python3
"""Inside the test VM (vm/run.sh): the gateway on Debian's own bluetoothd and kernel, a server in a process of its own above it.

    vm_test.py air      on the virtual controller of peripherals/air.py: beacons, GATT, a restart of bluetoothd
    vm_test.py pair     on btvirt, with peripherals/gatt_peripheral.py on hci1: pairing, and services that change

An emulated machine is slow: nothing here asserts a time of a few seconds. The last line is `N passed, N failed, N skipped`.
"""
import fcntl
import os
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import ble_test  # noqa: E402
from ble_test import Q, SENSOR, T  # noqa: E402
from harness import Process, check, equal, run_cases, until  # noqa: E402

PAIRED = """\
format: 1
profile: test/paired
revision: 1
protocol: ble
ble: {connect: per-poll, poll: 5s, pair: {mode: just-works}}
points:
  temperature: {char: 0x181A/0x2A6E, to: 3303/0}
  secret: {char: %s/%s, type: string, to: 3341/0/5527}
""" % (ble_test.OWN % 1, ble_test.OWN % 5)


class SystemBus:
    """What the cases of the played bluetoothd need of a bed; here it is the machine's own bus."""
    env = {}


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags = struct.unpack("16sH", fcntl.ioctl(s, 0x8913, struct.pack("16sH14x", b"lo", 0))[:18])[1]  # SIOCGIFFLAGS
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", flags | 1))  # SIOCSIFFLAGS, IFF_UP


def stage_of(word):
    print(f"BLEBED-STAGE {open('/proc/uptime', encoding='ascii').read().split()[0]} {word}", flush=True)


def test_a_server_reads_beacons_and_gatt_writes_subscribes_and_a_restart_is_survived(stage):
    peer, gateway = ble_test.site(stage, SystemBus, ["env", "tag", "thermo"], link="{ble: hci0}")
    gateway.wait_line("link 'radio' up", 60)
    stage_of("link up")
    peer.wait_value("/tag/" + T, "24.3", 60)
    equal(peer.read("/tag/3304/0/5700"), "53.49", "RuuviTag, humidity")
    equal(peer.read("/tag/3300/0/5700"), "-71", "RuuviTag, signal strength")
    peer.wait_value("/thermo/" + T, "25", 60)
    stage_of("beacons heard")
    peer.wait_value("/env/" + T, "21.37", 90)
    equal(peer.read("/env/3304/0/5700"), "45.12", "humidity over GATT")
    equal(peer.read("/env/3/0/9"), "87", "battery over GATT")
    stage_of("GATT read")
    until("a write is done", lambda: peer.code("write /env/3308/0/5900 120", 20) == "2.04", 60)
    peer.wait_value("/env/3308/0/5900", "120", 30)
    stage_of("GATT written")
    for turn, signal in enumerate(("TERM", "KILL")):
        mark = gateway.mark()
        subprocess.run(["/bin/sh", os.path.join(HERE, "vm", "restart-bluetoothd.sh"), signal, "1"], check=True, timeout=60)
        gateway.wait_line("link 'radio' down", 30, mark)
        gateway.wait_line("link 'radio' up", 60, mark)
        peer.wait_value("/tag/" + Q, "4", 60)
        peer.wait_value("/env/" + Q, "4", 90)
        stage_of(f"restart {turn + 1} ({signal}) survived")
    check(gateway.running(), "runs on")


def test_a_device_that_stays_connected_notifies(stage):
    peer, gateway = ble_test.site(stage, SystemBus, ["stay"], link="{ble: hci0, scan: active}")
    peer.wait_value("/stay/" + T, "21.37", 90)
    peer.ask(f"observe /stay/{T} accept 0")
    # Command 6 of the peripheral: its temperature rises by a degree, and is notified.
    done = subprocess.run([sys.executable, "-c", COMMAND.format(address=SENSOR, char=ble_test.OWN % 4, value="6")],
                          capture_output=True, text=True, timeout=120, check=False)
    equal(done.returncode, 0, done.stdout + done.stderr)
    peer.find(lambda e: e["ev"] == "notification" and e["path"] == "/stay/" + T and e["text"] == "22.37", 60, 0, "notified 22.37 Cel")
    check(gateway.running(), "runs on")


# Another client of bluetoothd writes to the peripheral; the connection is shared.
COMMAND = """
import dbus
bus = dbus.SystemBus()
objects = dbus.Interface(bus.get_object("org.bluez", "/"), "org.freedesktop.DBus.ObjectManager").GetManagedObjects()
path = [p for p, i in objects.items() if "org.bluez.GattCharacteristic1" in i and i["org.bluez.GattCharacteristic1"]["UUID"] == "{char}"
        and "{address}".replace(":", "_") in p][0]
dbus.Interface(bus.get_object("org.bluez", path), "org.bluez.GattCharacteristic1").WriteValue([dbus.Byte({value})], {{}})
"""


def peripheral(stage):
    process = stage.add(Process("peripheral", ["/usr/bin/python3", os.path.join(HERE, "peripherals", "gatt_peripheral.py"), "--adapter", "hci1"]))
    process.wait_line("READY", 60)
    return process


def test_a_device_is_paired_and_its_encrypted_value_read(stage):
    peripheral(stage)
    ble_test.PROFILES["paired"] = PAIRED
    ble_test.DEVICES["paired"] = f'{{id: paired, profile: test/paired@1, link: radio, address: "{SENSOR}", prefix: paired}}'
    peer, gateway = ble_test.site(stage, SystemBus, ["paired"], link="{ble: hci0}")
    gateway.wait_line("is paired", 120)
    stage_of("paired")
    peer.wait_value("/paired/" + T, "21.37", 90)
    peer.wait_value("/paired/3341/0/5527", "secret", 60)
    check(gateway.running(), "runs on")


CASES = {"air": [test_a_server_reads_beacons_and_gatt_writes_subscribes_and_a_restart_is_survived, test_a_device_that_stays_connected_notifies],
         "pair": [test_a_device_is_paired_and_its_encrypted_value_read]}


def main():
    loopback_up()
    counts = run_cases("real bluetoothd", [(case.__name__, case) for case in CASES[sys.argv[1]]])
    print("{} passed, {} failed, {} skipped".format(*counts), flush=True)
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
