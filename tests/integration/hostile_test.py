"""Hostile datagrams at the gateway's own port: it lives, stays small and does not amplify."""
import json
import os
import subprocess
import sys

from harness import FAULTKIT, check, equal, resident_kb
from plant import Plant

PSK = ("gw-1", "5f0c1e2d3b4a59687786a5b4c3d2e1f0")


def garbage(plant, *options):
    port = plant.registration["peer"].rsplit(":", 1)[1]  # where the gateway's datagrams come from
    return subprocess.run([sys.executable, os.path.join(FAULTKIT, "coap_garbage.py"), "--to", port, "--rate", "5000", "--probe", "none", "--pid",
                           str(plant.gateway.pid), *map(str, options)], capture_output=True, text=True, timeout=280, check=False)


def footprint(plant):
    """Resident kB and open descriptors."""
    return resident_kb(plant.gateway.pid), len(os.listdir(f"/proc/{plant.gateway.pid}/fd"))


def still_well(plant, before):
    check(plant.gateway.running(), "the gateway ended\n" + plant.gateway.tail())
    plant.peer.wait_value("/plant/3303/0/5700", "21.3")
    grown, more = (now - then for now, then in zip(footprint(plant), before))
    check(grown < 2048, f"it grew by {grown} kB")
    check(more <= 0, f"{more} more descriptors are open")
    print(f"        memory {grown:+d} kB, descriptors {more:+d}", flush=True)


def every_family_was_sent(done):
    import coap_garbage
    check(done.returncode == 0, done.stdout[-2000:] + done.stderr)
    missing = [name for name in coap_garbage.CATEGORIES if f'"{name}"' not in done.stdout]
    check(not missing, f"not sent: {missing}")


def test_strangers_datagrams(stage):
    plant = Plant(stage).ready()
    garbage(plant, "--count", 50)  # what is allocated once is allocated
    before = footprint(plant)
    every_family_was_sent(garbage(plant, "--count", 400, "--seed", 3))
    still_well(plant, before)
    lines = plant.gateway.lines
    check(len(lines) < 3000, f"{len(lines)} log lines for datagrams of strangers")


def test_datagrams_in_the_servers_name(stage):
    """The worst: from the server's own address and port, as an attacker on the path could."""
    plant = Plant(stage).ready()
    chaos = stage.tool("udp_chaos", "--listen", 0, "--to", plant.peer.port)
    plant.gateway.stop()
    plant.uri = f"coap://127.0.0.1:{chaos.ready['listen']}"
    plant.write_site()
    plant.start()
    plant.peer.wait_value("/plant/3303/0/5700", "21.3")
    import coap_garbage
    import random
    before = None
    for round_ in range(2):
        for name, make in coap_garbage.CATEGORIES.items():
            for i in range(60):
                r = random.Random(f"{round_}/{name}/{i}")
                data = make(r, i)
                if data and len(data) < 30000:  # what one control line holds
                    chaos.ctl(f"inject down {bytes(data).hex()}")
            check(plant.gateway.running(), f"the gateway ended at {name}\n" + plant.gateway.tail())
        plant.peer.wait_value("/plant/3303/0/5700", "21.3", 30)
        before = before or footprint(plant)
    still_well(plant, before)


def test_garbage_at_a_dtls_port(stage):
    plant = Plant(stage, psk=PSK).ready()
    garbage(plant, "--count", 50)
    before = footprint(plant)
    every_family_was_sent(garbage(plant, "--count", 300, "--seed", 9))
    still_well(plant, before)


def test_many_requests_do_not_pile_up(stage):
    plant = Plant(stage).ready()
    plant.slaves.ctl("fault silent fc=5 count=0")
    tags = [plant.peer.begin("write /plant/3312/0/5850 1") for _ in range(200)]
    codes = {plant.peer.result(tag, 120).get("code", "failed") for tag in tags}
    check(codes <= {"5.03", "5.04"}, codes)
    plant.peer.wait_value("/plant/3303/0/5700", "21.3")
