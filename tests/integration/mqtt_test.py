"""Devices behind a real broker (mosquitto): values, commands, presence, and a broker that is killed, cut off, locked or encrypted."""
import json
import os
import re
import shutil
import subprocess
import time

import plant
from harness import ROOT, Process, Skip, check, equal, free_tcp_port, resident_kb, until

RESTARTS = int(os.environ.get("MQTT_RESTARTS", "10"))  # 100 in a long run
SITE = """\
format: 1
gateway: test-gateway
servers:
  main: {{uri: "{uri}", security: nosec, lifetime: 60s}}
links:
  house: {link}
log: {{level: debug}}
"""
RELAY, POWER, QUALITY = "/plug/3312/0/5850", "/plug/3305/0/5800", "/plug/3303/0/6042"
CLIMATE = """\
format: 1
profile: test/thing
revision: 1
protocol: mqtt
params: {topic: {type: string}}
mqtt: {from: "tele/${topic}/SENSOR"}
points:
  temperature: {pick: /t, unit: Cel, to: 3303/0}
  power: {pick: /p, unit: W, to: 3305/0/5800}
  relay:
    from: "stat/${topic}/RESULT"
    pick: /POWER
    map: {"ON": true, "OFF": false}
    to: 3312/0
    write: {topic: "cmnd/${topic}/POWER", payload: "${value}", verify: 3s}
  count: {from: "stat/${topic}/COUNT", to: 3308/0, write: {topic: "cmnd/${topic}/COUNT"}}
actions:
  reboot:
    execute: 3/0/4
    steps:
      - publish: {topic: "cmnd/${topic}/Restart", payload: "1"}
health:
  alive: {from: "tele/${topic}/LWT", online: Online, offline: Offline}
"""


class Broker:
    """mosquitto in the stage's folder."""

    def __init__(self, stage, more="allow_anonymous true\n", port=None):
        self.binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not os.path.exists(self.binary):
            raise Skip("mosquitto is not installed")
        self.stage, self.port = stage, port or free_tcp_port()
        root = "user root\n" if os.geteuid() == 0 else ""
        self.config = stage.write("mosquitto.conf", f"listener {self.port} 127.0.0.1\n{root}{more}")
        self.process = None

    def start(self):
        self.process = self.stage.add(Process("mosquitto", [self.binary, "-c", self.config]))
        self.process.wait_line(" running", 10)
        return self

    def kill(self):
        self.process.kill()

    def say(self, topic, payload, retain=False, options=()):
        argv = ["mosquitto_pub", "-p", str(self.port), *options, "-q", "1", "-t", topic, "-m", payload]
        subprocess.run(argv + (["-r"] if retain else []), check=True, timeout=10, capture_output=True)


class Device:
    """A plug: does what it is told and says so. Remembers every command."""

    def __init__(self, stage, broker):
        self.stage, self.broker, self.commands = stage, broker, []
        self.listener = None
        self.listen()

    def listen(self):
        self.listener = self.stage.add(Process("device", ["stdbuf", "-oL", "mosquitto_sub", "-p", str(self.broker.port), "-q", "1", "-v", "-d", "-t", "cmnd/plug/#"]))
        self.listener.wait_line("Subscribed", 10)

    def heard(self, prefix):
        return [line for line in list(self.listener.lines) if line.startswith(prefix)]


def site(stage, broker, link=None, more="", options=()):
    peer = stage.peer()
    stage.write("config/gateway.yaml", SITE.format(uri=peer.uri, link=link or f'{{mqtt: "mqtt://127.0.0.1:{broker.port}"}}'))
    stage.write("config/profiles/test/thing.yaml", CLIMATE)
    stage.write("config/devices.d/site.yaml", "format: 1\n" + (more or "devices:\n  - {id: plug, profile: test/thing@1, link: house, prefix: plug, set: {topic: plug}}\n"))
    for folder in ("state", "secrets"):
        os.makedirs(stage.path(folder), mode=0o700, exist_ok=True)
    gateway = stage.add(plant.Gateway("run", "--config", stage.path("config"), "--state", stage.path("state"), "--secrets", stage.path("secrets"), *options))
    peer.expect("registered", 15)
    return peer, gateway


def test_values_commands_and_executes(stage):
    broker = Broker(stage).start()
    device = Device(stage, broker)
    peer, gateway = site(stage, broker)
    gateway.wait_line("link 'house' up")
    broker.say("tele/plug/SENSOR", '{"t":21.5,"p":60}')
    peer.wait_value(POWER, "60")
    equal(peer.read(QUALITY), "4", "quality of a live value")
    peer.ask(f"observe {POWER} accept 0")
    broker.say("tele/plug/SENSOR", '{"p":61}')
    peer.find(lambda e: e["ev"] == "notification" and e["path"] == POWER and e["text"] == "61", 10, 0, "notified 61 W")
    equal(peer.read("/plug/3303/0/5700"), "21.5", "a partial message changed nothing else")
    write = peer.begin(f"write {RELAY} 1")
    until("the command", lambda: device.heard("cmnd/plug/POWER ON"), 5)
    broker.say("stat/plug/RESULT", '{"POWER":"ON"}')
    equal(peer.result(write)["code"], "2.04", "done when the state says so")
    equal(peer.read(RELAY), "1", "relay")
    equal(peer.code("execute /plug/3/0/4"), "2.04", "execute")
    until("the restart", lambda: device.heard("cmnd/plug/Restart 1"), 5)
    check(peer.code(f"write {RELAY} 0") in ("5.03", "5.04"), "no state came: not done")


def test_a_broker_that_is_away_is_not_a_device_that_is_offline(stage):
    broker = Broker(stage).start()
    peer, gateway = site(stage, broker)
    gateway.wait_line("link 'house' up")
    broker.say("tele/plug/SENSOR", '{"t":21.5,"p":60}')
    peer.wait_value(QUALITY, "4")
    broker.kill()
    peer.wait_value(QUALITY, "3")
    equal(peer.read("/plug/3303/0/5700"), "21.5", "the last value stays")
    equal(peer.read("/plug/3/0/11/0"), "0", "no error of the device")
    equal(peer.code(f"write {RELAY} 1"), "5.03", "a command while the broker is away")
    broker.start()
    gateway.wait_line("link 'house' up", 15, gateway.mark() - 1)
    broker.say("tele/plug/SENSOR", '{"t":22,"p":60}')
    peer.wait_value(QUALITY, "4")
    broker.say("tele/plug/LWT", "Offline", retain=True)
    peer.wait_value(QUALITY, "2")
    equal(peer.read("/plug/3/0/11/0"), "8", "the will says that the device is gone")
    broker.say("tele/plug/LWT", "Online", retain=True)
    broker.say("tele/plug/SENSOR", '{"t":23,"p":60}')
    peer.wait_value(QUALITY, "4")


def test_a_retained_value_is_shown_as_old(stage):
    broker = Broker(stage).start()
    broker.say("tele/plug/SENSOR", '{"t":19,"p":1}', retain=True)
    peer, _ = site(stage, broker)
    peer.wait_value("/plug/3303/0/5700", "19")
    equal(peer.read(QUALITY), "3", "kept from before, of unknown age")


def test_restarts_of_the_broker_lose_and_double_no_command(stage):
    broker = Broker(stage).start()
    peer, gateway = site(stage, broker)
    gateway.wait_line("link 'house' up")
    rss = 0
    slowest = 0.0
    for turn in range(1, RESTARTS + 1):
        device = Device(stage, broker)
        answer = peer.code(f"write /plug/3308/0/5900 {turn}", 20)
        equal(answer, "2.04", f"command {turn}")
        until(f"command {turn}", lambda: device.heard(f"cmnd/plug/COUNT {turn}"), 5)
        equal(len(device.heard(f"cmnd/plug/COUNT {turn}")), 1, f"command {turn} arrives once")
        mark = gateway.mark()
        device.listener.kill()
        broker.kill()
        gateway.wait_line("link 'house' down", 10, mark)
        broker.start()
        began = time.monotonic()
        gateway.wait_line("link 'house' up", 10, mark)
        slowest = max(slowest, time.monotonic() - began)
        if turn == 3:
            rss = resident_kb(gateway.pid)
    broker.say("tele/plug/SENSOR", '{"t":20,"p":7}')
    peer.wait_value(POWER, "7")
    check(slowest < 10, f"back {slowest:.1f} s after the broker")
    grown = resident_kb(gateway.pid) - rss if rss else 0
    check(grown < 3000, f"memory grew by {grown} kB in {RESTARTS} restarts")
    print(f"        {RESTARTS} restarts: back after {slowest:.2f} s at most, memory {grown:+d} kB", flush=True)


def test_tls_and_password(stage):
    folder = stage.path("tls")
    os.makedirs(folder)
    run = lambda command: subprocess.run(command, shell=True, check=True, cwd=folder, capture_output=True, timeout=30)  # noqa: E731
    curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    run(f"openssl req -x509 {curve} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca")
    run(f"openssl req {curve} -keyout broker.key -out broker.csr -subj /CN=localhost")
    run("echo subjectAltName=DNS:localhost > san; openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out broker.pem -extfile san")
    run("touch passwords; chmod 600 passwords; mosquitto_passwd -b passwords gateway sesame; chmod 644 *.key")
    broker = Broker(stage, f"cafile {folder}/ca.pem\ncertfile {folder}/broker.pem\nkeyfile {folder}/broker.key\npassword_file {folder}/passwords\n").start()
    stage.write("secrets/broker", "sesame\n", 0o600)
    link = f'{{mqtt: "mqtts://localhost:{broker.port}", version: 5, user: gateway, password: "${{secret:broker}}", ca: {folder}/ca.pem}}'
    os.chmod(stage.path("secrets"), 0o700)
    peer, gateway = site(stage, broker, link)
    gateway.wait_line("link 'house' up")
    broker.say("tele/plug/SENSOR", '{"t":21.5,"p":60}', options=("--cafile", f"{folder}/ca.pem", "-h", "localhost", "-u", "gateway", "-P", "sesame"))
    peer.wait_value(POWER, "60")
    check("sesame" not in gateway.text(), "the password is in no line of the log")


def test_a_wrong_password_is_said(stage):
    broker = Broker(stage, "password_file " + stage.path("passwords") + "\n")
    stage.write("passwords", "", 0o600)
    subprocess.run(["mosquitto_passwd", "-b", stage.path("passwords"), "gateway", "sesame"], check=True, capture_output=True)
    broker.start()
    stage.write("secrets/broker", "wrong-one\n", 0o600)
    os.chmod(stage.path("secrets"), 0o700)
    _, gateway = site(stage, broker, f'{{mqtt: "mqtt://127.0.0.1:{broker.port}", user: gateway, password: "${{secret:broker}}"}}')
    gateway.wait_line("link 'house' down .*(does not let us in|user or password)")
    check("wrong-one" not in gateway.text(), "the password is in no line of the log")


def test_a_half_open_connection_is_noticed(stage):
    broker = Broker(stage).start()
    chaos = stage.tool("tcp_chaos", "--listen", 0, "--to", broker.port)
    peer, gateway = site(stage, broker, f'{{mqtt: "mqtt://127.0.0.1:{chaos.ready["listen"]}", keepalive: 5s}}')
    gateway.wait_line("link 'house' up")
    mark = gateway.mark()
    chaos.ctl("halfopen on")
    gateway.wait_line("link 'house' down", 20, mark)
    chaos.ctl("halfopen off")
    gateway.wait_line("link 'house' up", 10, mark)
    broker.say("tele/plug/SENSOR", '{"t":5,"p":6}')
    peer.wait_value(POWER, "6")


def test_a_slow_broker_loses_and_doubles_nothing(stage):
    """Every piece late and cut small, then nothing read for a while: values and commands come late, once, and memory stays."""
    broker = Broker(stage).start()
    device = Device(stage, broker)
    chaos = stage.tool("tcp_chaos", "--listen", 0, "--to", broker.port, "-s", "up.slice=5", "-s", "up.slice_ms=2", "-s", "down.slice=7", "-s", "down.slice_ms=2")
    peer, gateway = site(stage, broker, f'{{mqtt: "mqtt://127.0.0.1:{chaos.ready["listen"]}", keepalive: 5s}}')
    gateway.wait_line("link 'house' up", 20)
    for turn in range(1, 6):
        broker.say("tele/plug/SENSOR", f'{{"t":{turn},"p":{turn}}}')
        equal(peer.code(f"write /plug/3308/0/5900 {turn}", 20), "2.04", f"command {turn}")
        until(f"command {turn}", lambda: device.heard(f"cmnd/plug/COUNT {turn}"), 10)
    peer.wait_value(POWER, "5")
    before = resident_kb(gateway.pid)
    mark = gateway.mark()
    chaos.ctl("stall on")
    write = peer.begin("write /plug/3308/0/5900 6")
    gateway.wait_line("link 'house' down", 20, mark)
    chaos.ctl("stall off")
    chaos.ctl("reset")
    gateway.wait_line("link 'house' up", 10, mark)
    answer = peer.result(write)["code"]
    check(answer in ("2.04", "5.03", "5.04"), f"an answer in any case: {answer}")
    equal(peer.code("write /plug/3308/0/5900 7", 20), "2.04", "the next command")
    until("command 7", lambda: device.heard("cmnd/plug/COUNT 7"), 10)
    for turn in range(1, 8):
        heard = len(device.heard(f"cmnd/plug/COUNT {turn}"))
        check(heard == 1 or (turn == 6 and heard == 0 and answer != "2.04"), f"command {turn} arrived {heard} times, the answer was {answer}")
    broker.say("tele/plug/SENSOR", '{"t":8,"p":8}')
    peer.wait_value(POWER, "8")
    grown = resident_kb(gateway.pid) - before
    check(grown < 1500, f"memory grew by {grown} kB")


def test_a_broker_that_refuses_is_asked_again(stage):
    broker = Broker(stage).start()
    chaos = stage.tool("tcp_chaos", "--listen", 0, "--to", broker.port)
    chaos.ctl("refuse on")
    peer, gateway = site(stage, broker, f'{{mqtt: "mqtt://127.0.0.1:{chaos.ready["listen"]}"}}')
    gateway.wait_line("link 'house' down")
    time.sleep(5)  # several attempts, further and further apart
    mark = gateway.mark()
    chaos.ctl("refuse off")
    gateway.wait_line("link 'house' up", 10, mark)
    broker.say("tele/plug/SENSOR", '{"t":5,"p":6}')
    peer.wait_value(POWER, "6")


# The site's device of a shipped profile, what its simulator is told, and what the server then reads.
PLAYED = [
    ("tasmota/energy-plug@2", {"topic": "plug"}, {"power": 42, "voltage": 230}, {"3305/0/5800": "42", "3316/0/5700": "230"}),
    ("zigbee2mqtt/climate@1", {"name": "hall"}, {"temperature": 21.5, "battery": 80}, {"3303/0/5700": "21.5", "3/0/9": "80"}),
    ("tts/lht65@1", {"application": "app1@ttn", "device": "cellar"}, {"temperature": 4.25, "humidity": 61.5}, {"3303/0/5700": "4.25", "3304/0/5700": "61.5"}),
]


def test_simulate_plays_devices_of_shipped_profiles(stage):
    broker = Broker(stage).start()
    profiles = os.path.join(ROOT, "mapping", "profiles")
    lines, players = "", []
    for number, (profile, params, values, _) in enumerate(PLAYED):
        lines += f"  - {{id: d{number}, prefix: d{number}, profile: {profile}, link: house, set: {json.dumps(params)}}}\n"
        arguments = [word for name, value in params.items() for word in ("--param", f"{name}={value}")]
        arguments += [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
        players.append(stage.add(plant.Gateway("simulate", profile.split("@")[0], "--tcp", f"127.0.0.1:{broker.port}", "--profiles", profiles, *arguments)))
        players[-1].wait_line("speaking to mqtt 127.0.0.1")
    peer, gateway = site(stage, broker, more="devices:\n" + lines, options=("--profiles", profiles))
    gateway.wait_line("link 'house' up")
    for number, (_, _, values, expected) in enumerate(PLAYED):
        for name, value in values.items():  # said anew, since telemetry is not retained
            players[number].send(f"set {name}={value}")
        for path, value in expected.items():
            peer.wait_value(f"/d{number}/{path}", value)
    equal(peer.code("write /d0/3312/0/5850 1"), "2.04", "the played plug does what it is told, and says so")
    players[0].wait_line("cmnd/plug/POWER ON")
    equal(peer.read("/d0/3312/0/5850"), "1", "the relay")
    mark = players[0].mark()
    broker.kill()
    players[0].wait_line("no broker: .*; again in 2 s", 10, mark)
    broker.start()
    gateway.wait_line("link 'house' up", 10, gateway.mark() - 1)
    until("its power", lambda: (players[0].send("set power=43"), peer.read("/d0/3305/0/5800") == "43")[1], 20)
    status, out, err = plant.run_verb("simulate", "sparkplug/node", "--tcp", f"127.0.0.1:{broker.port}", "--profiles", profiles, "--param", "group=g", "--param", "node=n", "--param", "metric=m", "--param", "object=3303/0", "--param", "unit=Cel")
    check(status != 0 and "Sparkplug" in out + err, f"why it cannot be played: {out}{err}")


def test_verbs_for_a_broker(stage):
    broker = Broker(stage).start()
    device = Device(stage, broker)
    peer, gateway = site(stage, broker, options=("--socket", stage.path("socket")))
    gateway.wait_line("link 'house' up")
    broker.say("tele/plug/SENSOR", '{"t":21.5,"p":60}')
    peer.wait_value(POWER, "60")

    def verb(name, *arguments, status=0):
        ended, out, err = plant.run_verb(name, "--socket", stage.path("socket"), *arguments)
        equal(ended, status, f"status of {name}, which said:\n{out}{err}\n")
        return out + err

    reading = stage.add(plant.Gateway("read", "--socket", stage.path("socket"), "plug/power"))
    until("a message for it", lambda: (broker.say("tele/plug/SENSOR", '{"t":21.5,"p":62}'), time.sleep(0.2), not reading.running())[2], 10)
    equal(reading.wait_exit(1), 0, "read: " + reading.text())
    check("62" in reading.text() and '"p":62' in reading.text(), "the value and the payload: " + reading.text())
    broker.say("tele/plug/INFO", '{"up":5}', retain=True)
    check(verb("read", "--link", "house", "--at", "tele/plug/INFO").startswith('tele/plug/INFO (retained): {"up":5}'), "a topic that no profile names")
    check("--force" in verb("write", "--link", "house", "--at", "cmnd/plug/LED", "on", status=2), "past all profiles only by force")
    verb("write", "--link", "house", "--at", "cmnd/plug/LED", "on", "--force")
    until("the message", lambda: device.heard("cmnd/plug/LED on"), 5)
    tracing = stage.add(plant.Gateway("trace", "--socket", stage.path("socket"), "house", "--count", "3"))
    time.sleep(0.5)
    writing = stage.add(plant.Gateway("write", "--socket", stage.path("socket"), "plug/relay", "true"))
    until("the command", lambda: device.heard("cmnd/plug/POWER ON"), 5)
    broker.say("stat/plug/RESULT", '{"POWER":"ON"}')
    equal(writing.wait_exit(5), 0, "write: " + writing.text())
    broker.say("tele/plug/SENSOR", '{"t":22,"p":61}')
    tracing.wait_exit(5)
    check("-> cmnd/plug/POWER" in tracing.text() and "<- stat/plug/RESULT" in tracing.text(), tracing.text())
    # A stranger of a known kind beside the plug: the scan tells the topic and the profile that fits.
    broker.say("tasmota/discovery/B4E62D000001/config", json.dumps({"mac": "B4E62D000001", "md": "Plug", "sw": "14.1.0", "t": "other"}), retain=True)
    found = json.loads(verb("scan", "house", "--json", "--option", "for=2s", "--profiles", os.path.join(ROOT, "mapping", "profiles")))["found"]
    line = next(one["line"] for one in found if one["key"] == "B4E62D000001")
    check(re.fullmatch(r'- \{id: "house-B4E62D000001", profile: tasmota/\S+@\d+, link: "house", set: \{topic: "other", .*serial: "B4E62D000001".*\}\}', line), line)
    broker.say("zigbee2mqtt/bridge/devices", json.dumps([{"ieee_address": "0x01", "friendly_name": "hall", "definition": {"model": "WSDCGQ11LM", "vendor": "Aqara"}}]), retain=True)
    found = json.loads(verb("scan", "house", "--json", "--option", "for=2s", "--profiles", os.path.join(ROOT, "mapping", "profiles")))["found"]
    check(any(any(p.startswith("zigbee2mqtt/") for p in one["profiles"]) for one in found if one["key"] == "0x01"), found)


def test_hostile_messages_harm_nobody(stage):
    broker = Broker(stage).start()
    peer, gateway = site(stage, broker)
    gateway.wait_line("link 'house' up")
    for payload in ("{", "[" * 5000, '{"t":"warm"}', '{"t":{}}', "\x01\x02", '{"t":1e999}', "x" * 300000):
        path = stage.write("payload", payload)
        subprocess.run(["mosquitto_pub", "-p", str(broker.port), "-t", "tele/plug/SENSOR", "-f", path], check=True, timeout=10)
    with open(stage.path("payload"), "wb") as f:
        f.write(b"\xff\xfe\x00" * 100)
    subprocess.run(["mosquitto_pub", "-p", str(broker.port), "-t", "tele/plug/SENSOR", "-f", stage.path("payload")], check=True, timeout=10)
    broker.say("tele/plug/SENSOR", '{"t":21.5,"p":60}')
    peer.wait_value(POWER, "60")


def test_tasmota_devices_are_found(stage):
    broker = Broker(stage).start()
    rule = """\
discover:
  - name: tasmota plugs
    link: house
    topic: tasmota/discovery/+/config
    when: {/md: "*Plug*"}
    take: {topic: /t, serial: /mac, model: /md, firmware: /sw}
    make: {id: "plug-${serial}", profile: tasmota/energy-plug@2}
    approve: auto
    limit: 5
"""
    for number in range(8):
        mac = f"B4E62D00000{number}"
        broker.say(f"tasmota/discovery/{mac}/config", json.dumps({"mac": mac, "md": "Smart Plug", "sw": "14.1.0", "t": f"p{number}"}), retain=True)
    peer, gateway = site(stage, broker, more=rule)
    gateway.wait_line("link 'house' up")
    found = until("five devices", lambda: (lambda f: f if len(f) == 5 else None)(plant.prefixes(peer)), 30)
    device, prefix = sorted(found.items())[0]

    def told():  # again and again: the link is made anew with the devices that joined
        broker.say(f"tele/p{device[-1]}/SENSOR", '{"ENERGY":{"Power":42}}')
        return peer.ask(f"read /{prefix}/3305/0/5800 accept 0").get("text") == "42"

    until("its power", told, 20)
