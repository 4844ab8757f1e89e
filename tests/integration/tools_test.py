"""The verbs of an integrator: through a running gateway by its control socket, and with the link opened from here."""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

from harness import BUILD, ROOT, Skip, check, equal, until
from plant import PROFILE, Gateway, Plant, run_verb, unit

GATEWAY = os.path.join(BUILD, "lwm2m-gateway")


class Site(Plant):
    """A plant without a server; its gateway has a control socket."""

    def __init__(self, stage, **how):
        super().__init__(stage, peer=False, uri="coap://127.0.0.1:9", **how)
        self.socket = stage.path("run", "control.sock")
        os.makedirs(stage.path("state"), exist_ok=True)

    def start(self, **_):
        self.gateway = self.stage.add(Gateway("run", *self.arguments(), "--socket", self.socket))
        self.gateway.wait_line("control socket: ", 10)
        until("the meter was read", lambda: self.point("temperature").get("value") == 21.3, 10)
        return self

    def point(self, name):
        points = self.say("devices", "plant-1", "--json")["points"]
        return next(p for p in points if p["name"] == name)

    def verb(self, *arguments, status=0, seconds=20):
        got, out, err = run_verb(*arguments, "--socket", self.socket, seconds=seconds)
        equal(got, status, f"exit status of {' '.join(map(str, arguments))}, which said:\n{out}{err}\n")
        return out, err

    def say(self, *arguments):
        return json.loads(self.verb(*arguments)[0])

    def here(self, *arguments, status=0):
        """The same verb, with the link opened from here."""
        got, out, err = run_verb(*arguments, "--socket", "none", "--config", self.stage.path("config"))
        equal(got, status, f"exit status of {' '.join(map(str, arguments))}, which said:\n{out}{err}\n")
        return out, err

    def raw(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(10)
        s.connect(self.socket)
        return s

    def asks(self, **request):
        with self.raw() as s:
            s.sendall(json.dumps({"v": 1, "id": 1, **request}).encode() + b"\n")
            return json.loads(s.makefile().readline())


def test_status_tells_links_servers_and_devices(stage):
    site = Site(stage).start()
    said = site.say("status", "--json")
    equal(said["endpoint"], "test-gateway")
    server = said["servers"][0]
    equal((server["name"], server["state"] in ("away", "registering")), ("main", True))
    check("retry_in_s" in server, server)
    equal(said["links"][0]["state"], "up")
    equal(said["devices"]["online"], 1)
    check(said["memory_kb"] > 1000 and said["uptime_s"] >= 0, said)
    out, _ = site.verb("status")
    for part in ("test-gateway", "field", "up", "devices: 1, 1 online"):
        check(part in out, f"{part} is not in:\n{out}")


def test_status_tells_of_a_registration(stage):
    site = Site(stage)
    peer = stage.peer()
    site.uri = peer.uri
    site.write_site()
    site.start()
    server = until("it is registered", lambda: next((s for s in site.say("status", "--json")["servers"] if s["state"] == "registered"), None), 10)
    check(0 < server["lifetime_left_s"] <= 90 and server["location"].startswith("/"), server)
    check("lifetime left" in site.verb("status")[0], "the lifetime is not told")


def test_status_tells_why_a_link_is_down(stage):
    site = Site(stage).start()
    site.slaves.tool.stop()
    until("the link is down", lambda: site.say("status", "--json")["links"][0]["state"] == "down", 15)
    link = site.say("status", "--json")["links"][0]
    check(link["why"], link)
    out, _ = site.verb("status")
    check("plant-1" in out, f"the device that is away is not named:\n{out}")


def test_devices_lists_and_shows_one(stage):
    site = Site(stage).start()
    out, _ = site.verb("devices")
    check(re.search(r"plant-1\s+plant\s+online\s+test/plant@1\s+field", out), out)
    point = site.point("temperature")
    equal((point["unit"], point["quality"], point["paths"]), ("Cel", "good", ["3303/0/5700"]))
    check(point["age_ms"] < 5000, point)
    out, _ = site.verb("devices", "plant-1")
    check(re.search(r"temperature\s+21\.3 Cel\s+good", out), out)
    out, err = site.verb("devices", "plant-2", status=1)
    check("plant-1" in err, f"the device that was meant is not named: {err}")


def test_read_shows_bytes_and_steps(stage):
    site = Site(stage)
    site.slaves.set(1, "holding", 0, 245)
    for way in (site.here, site.verb):
        if way == site.verb:
            site.slaves.set(1, "holding", 0, 213)
            site.start()
            site.slaves.set(1, "holding", 0, 245)
        out, _ = way("read", "plant-1/temperature")
        check("plant-1/temperature  24.5 Cel  good" in out, out)
        check(re.search(r"holding 0.*: 00F5 → int16.* 245 → × 0\.1 → 24\.5 Cel → 3303/0/5700", out), out)
        point = json.loads(way("read", "plant-1/power", "--json")[0])["points"][0]
        equal(point["value"], 1250.5)
        equal(point["bytes"], struct.pack(">f", 1250.5)[2:].hex() + struct.pack(">f", 1250.5)[:2].hex())
        points = json.loads(way("read", "plant-1", "--json", status=1)[0])["points"]
        check(any(p["name"] == "code2" and p["kind"] == "not_found" for p in points), "the refused register has its error")


def test_read_from_here_contacts_only_what_it_needs(stage):
    site = Site(stage)
    site.slaves.ctl("forget")
    site.here("read", "plant-1/temperature")
    asked = site.slaves.requests()
    equal([(r["fc"], r["addr"], r["qty"]) for r in asked], [(3, 0, 1)], "requests on the bus")


def test_guess_marks_the_likely_type(stage):
    site = Site(stage)
    for way in (site.here, site.verb):
        if way == site.verb:
            site.start()
        out, _ = way("read", "--link", "field", "--unit", "1", "--at", "holding:1", "--count", "2", "--guess")
        check(re.search(r"^>\s+float32\s+CDAB\s+1250\.5", out, re.M), out)
        check('value: {at: "holding:1", type: float32, order: CDAB}' in out, out)
        said = json.loads(way("read", "--link", "field", "--unit", "1", "--at", "holding:300", "--count", "8", "--guess", "--json")[0])
        likely = next(g for g in said["guesses"] if g["likely"])
        equal((likely["type"], likely["value"]), ("string", '"SN-00042"'))
        said = json.loads(way("read", "--link", "field", "--unit", "1", "--at", "holding:3", "--count", "4", "--guess", "--json")[0])
        likely = next(g for g in said["guesses"] if g["likely"])
        equal((likely["type"], likely["order"], likely["value"]), ("uint64", "ABCDEFGH", "123456"))


def test_write_goes_through_limits_and_is_read_back(stage):
    site = Site(stage)
    for way in (site.here, site.verb):
        if way == site.verb:
            site.start()
        site.slaves.set(1, "holding", 100, 160)
        way("write", "plant-1/limit", "20.5")
        equal(site.slaves.get(1, "holding", 100), [205])
        way("write", "plant-1/relay", "true")
        equal(site.slaves.get(1, "coils", 0), [1])
        way("write", "plant-1/relay", "off")
        equal(site.slaves.get(1, "coils", 0), [0])
        site.slaves.ctl("forget")
        for words, part in ((("plant-1/limit", "33"), "32"), (("plant-1/limit", "20.55"), "step|0.1"), (("plant-1/limit", "--", "-1"), "6"),
                            (("plant-1/temperature", "20"), "writ"), (("plant-1/limti", "20"), "limit"), (("plant-1/relay", "maybe"), "")):
            _, err = way_after(way, words)
            check(re.search(part, err), f"/{part}/ is not in: {err}")
        writes = [r for r in site.slaves.requests() if r["fc"] in (5, 6, 15, 16)]
        equal(writes, [], "what reached the bus of wrong writes")


def way_after(way, words):
    """Options stand before `--`."""
    if "--" in words:
        at = words.index("--")
        name = "--socket"
        site = way.__self__
        extra = (name, site.socket) if way.__name__ == "verb" else (name, "none", "--config", site.stage.path("config"))
        got, out, err = run_verb("write", *words[:at], *extra, *words[at:])
        equal(got, 1, f"exit status of write {words}: {out}{err}")
        return out, err
    return way("write", *words, status=1)


def test_raw_writes_need_force_and_never_reach_the_forbidden(stage):
    site = Site(stage)
    profile = stage.path("config/profiles/test/plant.yaml")
    with open(profile, encoding="utf-8") as f:
        text = f.read()
    stage.write("config/profiles/test/plant.yaml", text.replace("addresses: zero,", 'addresses: zero, never: ["holding:121-125"],'))
    for way in (site.here, site.verb):
        if way == site.verb:
            site.start()
        site.slaves.set(1, "holding", 120, 0)
        target = ("--link", "field", "--unit", "1", "--at")
        way("write", *target, "holding:120", "77", status=2)
        equal(site.slaves.get(1, "holding", 120), [0], "without --force")
        way("write", *target, "holding:120", "0x004D", "--force")
        equal(site.slaves.get(1, "holding", 120), [77])
        _, err = way("write", *target, "holding:121", "77", "--force", status=1)
        check("never" in err, err)
        way("write", *target, "input:1", "77", "--force", status=1)
    site.verb("write", "plant-1/limit", "20", "--force", status=2)


def test_wrong_arguments_send_nothing(stage):
    site = Site(stage).start()
    site.gateway.stop()
    site.slaves.ctl("forget")
    for words, status in ((("read",), 2), (("read", "plant-1", "--guess"), 2), (("read", "--link", "field"), 2), (("read", "nobody/x"), 1),
                          (("read", "--link", "feild", "--at", "holding:1"), 1), (("read", "--link", "field", "--unit", "1", "--at", "holding:99999"), 1),
                          (("read", "--link", "field", "--unit", "1", "--at", "register:1"), 1), (("write", "plant-1/limit"), 2), (("write", "plant-1", "7"), 2),
                          (("write", "--link", "field", "--at", "holding:1", "--force", "x", "y"), 2), (("scan", "feild"), 1), (("scan", "field", "--units", "0-999"), 1),
                          (("scan", "field", "--share", "0"), 2), (("scan", "field", "--option", "x"), 2), (("scan", "field", "--option", "colour=red"), 1),
                          (("scan", "field", "--speeds", "9600"), 1), (("trace", "feild"), 1), (("read", "plant-1", "--count", "0"), 2)):
        _, err = site.here(*words, status=status)
        check(err.strip(), f"nothing was said of {words}")
    equal(site.slaves.requests(), [], "what reached the bus")


def test_scan_finds_units_and_proposes_a_profile(stage):
    site = Site(stage, units={1: unit(), 7: unit(), 9: unit()})
    for way in (site.here, site.verb):
        if way == site.verb:
            site.start()
        said = json.loads(way("scan", "field", "--units", "1-10", "--share", "100", "--json")[0])
        equal(sorted(int(f["site"]["unit"]) for f in said["found"]), [1, 7, 9], "units")
        check(all("profile:" in f["line"] and 'link: "field"' in f["line"] for f in said["found"]), said)
        out, _ = way("scan", "field", "--units", "7", "--share", "100")
        check(re.search(r"- \{id: .*unit: 7\}", out), out)


def test_scan_beside_polls_leaves_them_their_time(stage):
    site = Site(stage, units={1: unit(), 2: unit(), 3: unit()}).start()
    for silent in (2, 3):  # each question to them costs the link a time-out
        site.slaves.ctl(f"fault silent unit={silent} count=0")
    site.slaves.ctl("forget")
    started = time.monotonic()
    found = site.say("scan", "field", "--units", "1-3", "--share", "50", "--json")["found"]
    took = time.monotonic() - started
    equal([f["site"]["unit"] for f in found], ["1"])
    polls = [r for r in site.slaves.requests(unit=1) if r["fc"] == 3 and r["addr"] == 0 and r["qty"] == 7]
    check(took > 0.5 and len(polls) >= took / 0.2 / 4, f"{len(polls)} polls, due each 200 ms, went on beside a scan of {took:.1f} s")
    equal(site.point("temperature")["quality"], "good")


def test_who_leaves_a_scan_ends_it(stage):
    site = Site(stage).start()
    with site.raw() as s:
        s.sendall(b'{"v":1,"id":1,"do":"scan","with":{"link":"field","options":{"units":"1-247"},"share":0.05}}\n')
        s.makefile().readline()
        equal(site.asks(do="scan", **{"with": {"link": "field"}})["error"]["kind"], "busy", "a second scan")
    def again():
        with site.raw() as s:
            s.settimeout(5)
            s.sendall(b'{"v":1,"id":1,"do":"scan","with":{"link":"field","options":{"units":"1"},"share":1}}\n')
            return "busy" not in s.makefile().readline()
    until("the link is free for another scan", again, 10)


def packets(path):
    with open(path, "rb") as f:
        data = f.read()
    magic, _, _, _, _, _, kind = struct.unpack("<IHHiIII", data[:24])
    equal(magic, 0xA1B2C3D4)
    at, found = 24, []
    while at < len(data):
        seconds, micros, kept, size = struct.unpack("<IIII", data[at:at + 16])
        equal(kept, size)
        found.append((seconds + micros / 1e6, data[at + 16:at + 16 + kept]))
        at += 16 + kept
    return kind, found


def test_trace_shows_frames_and_writes_a_capture(stage):
    site = Site(stage).start()
    out, _ = site.verb("trace", "field", "--count", "6", "--pcap", stage.path("t.pcap"))
    lines = out.splitlines()
    equal(len(lines), 6)
    check(any(re.search(r"-> unit 1 read holding ", line) for line in lines), out)
    check(any(re.search(r"<- unit 1 holding .*=", line) for line in lines), out)
    kind, found = packets(stage.path("t.pcap"))
    equal((kind, len(found)), (101, 6), "link type and packets")
    for when, packet in found:
        check(abs(when - time.time()) < 60, f"time {when}")
        equal(packet[0] >> 4, 4, "IP version")
        equal(struct.unpack(">H", packet[2:4])[0], len(packet), "length of the IP packet")
        check(502 in struct.unpack(">HH", packet[20:24]), "port 502")
        modbus = packet[40:]
        equal((struct.unpack(">H", modbus[2:4])[0], struct.unpack(">H", modbus[4:6])[0]), (0, len(modbus) - 6), "Modbus/TCP header")
    check(re.search(r"-> unit 1 read holding ", site.here("trace", "field", "--count", "6")[0]), "from here, with polls")
    said = [json.loads(line) for line in site.verb("trace", "field", "--count", "2", "--json")[0].splitlines()]
    equal(len(said), 2)
    check(all(set(("sent", "at", "bytes", "text")) <= set(one) for one in said), said)


def test_trace_of_a_serial_line_keeps_the_crc(stage):
    site = Site(stage, rtu=True).start()
    site.verb("trace", "field", "--count", "4", "--pcap", stage.path("t.pcap"))
    kind, found = packets(stage.path("t.pcap"))
    equal((kind, len(found)), (250, 4), "link type and packets")
    for _, packet in found:
        check(packet[8] in (1, 2), "direction")
        crc = 0xFFFF
        for byte in packet[12:]:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        equal(crc, 0, "CRC over the frame with its own")


def test_trace_costs_nothing_after_its_reader_left(stage):
    site = Site(stage).start()
    for _ in range(20):
        with site.raw() as s:
            s.sendall(b'{"v":1,"id":1,"do":"trace","with":{"link":"field"}}\n')
            s.makefile().readline()
    equal(site.point("temperature")["quality"], "good")
    site.verb("trace", "field", "--count", "1")


ADD = "devices.d/plant-2.yaml"


def test_add_checks_then_writes_then_reloads(stage):
    site = Site(stage, units={1: unit(), 2: unit()}).start()
    folder = stage.path("config")
    words = ("add", "test/plant", "--config", folder, "--id", "plant-2", "--link", "field")
    out, _ = site.verb(*words, "--unit", "2", "--dry-run")
    check("unit: 2" in out and not os.path.exists(os.path.join(folder, ADD)), out)
    _, err = site.verb(*words, "--unit", "1", status=1)
    check(re.search(r"devices\.d/plant-2\.yaml:\d+:\d+: .*unit", err) or "plant.yaml" in err, err)
    check(not os.path.exists(os.path.join(folder, ADD)), "written in spite of the clash")
    site.verb("add", "test/plant", "--config", folder, "--id", "x", "--link", "field", "--unit", "2", "--prefix", "plant", status=1)
    site.verb("add", "test/plnat", "--config", folder, "--id", "x", "--link", "field", "--unit", "2", status=1)
    site.verb(*words, "--unit", "2", "--set", "colour=red", status=2)
    site.verb("add", "test/plant", "--config", folder, "--unit", "2", status=2)
    equal(sorted(os.listdir(os.path.join(folder, "devices.d"))), ["plant.yaml"])
    out, _ = site.verb(*words, "--unit", "2", "--reload")
    check("plant-2" in out, out)
    until("the new device is online", lambda: any(d["id"] == "plant-2" and d["presence"] == "online" for d in site.say("devices", "--json")["devices"]), 10)
    site.verb(*words, "--unit", "3", status=1)
    status, out, err = run_verb("check", "--config", folder)
    equal(status, 0, out + err)


def test_add_asks_on_a_terminal(stage):
    import pty
    site = Site(stage, units={1: unit(), 2: unit()}).start()
    profile = PROFILE.replace("profile: test/plant", "profile: test/asks").replace(
        "protocol: modbus\n", "protocol: modbus\nparams:\n  ratio: {type: int, min: 1, max: 9, title: Transformer}\n  colour: {type: string, default: red}\n", 1)
    profile = profile.replace("order: CDAB, unit: W", "order: CDAB, calc: value * ratio, unit: W").replace("model: Plant", 'model: "${colour}"')
    stage.write("config/profiles/test/asks.yaml", profile)
    ours, theirs = pty.openpty()
    p = subprocess.Popen([GATEWAY, "add", "test/asks", "--config", stage.path("config"), "--socket", site.socket], stdin=theirs, stdout=theirs,
                         stderr=theirs)
    os.close(theirs)
    said = ""
    for question, answer in (("id of the device", "plant-2"), (r"link \(field\)", "field"), ("unit: ", "2"), (r"ratio \(Transformer\), .*: ", "3"),
                             (r"colour.*\[red\]: ", ""), (r"take it over now\? \[y/N\]: ", "y")):
        mark = len(said)
        while not re.search(question, said[mark:]):
            try:
                said += os.read(ours, 4096).decode()
            except OSError:
                raise AssertionError(f"it ended before asking {question}:\n{said}") from None
        os.write(ours, answer.encode() + b"\n")
    try:
        while part := os.read(ours, 4096):
            said += part.decode()
    except OSError:  # the terminal is closed: it has ended
        pass
    equal(p.wait(10), 0, said)
    os.close(ours)
    with open(stage.path("config", ADD), encoding="utf-8") as f:
        text = f.read()
    check("ratio: 3" in text and "colour" not in text and "unit: 2" in text, text)
    check(any(d["id"] == "plant-2" for d in site.say("devices", "--json")["devices"]), "it was taken over")


def test_add_never_writes_over_a_file(stage):
    site = Site(stage, units={1: unit(), 2: unit()})
    stage.write("config/" + ADD, "format: 1\ndevices: []\n")
    _, err = site.verb("add", "test/plant", "--config", stage.path("config"), "--id", "plant-2", "--link", "field", "--unit", "2", status=1)
    check("plant-2.yaml" in err, err)
    with open(stage.path("config", ADD), encoding="utf-8") as f:
        equal(f.read(), "format: 1\ndevices: []\n")


def test_reload_takes_over_or_changes_nothing(stage):
    site = Site(stage, units={1: unit(), 2: unit()}).start()
    equal(site.say("reload", "--json")["kept"], 1)
    good = "format: 1\ndevices:\n  - {id: plant-1, profile: test/plant@1, link: field, unit: 1, prefix: plant}\n"
    stage.write("config/devices.d/plant.yaml", good.replace("test/plant@1", "test/plnat@1"))
    _, err = site.verb("reload", status=1)
    check(re.search(r"devices\.d/plant\.yaml:3:\d+: ", err) and "nothing was changed" in err, err)
    equal(site.point("temperature")["quality"], "good")
    stage.write("config/devices.d/plant.yaml", good + "  - {id: plant-2, profile: test/plant@1, link: field, unit: 2}\n")
    equal(site.say("reload", "--json")["added"], ["plant-2"])
    stage.write("config/devices.d/plant.yaml", good)
    site.gateway.signal(signal.SIGHUP)
    until("SIGHUP takes the device away", lambda: len(site.say("devices", "--json")["devices"]) == 1, 10)


def test_systemd_is_told_of_a_reload(stage):
    notify = stage.path("notify")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(notify)
    listening.settimeout(10)
    site = Site(stage)
    site.gateway = stage.add(Gateway("run", *site.arguments(), "--socket", site.socket, env={"NOTIFY_SOCKET": notify}))
    def wait_for(part):
        while True:
            text = listening.recv(4096).decode()
            if part in text:
                return text
    wait_for("READY=1")
    site.gateway.signal(signal.SIGHUP)
    said = wait_for("RELOADING=1")
    check(re.search(r"MONOTONIC_USEC=\d+", said), said)
    wait_for("READY=1")
    listening.close()


def test_discover_lists_nothing_and_knows_no_stranger(stage):
    site = Site(stage).start()
    equal(site.say("discover", "list", "--json")["devices"], [])
    _, err = site.verb("discover", "approve", "nobody", status=1)
    check("nobody" in err, err)


def test_without_a_gateway(stage):
    path = stage.path("nowhere.sock")
    for words in (("status",), ("devices",), ("reload",), ("discover", "list"), ("read", "x/y"), ("trace", "field")):
        status, _, err = run_verb(*words, "--socket", path)
        equal(status, 3, f"exit status of {words}: {err}")
        check(path in err, err)


def test_a_gateway_of_another_site_is_not_asked(stage):
    """--config names the site; a gateway that runs another one is left alone, and the link is opened from here."""
    site = Site(stage)
    folder = stage.path("run2")
    os.makedirs(folder)
    site.socket = os.path.join(folder, "control.sock")
    site.start()
    other = stage.path("other")
    import shutil
    shutil.copytree(stage.path("config"), other)
    with open(os.path.join(other, "devices.d/plant.yaml"), "w", encoding="utf-8") as f:
        f.write("format: 1\ndevices: [{id: elsewhere, profile: test/plant@1, link: field, unit: 1}]\n")
    done = subprocess.run([GATEWAY, "read", "elsewhere/temperature", "--config", other], capture_output=True, text=True, timeout=20, check=False,
                          env={**os.environ, "RUNTIME_DIRECTORY": folder})
    equal(done.returncode, 0, done.stdout + done.stderr)
    check("21.3" in done.stdout, done.stdout)
    done = subprocess.run([GATEWAY, "read", "plant-1/temperature", "--config", stage.path("config")], capture_output=True, text=True, timeout=20,
                          check=False, env={**os.environ, "RUNTIME_DIRECTORY": folder})
    equal(done.returncode, 0, done.stdout + done.stderr)


def test_hostile_requests_are_refused_and_nothing_happens(stage):
    site = Site(stage).start()
    with site.raw() as s:
        lines = s.makefile()
        for text in (b"\n", b"GET / HTTP/1.1\n", b"{}\n", b"[" * 5000 + b"\n", b'{"v":1,"do":"write","with":{"device":"plant-1","point":"limit","value":[20]}}\n',
                     b'{"v":9,"do":"status"}\n', b'{"v":1,"do":"exec"}\n', b'\xff\xfe\n', b'{"v":1,"do":"put","with":{"link":"field","address":{"unit":"1","at":"holding:100","value":"7"}}}\n'):
            s.sendall(text)
            check("error" in json.loads(lines.readline()), text)
        s.sendall(b'{"v":1,"id":7,"do":"hello"}\n')
        equal(json.loads(lines.readline())["ok"]["endpoint"], "test-gateway")
    equal(site.slaves.get(1, "holding", 100), [160])


def test_floods_half_requests_and_slow_readers(stage):
    site = Site(stage).start()
    others = [site.raw() for _ in range(3)]
    others[0].sendall(b'{"v":1,"do":')
    others[1].sendall(b'{"v":1,"id":1,"do":"trace","with":{"link":"field"}}\n')  # and never reads
    try:
        others[2].sendall(b"x" * 300_000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    with site.raw() as s:
        s.sendall(b'{"v":1,"id":1,"do":"status"}\n' * 500)
        reader = s.makefile()
        for _ in range(500):
            check("ok" in json.loads(reader.readline()), "a pipelined request")
    more = [site.raw() for _ in range(12)]
    busy = 0
    for one in more:
        one.settimeout(1)
        try:
            busy += b"busy" in one.recv(1000)
        except TimeoutError:
            pass
    check(busy >= 4, f"{busy} connections over the limit were told so")
    for one in (*others, *more):
        one.close()
    equal(until("the gateway answers again", lambda: site.asks(do="hello").get("ok"), 10)["endpoint"], "test-gateway")
    equal(site.point("temperature")["quality"], "good")


def test_another_user_is_refused(stage):
    if os.geteuid() != 0:
        raise Skip("needs root, to become another user")
    site = Site(stage).start()
    equal(os.stat(site.socket).st_mode & 0o777, 0o660, "mode of the socket")
    os.chmod(stage.folder, 0o755)
    os.chmod(os.path.dirname(site.socket), 0o755)
    def as_nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    code = ("import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
            "try: s.sendall(b'{\"v\":1,\"do\":\"status\"}\\n')\nexcept BrokenPipeError: pass\n"  # it was closed at once
            "print(s.recv(9999).decode())")
    ask = lambda: subprocess.run(["python3", "-c", code, site.socket], capture_output=True, text=True, timeout=20, check=False, preexec_fn=as_nobody)
    check("PermissionError" in ask().stderr, "by the mode of the file")
    os.chmod(site.socket, 0o666)
    got = ask().stdout
    check("unauthorized" in got and "endpoint" not in got, f"by the kernel's word: {got}")


def test_no_answer_holds_a_secret(stage):
    key = "00112233445566778899aabbccddeeff"
    site = Site(stage, psk=("gw", key))
    site.uri = "coaps://127.0.0.1:9"
    site.write_site()
    site.start()
    told = ""
    for do, more in (("hello", {}), ("status", {}), ("devices", {}), ("devices", {"device": "plant-1"}), ("discover", {"op": "list"}), ("reload", {})):
        told += json.dumps(site.asks(do=do, **{"with": more}))
    check(key not in told.lower(), "the key was told")


def test_a_second_gateway_goes_without_a_socket(stage):
    site = Site(stage).start()
    second = stage.add(Gateway("run", "--config", stage.path("config"), "--socket", site.socket))
    second.wait_line("no control socket.*another gateway", 10)
    second.stop()
    check(site.say("status", "--json")["endpoint"], "the first one still has its socket")
    site.gateway.kill()
    check(os.path.exists(site.socket), "left behind by kill -9")
    site.start()
    site.gateway.stop()
    check(not os.path.exists(site.socket), "taken away by a good end")


def test_profiles_are_tested_and_linted(stage):
    status, out, err = run_verb("profile", "test", "--profiles", os.path.join(ROOT, "mapping", "profiles"), seconds=120)
    equal(status, 0, out + err)
    check(re.search(r"\d+ profiles?, \d+ tests?, 0 failed", out), out)
    profile = """\
format: 1
profile: acme/t
revision: 1
title: T
source: none
protocol: modbus
points:
  t: {at: "holding:0", type: int16, scale: 0.1, unit: Cel, to: 3303/0}
tests:
  - {name: warm, given: {"holding:0": [245]}, expect: {3303/0/5700: 24.5}}
"""
    good, bad, broken = stage.write("acme/t.yaml", profile), stage.write("acme/u.yaml", profile.replace("24.5", "24.6")), stage.write("acme/v.yaml", profile.replace("int16", "itn16"))
    equal(run_verb("profile", "test", good)[0], 0)
    status, out, _ = run_verb("profile", "test", bad)
    equal(status, 1)
    check("24.6" in out and "24.5" in out and "warm" in out, out)
    said = json.loads(run_verb("profile", "test", good, bad, "--json")[1])
    equal([len([t for t in p["tests"] if t["passed"]]) for p in said["profiles"]], [1, 0])
    status, out, err = run_verb("profile", "test", broken)
    equal(status, 1)
    check(re.search(r"v\.yaml:\d+:\d+: .*itn16", err), err)
    equal(run_verb("profile", "test", stage.path("nowhere.yaml"))[0], 1)
    status, out, err = run_verb("profile", "lint", stage.write("acme/w.yaml", profile[:profile.index("tests:")]))
    equal(status, 1, out + err)
    check("no-tests" in out, out)


def verbs_of(text):
    part = text[text.index("Subcommands:"):]
    return re.findall(r"^  ([a-z]+)\s", part, re.M)


def test_manual_and_completion_know_all_verbs_and_options(stage):
    with open(os.path.join(ROOT, "docs", "lwm2m-gateway.8"), encoding="utf-8") as f:
        manual = f.read().replace("\\-", "-")
    completion = run_verb("completion", "bash")[1]
    equal(subprocess.run(["bash", "-n"], input=completion, text=True, check=False).returncode, 0, "syntax of the script")
    verbs = verbs_of(run_verb("--help")[1])
    check(len(verbs) >= 15, verbs)
    pairs = []
    for verb in verbs:
        text = run_verb(verb, "--help")[1]
        pairs += [(verb, sub) for sub in verbs_of(text)] if "Subcommands:" in text else [(verb,)]
    for words in pairs:
        status, text, _ = run_verb(*words, "--help")
        equal(status, 0)
        check("Example:" in text, f"no example in the help of {words}")
        for word in words:
            check(re.search(rf"\b{word}\b", manual), f"the manual does not know {word}")
            check(re.search(rf"\b{word}\b", completion), f"the completion does not know {word}")
        for option in set(re.findall(r"(--[a-z][a-z-]+)", text.split("Example:")[0])) - {"--help"}:
            check(option in manual, f"the manual does not know {option} of {words}")
            script = f'{completion}\nCOMP_WORDS=(lwm2m-gateway {" ".join(words)} {option}); COMP_CWORD={len(words) + 1}; _lwm2m_gateway; printf "%s\\n" "${{COMPREPLY[@]}}"'
            got = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False).stdout.split()
            check(option in got, f"{option} of {words} is not completed: {got}")


def test_exit_statuses_are_told(stage):
    with open(os.path.join(ROOT, "docs", "lwm2m-gateway.8"), encoding="utf-8") as f:
        manual = f.read()
    text = run_verb("--help")[1]
    for number in ("0", "1", "2", "3", "78"):
        check(re.search(rf"\b{number}\b", text[text.index("Exit status"):]), f"--help does not tell of status {number}")
        check(re.search(rf"^\.B {number}$", manual, re.M), f"the manual does not tell of status {number}")
    with open(os.path.join(ROOT, "systemd", "lwm2m-gateway.service"), encoding="utf-8") as f:
        check("RestartPreventExitStatus=78" in f.read(), "the unit tries for ever")
