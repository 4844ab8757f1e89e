"""The demo's director: starts the meter, the server and the gateway, and shows only what both ends have said.

Called by config/demo/run, which builds first. Python's standard library only.
"""
import argparse
import os
import re
import secrets
import select
import shutil
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))

from harness import EventProcess, Failed, Process  # noqa: E402

BUILD = os.path.join(ROOT, "build", "release")
IDENTITY, SITE_SERVER, SITE_METER = "demo-gateway", "coaps://127.0.0.1:5684", "tcp://127.0.0.1:1502"
COLOUR = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

# What the demo touches: a point of the profile demo/meter, and where the site shows it.
POWER = ("power", "/meter/3305/0/5800")          # W, as object 3305 says
TEMPERATURE = ("temperature", "/meter/3303/0/5700")
RELAY = ("relay", "/meter/3312/0/5850")


def say(who, text):
    name = f"{who:>9}"
    print((f"\033[36m{name}\033[0m" if COLOUR else name) + "  " + text, flush=True)


def title(text):
    print("\n" + (f"\033[1m{text}\033[0m" if COLOUR else text), flush=True)


def check(condition, what):
    if not condition:
        raise Failed(what)


class Demo:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="lwm2m-gateway-demo-")
        self.meter = self.peer = self.gateway = None

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    # --- the three processes ------------------------------------------------------------------------
    def start_meter(self):
        self.meter = Process("meter", [os.path.join(BUILD, "lwm2m-gateway"), "simulate", "demo/meter", "--tcp", "127.0.0.1:0",
                                       "--set", f"{POWER[0]}=230", "--set", f"{TEMPERATURE[0]}=21.5", "--set", f"{RELAY[0]}=false"])
        self.meter_address = self.meter.wait_line(r"listening on (\S+)", 10).group(1)
        say("meter", f"simulated from the profile demo/meter, Modbus TCP on {self.meter_address}")

    def start_server(self):
        key = secrets.token_hex(16)
        self.secret(f"hex:{key}\n")
        self.peer = EventProcess("server", [os.path.join(BUILD, "tests", "lwm2m-peer"), "--psk-file", f"{IDENTITY}:{self.path('secrets', 'demo-psk')}"])
        port = self.peer.expect("ready", 10)["port"]
        self.uri = f"coaps://127.0.0.1:{port}"
        say("server", f"LwM2M over DTLS on {self.uri}, with a key made a moment ago")

    def secret(self, text):
        os.makedirs(self.path("secrets"), mode=0o700, exist_ok=True)
        with open(os.open(self.path("secrets", "demo-psk"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="latin-1") as f:
            f.write(text)

    def write_site(self):
        """config/demo/site with today's addresses."""
        shutil.copytree(os.path.join(HERE, "site"), self.path("config"))
        with open(self.path("config", "gateway.yaml"), encoding="utf-8") as f:
            text = f.read()
        replace = {SITE_SERVER: self.uri, SITE_METER: f"tcp://{self.meter_address}"}
        if self.options.server:
            replace[f"identity: {IDENTITY}"] = f'identity: "{self.options.identity or IDENTITY}"'
            if self.options.server.startswith("coap://"):
                text = re.sub(r"    security: psk\n    identity: .*\n    key: .*\n", "    security: nosec\n", text)
                del replace[f"identity: {IDENTITY}"]
        for old, new in replace.items():
            check(old in text, f"config/demo/site/gateway.yaml no longer holds {old}, which the demo replaces")
            text = text.replace(old, new)
        with open(self.path("config", "gateway.yaml"), "w", encoding="utf-8") as f:
            f.write(text)

    def start_gateway(self):
        self.write_site()
        os.makedirs(self.path("state"))
        folders = ["--config", self.path("config"), "--state", self.path("state"), "--secrets", self.path("secrets")]
        os.makedirs(self.path("secrets"), mode=0o700, exist_ok=True)
        self.gateway = Process("gateway", [os.path.join(BUILD, "lwm2m-gateway"), "run", *folders])
        say("gateway", f"started between the two, process {self.gateway.pid}, with its files in {self.folder}")

    # --- what is shown ------------------------------------------------------------------------------
    def ask(self, command, seconds=10):
        self.tag = getattr(self, "tag", 0) + 1
        self.peer.send(f"#{self.tag} {command}")
        at = self.peer.find(lambda e: e.get("tag") == str(self.tag), seconds, 0, f"answer to '{command}'")
        answer = self.peer.events[at]
        check("code" in answer, f"'{command}': {answer.get('failed', answer.get('what'))}")
        check(answer["code"].startswith("2."), f"'{command}': {answer['code']} {answer.get('text', '')}")
        return answer

    def step_registration(self):
        title("1  The gateway registers")
        event = self.peer.expect("registered", 30)
        say("server", f"{event['ep']} is here as {event['location']}: LwM2M {event['lwm2m']}, for {event['lt']} s, {event['cipher']}")
        say("server", "its own objects: " + re.sub(r"</>;[^<]*", "", event["links"]))
        check("</25>;ver=2.0" in event["links"], "object 25, the Gateway object, was not announced")
        check("meter" not in event["links"], "the meter's objects belong in object 25, not in the registration")
        self.gateway.wait_line(r"registered", 5)

    def step_devices(self):
        title("2  The server looks into object 25: who is behind it?")
        for _ in range(50):
            values = {e["path"]: e["value"] for e in self.ask("read /25 accept 110")["values"]}
            found = [path.rsplit("/", 1)[0] for path, value in values.items() if path.endswith("/1") and value == "meter"]
            if found:
                break
            time.sleep(0.1)
        check(found, f"no device with the prefix 'meter' in {values}")
        links = values[f"{found[0]}/3"]
        say("server", f"{values[found[0] + '/0']} under the prefix /meter, with {links}")
        for _, path in (POWER, TEMPERATURE, RELAY):
            check(f"<{path.removeprefix('/meter').rsplit('/', 1)[0]}>" in links, f"{path} is not among its objects")
        check("<3/0>" in links.replace("</", "<"), "it shows no object 3")

    def step_values(self):
        title("3  It reads the meter like any LwM2M device")
        for path, words in (("/meter/3/0/0", "manufacturer"), ("/meter/3/0/1", "model")):
            say("server", f"read {path:<22} {self.ask(f'read {path} accept 0')['text']:<12} {words}")
        for (point, path), wanted in ((POWER, 230), (TEMPERATURE, 21.5)):
            answer = self.wait_value(path, wanted)
            unit = "W" if point == POWER[0] else self.ask(f"read {path.rsplit('/', 1)[0]}/5701 accept 0")["text"]
            say("server", f"read {path:<22} {answer + ' ' + unit:<12} {point}")
        line = self.meter.wait_line(r"unit \d+ +read holding.*", 5).group(0)
        say("meter", f"was asked by Modbus: {line}")

    def wait_value(self, path, wanted, seconds=10):
        end = time.monotonic() + seconds
        while True:
            text = self.ask(f"read {path} accept 0")["text"]
            if abs(float(text) - float(wanted)) < 1e-6:
                return text
            check(time.monotonic() < end, f"{path} is {text}, although the meter has {wanted}")
            time.sleep(0.1)

    def step_relay(self):
        title("4  It switches the meter's relay on")
        path = RELAY[1]
        check(self.ask(f"read {path} accept 0")["text"] == "0", "the relay is on already")
        mark = self.meter.mark()
        answer = self.ask(f"write {path} 1")
        say("server", f"write {path} 1: {answer['code']}")
        say("meter", "was told by Modbus: " + self.meter.wait_line(r"unit \d+ +write .*", 5, mark).group(0))
        check(self.ask(f"read {path} accept 0")["text"] == "1", "the relay reads as off after it was switched on")
        say("server", f"read {path}: 1")

    def step_notification(self):
        title("5  It observes the power, and the meter's power changes")
        point, path = POWER
        answer = self.ask(f"observe {path} accept 0")
        check("observe" in answer, "the gateway did not accept the observation")
        say("server", f"observe {path}: {answer['text']} for now")
        mark = self.meter.mark()
        self.meter.send(f"set {point}=512.5")
        self.meter.wait_line(rf"^set {point}=512\.5", 5, mark)
        say("meter", f"its {point} is 512.5 from now on")
        at = self.peer.find(lambda e: e["ev"] == "notification" and e["path"] == path and float(e["text"]) == 512.5, 15,
                            self.peer.cursor, f"notification of {path} = 512.5")
        say("server", f"notification: {path} = {self.peer.events[at]['text']}")
        self.ask(f"cancel {path}")

    def foreign_server(self):
        title("The gateway registers")
        print("    waiting for " + self.uri, flush=True)
        try:
            line = self.gateway.wait_line(r"registered as.*", 60).group(0)
        except Failed:
            raise Failed(f"no registration with {self.uri} within 60 s. The gateway says:\n{self.gateway.tail(8)}\n"
                         "Is the address right, does the server know this endpoint (demo-gateway), identity and key?") from None
        say("gateway", line)
        title("Now at that server: read object 25, then for example")
        for _, path in (POWER, TEMPERATURE, RELAY):
            print("    " + path)

    # --- the prompt ---------------------------------------------------------------------------------
    def prompt(self):
        title("The prompt")
        if self.peer:
            self.peer.send("human")
            print("    devices | read PATH | write PATH VALUE | observe PATH | cancel PATH | discover PATH | execute PATH | help")
        print(f"    set {POWER[0]}=300 changes the meter itself; log shows the gateway's; quit ends everything\n", flush=True)
        stop = threading.Event()
        threading.Thread(target=self.show_lines, args=(stop,), daemon=True).start()
        try:
            while self.everybody_lives():
                print("> ", end="", flush=True)
                while not select.select([sys.stdin], [], [], 0.5)[0]:
                    if not self.everybody_lives():
                        return
                line = sys.stdin.readline()
                words = line.split()
                if not line or words[:1] in (["quit"], ["exit"]):
                    return
                if words[:1] == ["set"]:
                    self.meter.send(line.strip())
                elif words[:1] == ["log"]:
                    print("\n".join(self.gateway.lines[-20:]))
                elif words and self.peer:
                    self.peer.send(line.strip())
                elif words:
                    print("  only set, log and quit here: the server is somebody else's")
                time.sleep(0.3)  # the answer comes before the next prompt, as a rule
        finally:
            stop.set()

    def show_lines(self, stop):
        at = {p: p.mark() for p in (self.peer, self.meter, self.gateway) if p}
        while not stop.wait(0.05):
            for process in at:
                for line in process.lines[at[process]:]:
                    at[process] += 1
                    if process is self.meter and not re.search(r" write |^set |^error", line):
                        continue  # its polls would fill the screen
                    if process is self.gateway and not re.search(r"(?i)\b(warn|error|critical)", line):
                        continue
                    print("\r" + (line if process is self.peer else f"  {process.name}: {line}"), flush=True)

    def everybody_lives(self):
        for process in (self.meter, self.peer, self.gateway):
            if process and not process.running():
                raise Failed(f"the {process.name} has ended by itself\n{process.tail(10)}")
        return True

    def run(self):
        title("lwm2m-gateway: a Modbus meter becomes an LwM2M device")
        if self.options.server:
            self.uri = self.options.server
            if self.options.key_file:
                with open(self.options.key_file, encoding="latin-1") as f:
                    self.secret(f.read())
            self.start_meter()
            self.start_gateway()
            self.foreign_server()
        else:
            self.start_meter()
            self.start_server()
            self.start_gateway()
            steps = (self.step_registration, self.step_devices, self.step_values, self.step_relay, self.step_notification)
            for step in steps:
                step()
                self.everybody_lives()
            title(f"All {len(steps)} steps were seen at both ends.")
        if not self.options.once:
            self.prompt()

    def end(self, failed):
        if failed:
            for process in (self.gateway, self.peer, self.meter):
                if process:
                    print(process.tail(12), file=sys.stderr)
        for process in (self.gateway, self.peer, self.meter):  # the gateway first, so that it can de-register
            if process:
                process.stop(5)
        shutil.rmtree(self.folder, ignore_errors=True)


def options():
    parser = argparse.ArgumentParser(prog="config/demo/run", description="A simulated Modbus meter becomes an LwM2M device, while you watch.")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--server", metavar="URI")
    parser.add_argument("--identity", metavar="NAME")
    parser.add_argument("--key-file", metavar="FILE")
    given = parser.parse_args()
    if given.server and not re.match(r"coaps?://[^/]+$", given.server):
        parser.error("--server takes coap://HOST[:PORT] or coaps://HOST[:PORT]")
    if given.server and given.server.startswith("coaps://") and not given.key_file:
        parser.error("a coaps:// server needs --key-file (and --identity, if it is not demo-gateway)")
    if (given.identity or given.key_file) and not given.server:
        parser.error("--identity and --key-file belong to --server")
    if given.key_file and not os.path.isfile(given.key_file):
        parser.error(f"--key-file: there is no file {given.key_file}")
    return given


def main():
    demo = Demo(options())
    failed = True
    try:
        demo.run()
        failed = False
    except Failed as why:
        print(f"\ndemo: {why}", file=sys.stderr)
    except KeyboardInterrupt:
        print()
        failed = None
    finally:
        demo.end(failed)
    return 0 if failed is False else 130 if failed is None else 1


if __name__ == "__main__":
    sys.exit(main())
