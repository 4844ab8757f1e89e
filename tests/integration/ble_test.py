"""Bluetooth devices through a bluetoothd that is played (tests/blebed): beacons, GATT, pairing, and everything that goes away and comes back."""
import json
import os
import struct
import sys
import time

import plant
from harness import check, equal, resident_kb, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "blebed"))

from bed import Bed  # noqa: E402

RESTARTS = int(os.environ.get("BLE_RESTARTS", "20"))  # 100 in a long run
SENSOR, TAG, THERMO, SECRET, PROBE = "00:AA:01:01:00:01", "CB:B8:33:4C:88:4F", "A4:C1:38:00:00:01", "54:48:E6:8F:80:A5", "C4:7C:8D:00:00:01"
OWN = "7b1e%04x-5d2c-4c6b-9f0e-3f6a2b7d9c10"
KEY = "231d39c1d7cc1ab1aee224cd096db932"

SITE = """\
format: 1
gateway: test-gateway
servers:
  main: {{uri: "{uri}", security: nosec, lifetime: 60s}}
links:
  radio: {link}
log: {{level: debug}}
"""
PROFILES = {
    "env": """\
format: 1
profile: test/env
revision: 1
protocol: ble
ble: {connect: per-poll, poll: 2s}
points:
  temperature: {char: 0x181A/0x2A6E, to: 3303/0}
  humidity: {char: 0x181A/0x2A6F, to: 3304/0}
  battery: {char: 0x180F/0x2A19, to: 3/0/9}
  interval: {char: %(service)s/%(interval)s, type: uint16, to: 3308/0/5900, write: {min: 10, max: 3600, verify: 2s}}
health: {misses: 2, retry: {first: 1s, max: 3s}}
""" % {"service": OWN % 1, "interval": OWN % 2},
    "stay": """\
format: 1
profile: test/stay
revision: 1
protocol: ble
ble: {connect: stay}
points:
  temperature: {char: 0x181A/0x2A6E, notify: true, to: 3303/0}
  humidity: {char: 0x181A/0x2A6F, to: 3304/0}
health: {misses: 2, retry: {first: 1s, max: 3s}}
""",
    "tag": """\
format: 1
profile: test/tag
revision: 1
protocol: ble
ble: {listen: passive, company: 0x0499, decode: ruuvi-5}
points:
  temperature: {field: temperature, to: 3303/0}
  humidity: {field: humidity, to: 3304/0}
  level: {field: rssi, unit: dBm, to: 3300/0/5700}
  seen: {field: last_seen, unit: s, to: 3300/1/5700}
health: {silence: 5m}
""",
    "thermo": """\
format: 1
profile: test/thermo
revision: 1
protocol: ble
params:
  key: {type: secret, default: ""}
ble: {listen: passive, service: 0xFCD2, decode: bthome, key: "${key}"}
points:
  temperature: {field: temperature, to: 3303/0}
  humidity: {field: humidity, to: 3304/0}
health: {silence: 5m}
""",
    "probe": """\
format: 1
profile: test/probe
revision: 1
protocol: ble
params:
  passkey: {type: secret}
ble: {connect: per-poll, poll: 2s, pair: {mode: passkey, passkey: "${passkey}", require: authenticated}}
points:
  temperature: {char: 0x181A/0x2A6E, to: 3303/0}
health: {misses: 2, retry: {first: 1s, max: 3s}}
""",
}


def sensor(**more):
    """An environment sensor with a writable setting."""
    return {"do": "peripheral", "address": SENSOR, "name": "bed-sensor", "rssi": -58, "uuids": ["181A", "180F"], "interval": 0.2, "services": [
        {"uuid": "181A", "chars": [
            {"uuid": "2A6E", "flags": ["read", "notify"], "value": struct.pack("<h", 2137).hex()},
            {"uuid": "2A6F", "flags": ["read", "notify"], "value": struct.pack("<H", 4512).hex()}]},
        {"uuid": "180F", "chars": [{"uuid": "2A19", "flags": ["read", "notify"], "value": "57"}]},
        {"uuid": OWN % 1, "chars": [{"uuid": OWN % 2, "flags": ["read", "write", "notify"], "value": "3c00"}]}], **more}


RUUVI = {"do": "peripheral", "address": TAG, "address_type": "random", "rssi": -71, "interval": 0.3, "connectable": False,
         "manufacturer": {"1177": "0512fc5394c37c0004fffc040cac364200cdcbb8334c884f"}}
BTHOME = {"do": "peripheral", "address": THERMO, "name": "ATC_0001", "rssi": -83, "interval": 0.3, "connectable": False,
          "service_data": {"FCD2": "400009016102c40903bf13"}}
SEALED = {"do": "peripheral", "address": SECRET, "name": "sealed", "rssi": -60, "interval": 0.3, "connectable": False,
          "service_data": {"FCD2": "41a47266c95f730011223378237214"}}
SOIL = {"do": "peripheral", "address": PROBE, "name": "probe", "rssi": -66, "interval": 0.2, "uuids": ["181A"], "passkey": 123456, "services": [
    {"uuid": "181A", "chars": [{"uuid": "2A6E", "flags": ["read"], "value": "6608", "encrypt": True}]}]}

DEVICES = {
    "env": f'{{id: env, profile: test/env@1, link: radio, address: "{SENSOR}", prefix: env}}',
    "stay": f'{{id: stay, profile: test/stay@1, link: radio, address: "{SENSOR}", prefix: stay}}',
    "tag": f'{{id: tag, profile: test/tag@1, link: radio, address: "{TAG}", prefix: tag}}',
    "thermo": f'{{id: thermo, profile: test/thermo@1, link: radio, address: "{THERMO}", prefix: thermo}}',
    "sealed": f'{{id: sealed, profile: test/thermo@1, link: radio, address: "{SECRET}", prefix: sealed, set: {{key: "${{secret:bind-key}}"}}}}',
    "probe": f'{{id: probe, profile: test/probe@1, link: radio, address: "{PROBE}", prefix: probe, set: {{passkey: "${{secret:passkey}}"}}}}',
}
T, H, Q = "3303/0/5700", "3304/0/5700", "3303/0/6042"


def site(stage, bed, devices, link="{ble: hci0}", more="", secrets=None, options=()):
    peer = stage.peer()
    stage.write("config/gateway.yaml", SITE.format(uri=peer.uri, link=link))
    for name, text in PROFILES.items():
        stage.write(f"config/profiles/test/{name}.yaml", text)
    lines = "".join(f"  - {DEVICES[d]}\n" for d in devices)
    stage.write("config/devices.d/site.yaml", "format: 1\n" + (f"devices:\n{lines}" if devices else "") + more)
    for folder in ("state", "secrets"):
        os.makedirs(stage.path(folder), mode=0o700, exist_ok=True)
    for name, text in {"bind-key": KEY, "passkey": "123456", **(secrets or {})}.items():
        stage.write("secrets/" + name, text + "\n", 0o600)
    gateway = run(stage, bed, options)
    peer.expect("registered", 15)
    return peer, gateway


def run(stage, bed, options=()):
    return stage.add(plant.Gateway("run", "--config", stage.path("config"), "--state", stage.path("state"), "--secrets", stage.path("secrets"), *options, env=bed.env))


def test_a_server_reads_writes_and_hears_everything(stage):
    bed = Bed(stage, [sensor(), RUUVI, BTHOME, SEALED, SOIL])
    peer, gateway = site(stage, bed, ["env", "tag", "thermo", "sealed", "probe"])
    gateway.wait_line("link 'radio' up")
    peer.wait_value("/tag/" + T, "24.3", 15)
    equal(peer.read("/tag/" + H), "53.49", "RuuviTag, humidity")
    equal(peer.read("/tag/3300/0/5700"), "-71", "signal strength")
    check(int(peer.read("/tag/3300/1/5700")) > 1_600_000_000, "last seen")
    peer.wait_value("/thermo/" + T, "25", 15)
    equal(peer.read("/thermo/" + H), "50.55", "BTHome, humidity")
    peer.wait_value("/sealed/" + T, "25.06", 15)
    equal(peer.read("/sealed/" + H), "50.55", "encrypted BTHome, humidity")
    peer.wait_value("/env/" + T, "21.37", 15)
    equal(peer.read("/env/" + H), "45.12", "humidity over GATT")
    equal(peer.read("/env/3/0/9"), "87", "battery over GATT")
    peer.wait_value("/env/" + Q, "4")
    peer.wait_value("/probe/" + T, "21.5", 30)
    check(PROBE in bed.state()["bonded"], "the probe was paired with the passkey of the secrets")
    equal(peer.code("write /env/3308/0/5900 120"), "2.04", "write")
    equal(peer.read("/env/3308/0/5900"), "120", "what was written")
    equal(peer.code("write /env/3308/0/5900 5"), "4.00", "below the profile's minimum")
    check(KEY not in gateway.text() and "123456" not in gateway.text(), "no secret is in the log")
    until("the connections between polls are given up", lambda: SENSOR not in bed.state()["connected"], 10)


def test_notifications_of_a_device_that_stays_connected(stage):
    bed = Bed(stage, [sensor()])
    peer, gateway = site(stage, bed, ["stay"])
    peer.wait_value("/stay/" + T, "21.37", 15)
    peer.ask(f"observe /stay/{T} accept 0")
    until("a subscription", lambda: bed.calls("GattCharacteristic1.AcquireNotify"), 10)
    bed.do("value", address=SENSOR, uuid="2A6E", value=struct.pack("<h", -500).hex())
    peer.find(lambda e: e["ev"] == "notification" and e["path"] == "/stay/" + T and e["text"] == "-5", 10, 0, "notified -5 Cel")
    equal(len(bed.calls("Device1.Connect")), 1, "connects")
    # The device ends the connection: it is taken up again, with its subscription.
    bed.do("drop", address=SENSOR)
    until("connected again", lambda: SENSOR in bed.state()["connected"] and len(bed.calls("GattCharacteristic1.AcquireNotify")) == 2, 15)
    bed.do("value", address=SENSOR, uuid="2A6E", value=struct.pack("<h", 700).hex())
    peer.wait_value("/stay/" + T, "7")
    # Its firmware changes: other paths.
    new = sensor()["services"]
    new[0]["chars"][0]["value"] = struct.pack("<h", 1100).hex()
    bed.do("services", address=SENSOR, services=new)
    bed.do("drop", address=SENSOR)
    peer.wait_value("/stay/" + T, "11", 20)
    check("stopped" not in gateway.text(), "runs on")


def test_orders_of_signals_that_bluetoothd_was_seen_with(stage):
    for quirk in ({"resolved_first": True}, {"no_connected_signal": True}, {"strict_duplicates": True}):
        bed = Bed(stage, [{"do": "quirk", **quirk}, sensor()])
        peer, gateway = site(stage, bed, ["env"])
        peer.wait_value("/env/" + T, "21.37", 20)
        for process in (gateway, peer, bed.fake, bed.bus):
            process.stop()


def test_refusals_have_their_code_and_a_device_that_is_gone_is_offline(stage):
    bed = Bed(stage, [sensor()])
    peer, _ = site(stage, bed, ["env"])
    peer.wait_value("/env/" + T, "21.37", 15)
    bed.do("fail", on="GattCharacteristic1.WriteValue", error="InvalidValueLength", text="Invalid Length", count=1)
    equal(peer.code("write /env/3308/0/5900 60"), "4.00", "invalid length")
    bed.do("fail", on="GattCharacteristic1.WriteValue", error="NotPermitted", text="Write not permitted", count=1)
    equal(peer.code("write /env/3308/0/5900 60"), "4.05", "not permitted")
    bed.do("fail", on="Device1.Connect", text="le-connection-abort-by-local", count=2)
    equal(peer.code("write /env/3308/0/5900 60"), "2.04", "two connects that break at once are tried again")
    bed.do("vanish", address=SENSOR)
    peer.wait_value("/env/" + Q, "2", 60)
    check(peer.code("write /env/3308/0/5900 70", 20) in ("5.03", "5.04"), "a write to a device that is away")
    bed.do("appear", address=SENSOR)
    peer.wait_value("/env/" + Q, "4", 30)


def test_a_wrong_passkey_and_a_wrong_key_are_said(stage):
    bed = Bed(stage, [SEALED, SOIL])
    peer, gateway = site(stage, bed, ["sealed", "probe"], secrets={"bind-key": "00" * 16, "passkey": "654321"})
    gateway.wait_line("54:48:E6:8F:80:A5.*key", 15)
    peer.wait_value("/probe/3/0/11/0", "8", 40)
    gateway.wait_line("passkey the right one", 30)
    check("654321" not in gateway.text(), "no secret is in the log")
    check(peer.code("read /sealed/" + T) in ("5.03", "4.04"), "no value of a message that cannot be opened")


def test_restarts_of_bluetoothd(stage):
    bed = Bed(stage, [sensor(), RUUVI])
    peer, gateway = site(stage, bed, ["env", "tag"])
    peer.wait_value("/env/" + T, "21.37", 20)
    peer.wait_value("/tag/" + T, "24.3", 20)
    slowest = rss = 0
    for turn in range(RESTARTS):
        mark = gateway.mark()
        raw = struct.pack(">h", 200 * (turn + 1)).hex()
        bed.do("peripheral", **{**{k: v for k, v in RUUVI.items() if k != "do"}, "manufacturer": {"1177": "05" + raw + "5394c37c0004fffc040cac36" + f"{turn + 1000:04x}" + "cdcbb8334c884f"}})
        bed.do("value", address=SENSOR, uuid="2A6E", value=struct.pack("<h", 100 * (turn + 1)).hex())
        bed.do("restart", graceful=turn % 2 == 0, away=0.5)
        gateway.wait_line("link 'radio' down", 10, mark)
        began = time.monotonic()  # the name is away for half a second more
        wanted = f"{turn + 1}"
        peer.wait_value("/tag/" + T, wanted, 15)
        peer.wait_value("/env/" + T, wanted, 15)
        slowest = max(slowest, time.monotonic() - began - 0.5)
        if turn == 3:
            rss = resident_kb(gateway.pid)
    grown = resident_kb(gateway.pid) - rss if rss else 0
    check(slowest < 10, f"working {slowest:.1f} s after the name's return")
    check(grown < 2000 + 20 * RESTARTS, f"memory grew by {grown} kB in {RESTARTS} restarts")
    check("offline" not in "\n".join(line for line in gateway.lines if "device '" in line), "no device was called offline for that")
    print(f"        {RESTARTS} restarts: working after {slowest:.2f} s at most, memory {grown:+d} kB", flush=True)


def test_the_bus_and_bluetoothd_may_come_later_and_go(stage):
    bed = Bed(stage, [sensor(), RUUVI], bus=False)
    peer, gateway = site(stage, bed, ["env", "tag"])
    gateway.wait_line("link 'radio' down .*no system bus", 10)
    bed.start_bus()
    gateway.wait_line("link 'radio' down .*bluetoothd is not running", 10)
    bed.start_daemon()
    peer.wait_value("/env/" + T, "21.37", 15)
    peer.wait_value("/tag/" + T, "24.3", 15)
    for turn in range(3):
        mark = gateway.mark()
        bed.kill_bus()
        gateway.wait_line("link 'radio' down", 10, mark)
        equal(peer.read("/tag/" + T), "24.3", "the last value stays")
        equal(peer.read("/tag/" + Q), "3", "and is called old")
        bed.start_bus()
        bed.start_daemon()
        began = time.monotonic()
        gateway.wait_line("link 'radio' up", 10, mark)
        peer.wait_value("/tag/" + Q, "4", 15)
        peer.wait_value("/env/" + Q, "4", 15)
        check(time.monotonic() - began < 10, f"restart {turn}: working after {time.monotonic() - began:.1f} s")


def test_an_adapter_that_is_taken_away_switched_off_or_blocked(stage):
    bed = Bed(stage, [RUUVI])
    peer, gateway = site(stage, bed, ["tag"])
    peer.wait_value("/tag/" + Q, "4", 15)
    mark = gateway.mark()
    bed.do("adapter", present=False)
    gateway.wait_line("link 'radio' down .*taken away", 10, mark)
    peer.wait_value("/tag/" + Q, "3")
    bed.do("adapter", present=True)
    gateway.wait_line("link 'radio' up", 10, mark)
    peer.wait_value("/tag/" + Q, "4")
    mark = gateway.mark()
    bed.do("power", on=False)
    gateway.wait_line("link 'radio' up", 10, mark)  # it is switched on again
    peer.wait_value("/tag/" + Q, "4")
    mark = gateway.mark()
    bed.do("block", on=True)
    gateway.wait_line("rfkill unblock bluetooth", 10, mark)
    time.sleep(3)  # several attempts to switch it on pass
    equal(len([line for line in gateway.lines[mark:] if "link 'radio' down" in line and "rfkill" in line]), 1, "told once")
    bed.do("block", on=False)
    gateway.wait_line("link 'radio' up", 20, mark)
    peer.wait_value("/tag/" + Q, "4")


def test_passive_scanning_where_bluetoothd_has_it_and_only_where_it_works(stage):
    bed = Bed(stage, [{"do": "monitors", "how": "work"}, {"do": "restart", "graceful": True, "away": 0.1}, RUUVI])
    peer, gateway = site(stage, bed, ["tag"])
    peer.wait_value("/tag/" + T, "24.3", 15)
    gateway.wait_line("passive scanning works", 10)
    equal(bed.state()["scanners"], 0, "active scans")
    equal(bed.state()["monitors"], 1, "monitors")


def test_a_replayed_message_is_not_taken_even_after_a_restart(stage):
    bed = Bed(stage, [{**SEALED, "service_data": {"FCD2": "41152f781762ca01112233b487fac6"}}])  # 25.16, and one count later
    peer, gateway = site(stage, bed, ["sealed"])
    peer.wait_value("/sealed/" + T, "25.16", 15)
    equal(gateway.stop(), 0, "exit status")
    bed.do("peripheral", **{k: v for k, v in SEALED.items() if k != "do"})
    gateway = run(stage, bed)
    gateway.wait_line("link 'radio' up")
    gateway.wait_line("54:48:E6:8F:80:A5.*counter", 15)
    check(peer.code("read /sealed/" + T) != "2.05", "no value of an old message")


def test_a_flood_of_random_addresses_leaves_memory_flat(stage):
    bed = Bed(stage, [RUUVI])
    peer, gateway = site(stage, bed, ["tag"])
    peer.wait_value("/tag/" + T, "24.3", 15)
    bed.do("flood", count=4000, rate=2000)
    until("the first part of the flood", lambda: bed.state()["flood_left"] == 0, 60)
    before = resident_kb(gateway.pid)
    bed.do("flood", count=8000, rate=2000)
    until("the flood", lambda: bed.state()["flood_left"] == 0, 60)
    peer.wait_value("/tag/" + Q, "4")
    grown = resident_kb(gateway.pid) - before
    check(grown < 1500, f"memory grew by {grown} kB")
    print(f"        12000 random addresses: memory {grown:+d} kB in the last 8000", flush=True)


def test_devices_are_found_by_a_rule_and_by_a_scan(stage):
    bed = Bed(stage, [RUUVI, BTHOME, sensor()])
    rule = """\
discover:
  - name: tags
    link: radio
    match: {company: 0x0499, rssi: -85}
    make: {id: "ruuvi-${address}", profile: test/tag@1}
    approve: auto
    limit: 5
"""
    peer, gateway = site(stage, bed, [], more=rule, options=("--socket", stage.path("socket")))
    found = until("a tag", lambda: plant.prefixes(peer), 20)
    check(len(found) == 1, found)
    prefix = list(found.values())[0]
    until("its value", lambda: peer.ask(f"read /{prefix}/{T} accept 0").get("text") == "24.3", 20)
    status, out, err = plant.run_verb("scan", "--socket", stage.path("socket"), "--json", "radio", "--option", "for=2s")
    check(status == 0, out + err)
    heard = {found["key"] for found in json.loads(out)["found"]}
    check({TAG, THERMO, SENSOR} <= heard, f"the scan tells all three: {heard}")
    status, out, err = plant.run_verb("read", "--socket", stage.path("socket"), "--link", "radio", "--at", f"{SENSOR}/0x180F/0x2A19")
    check(status == 0 and "57" in out, f"a characteristic that no profile names: {out}{err}")
    status, out, err = plant.run_verb("simulate", "test/env", "--tcp", "127.0.0.1:0", "--config", stage.path("config"))
    check(status != 0 and "radio" in err.lower() + out.lower(), f"why it cannot be played: {out}{err}")
    check(gateway.running(), "runs on")
