"""What grows with the number of end devices: `tests/bench/run --curves`.

Each site has N simulated devices of ten resources that are polled once in ten seconds, each at its own time: nine values and a
set point. The observation table has sites whose every value is new in each second.

The aims are those of a gateway with 10,000 devices on one core; what misses one is marked. CPU time is what the program used,
kernel included, so that other load on the machine hardly counts; rates are what was left over by it and by the generator.
"""

import json
import os
import socket
import statistics
import subprocess
import sys

PROFILE = """\
format: 1
profile: bench/ten
revision: 1
title: Nine values and a set point
protocol: sim
points:
{values}
  set_point: {{sim: {{value: 1.0}}, to: 3308/0/5900, write: {{}}}}
device: {{manufacturer: Bench, model: Ten}}
"""
STILL = "  t{n}: {{sim: 2{n}.5, to: 3303/{n}/5700}}"
MOVING = "  t{n}: {{sim: {{wave: sine, amp: 1000, period: 97s, digits: 6}}, every: 1s, to: 3303/{n}/5700}}"


class Site:
    def __init__(self, scratch, devices, moving=False):
        self.devices = devices
        self.folder = scratch / f"ten-{devices}{'-moving' if moving else ''}"
        for part in ("devices.d", "profiles/bench"):
            (self.folder / part).mkdir(parents=True)
        values = "\n".join((MOVING if moving else STILL).format(n=n) for n in range(9))
        (self.folder / "profiles/bench/ten.yaml").write_text(PROFILE.format(values=values))
        lines = [f"  - {{id: d{n}, prefix: d{n}, profile: bench/ten@1, link: bench}}" for n in range(devices)]
        (self.folder / "devices.d/all.yaml").write_text("format: 1\ndevices:\n" + "\n".join(lines) + "\n")

    def serve(self, port):
        (self.folder / "gateway.yaml").write_text(
            f"format: 1\ngateway: bench\nservers:\n"
            f"  main: {{uri: \"coap://127.0.0.1:{port}\", security: nosec, lifetime: 5m}}\n"
            f"links:\n  bench: {{sim: bench}}\nlog: {{level: warn}}\n")


class Curves:
    def __init__(self, load, program, scratch, seconds):
        self.load, self.program, self.scratch, self.seconds = load, program, scratch, seconds
        self.failures = 0
        self.missed = []
        self.others = []  # CPUs that other processes used, by run

    def run(self, site, what, *arguments, mode="load"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        site.serve(port)
        command = [self.load, mode, "--bind", f"127.0.0.1:{port}",
                   "--spawn", f"{self.program} run --config {site.folder} --socket none", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0 or not done.stdout.strip():
            self.failures += 1
            print(f"bench: {site.devices} devices, {what}: {done.stderr.strip() or f'status {done.returncode}'}", file=sys.stderr)
        if not done.stdout.strip():
            return None
        result = json.loads(done.stdout)
        for its in result.get("runs", []) if mode == "load" else []:
            self.others.append(its["other_cpu_share"])
            if its["errors"] + its["stale"]:
                self.failures += 1
                print(f"bench: {site.devices} devices, {what}: {its['errors']} errors, {its['stale']} stale answers",
                      file=sys.stderr)
        return result

    def drive(self, site, what, *arguments):
        return self.run(site, what, "--settle", 1, "--duration", self.seconds, "--warmup", 0.5, *arguments)

    def files(self, site):
        """CPU ms of reading and checking the files alone."""
        site.serve(1)
        spent = []
        for _ in range(5):
            before = os.times()
            subprocess.run([self.program, "check", "--config", site.folder], check=True, stdout=subprocess.DEVNULL)
            after = os.times()
            spent.append(after.children_user - before.children_user + after.children_system - before.children_system)
        return statistics.median(spent) * 1000

    def held(self, what, value, most=None, least=None, text="{:,.0f}"):
        cell = text.format(value)
        if (most is None or value < most) and (least is None or value >= least):
            return cell
        self.missed.append(f"{what}: {cell}, wanted {f'under {most:,}' if most is not None else f'{least:,} at least'}")
        return cell + " !"

    def sizes(self, counts):
        rows, resident = [], {}
        for count in counts:
            site = Site(self.scratch, count)
            name = f"{count:,} devices"
            files = self.files(site)
            start = self.run(site, "start", "--runs", 5, "--settle", 0.02, mode="register")
            reads = self.drive(site, "reads", "--paths", f"/d{{0..{count - 1}}}/3303/0/5700", "--window", 64)
            listing = self.drive(site, "GET /25", "--paths", "/25", "--accept", "senml-cbor", "--window", 4)
            several = [f"/d{n % count}/3303/{n % 9}/5700" for n in range(10)]
            composite = self.drive(site, "Read-Composite", "--op", "fetch", "--paths", ",".join(several), "--window", 64)
            points = f"/d{{0..{min(count, 1000) - 1}}}/3308/0/5900"
            told = self.drive(site, "notifications by writes", "--op", "observe", "--paths", points, "--drive-put", points,
                              "--value", "{n}", "--window", 64)
            if None in (start, reads, listing, composite, told):
                continue
            idle = resident[count] = reads["idle"]["private_dirty_kb"]
            fewest = min(resident)
            each = (idle - resident[fewest]) * 1024 / (count - fewest) if count > fewest * 5 else None
            run = {key: result["runs"][0] for key, result in
                   {"reads": reads, "listing": listing, "composite": composite, "told": told}.items()}
            cpu = {key: its["target"]["cpu_us_per_request"] for key, its in run.items()}
            both = run["told"]
            a_notification = (both["target"]["user_s"] + both["target"]["sys_s"]) * 1e6 / max(both["notifications"], 1)
            rows.append([
                f"{count:,}",
                f"{files:.0f}", self.held(f"{name}, CPU ms from there to registered", max(start["median_cpu_ms"] - files, 0), most=100),
                self.held(f"{name}, resident MB", reads["idle"]["rss_kb"] / 1024, most=60, text="{:.1f}"),
                "" if each is None else self.held(f"{name}, bytes of each", each, most=3000),
                f"{run['reads']['rps']:,.0f}", f"{cpu['reads']:.1f}",
                self.held(f"{name}, CPU ms of GET /25", cpu["listing"] / 1000, most=5 if count <= 1000 else None, text="{:.2f}"),
                f"{run['composite']['rps']:,.0f}",
                self.held(f"{name}, Read-Composites in a second of CPU", 1e6 / max(cpu["composite"], 0.1), least=20000),
                f"{both['notifications_per_s']:,.0f}",
                self.held(f"{name}, notifications by writes in a second of CPU", 1e6 / max(a_notification, 0.1), least=40000),
            ])
            print(f"{name} done", file=sys.stderr, flush=True)
        return ["devices", "CPU ms to read the files", "from there to registered", "resident MB", "bytes of each", "reads/s", "CPU µs", "GET /25, CPU ms",
                "composites/s", "in a CPU second", "notified writes/s", "in a CPU second"], rows

    def observed(self, largest):
        """Sites of 9 values a device, all new in each second; more and more of them observed."""
        rows = []
        for devices, watched in ((112, 0), (112, 100), (112, 1000), (1112, 0), (1112, 100), (1112, 1000), (1112, 10000)):
            if watched > largest:
                continue
            folder = self.scratch / f"ten-{devices}-moving"
            site = self.moving.get(devices) or self.moving.setdefault(devices, Site(folder.parent, devices, moving=True))
            whole, rest = divmod(watched, 9)
            paths = [f"/d{{0..{whole - 1}}}/3303/{n}/5700" for n in range(9)] if whole else []
            paths += [f"/d{whole}/3303/{n}/5700" for n in range(rest)]
            listen = ("--op", "observe", "--write-attr", "pmin=0") if watched else ("--op", "get", "--rate", 1, "--paths", "/3/0/13")
            result = self.run(site, f"{watched} observed", *listen, *(("--paths", ",".join(paths)) if watched else ()),
                              "--settle", 3, "--warmup", 3, "--duration", max(10, self.seconds))
            if result is None:
                continue
            run = result["runs"][0]
            rate, share = run.get("notifications_per_s", 0), run["target"]["cpu_share"]
            if watched == 0:
                base = share
            beside = f"{(share - base) * 1e6 / watched:.1f}" if watched else ""
            most = 0.10 if watched == 1000 and devices == 112 else None
            rows.append([f"{devices * 9:,}", f"{watched:,}",
                         self.held(f"{watched:,} observed, notifications/s", rate, least=0.97 * watched),
                         self.held(f"{watched:,} observed, share of a core", share, most=most, text="{:.3f}"), beside])
        return ["values new in each second", "of them observed", "notifications/s", "share of a core",
                "more for each observed, CPU µs a second"], rows

    def measure(self, counts, table):
        self.moving = {}
        sizes = self.sizes(counts)
        observed = self.observed(max(counts))
        table(*sizes)
        table(*observed)
        others = statistics.median(self.others) if self.others else 0
        print(f"other processes used {others:.2f} CPUs meanwhile; 4 transfers of /25 and 64 of the rest were under way at once")
        for line in self.missed:
            print(f"! {line}")
        return self.failures
