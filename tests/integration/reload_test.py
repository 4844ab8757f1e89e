"""The files change while the gateway runs, and SIGHUP tells it: what is new appears, what went is gone, all else runs on."""
import os
import signal

import formats
from harness import check, equal
from plant import Plant, prefixes, unit

TEMPERATURE = "/plant/3303/0/5700"
FIRST = "{id: plant-1, profile: test/plant@1, link: field, unit: 1, prefix: plant}"
SECOND = "{id: plant-2, profile: test/plant@1, link: field, unit: 2, prefix: annex}"

# One temperature that is read otherwise.
OTHER_PROFILE = """\
format: 1
profile: test/other
revision: 1
title: Only its temperature
protocol: modbus
modbus: {addresses: zero, order: ABCD}
points:
  temperature: {at: "holding:0", type: int16, scale: 0.01, unit: Cel, every: 200ms, to: 3303/0}
"""


def two_units(stage, devices):
    return Plant(stage, units={1: unit(), 2: unit()}, devices=devices).ready()


def reload(plant, devices):
    """Writes the site's devices, and waits for what the gateway says of them."""
    plant.devices = devices
    plant.write_site()
    mark = plant.gateway.mark()
    plant.gateway.signal(signal.SIGHUP)
    return plant.gateway.wait_line(r"reload: (.*)", 15, mark).group(1)


def announced(event):
    return {path for path in formats.links(event["links"]) if path.startswith("/25/")}


def test_a_device_is_added(stage):
    plant = two_units(stage, [FIRST])
    equal(plant.peer.code("read /annex/3303/0/5700"), "4.04")
    said = reload(plant, [FIRST, SECOND])
    check("1 added (plant-2), 1 kept" in said, said)
    plant.peer.wait_value("/annex/3303/0/5700", "21.3")
    equal(announced(plant.peer.expect("updated", 15)), {"/25/0", "/25/1"}, "instances in the Update")
    equal(prefixes(plant.peer), {"plant-1": "plant", "plant-2": "annex"})
    equal(plant.peer.code("write /annex/3312/0/5850 1"), "2.04")
    equal(plant.slaves.get(2, "coils", 0), [1])


def test_a_device_is_removed_and_its_observers_hear_4_04(stage):
    plant = two_units(stage, [FIRST, SECOND])
    plant.peer.wait_value("/annex/3303/0/5700", "21.3")
    for path in ("/annex/3303/0/5700", "/annex/3308/0/5900", TEMPERATURE):
        equal(plant.peer.ask(f"observe {path} accept 0")["code"], "2.05")
    said = reload(plant, [FIRST])
    check("1 removed (plant-2), 1 kept" in said, said)
    for path in ("/annex/3303/0/5700", "/annex/3308/0/5900"):
        at = plant.peer.find(lambda e, p=path: e["ev"] == "notification" and e["path"] == p, 10, 0, f"end of {path}")
        equal(plant.peer.events[at]["code"], "4.04", f"notification of {path}")
    equal(announced(plant.peer.expect("updated", 15)), {"/25/0"}, "instances in the Update")
    plant.peer.catch_up()
    plant.slaves.set(1, "holding", 0, 250)  # what stays is observed on
    equal(plant.peer.expect("notification", 5, path=TEMPERATURE)["text"], "25")
    equal(plant.peer.code("read /annex/3303/0/5700"), "4.04")
    check(len(plant.peer.passed("notification", code="4.04")) == 2, "one 4.04 for each observation")


def test_a_removed_device_keeps_its_name_for_when_it_is_back(stage):
    plain = [d.replace(", prefix: plant", "").replace(", prefix: annex", "") for d in (FIRST, SECOND)]
    third = "{id: plant-3, profile: test/plant@1, link: field, unit: 2}"
    plant = Plant(stage, units={1: unit(), 2: unit()}, devices=plain).start()
    plant.peer.wait_value("/dev1/3303/0/5700", "21.3")
    reload(plant, [plain[0]])
    reload(plant, [plain[0], third])
    equal(prefixes(plant.peer), {"plant-1": "dev0", "plant-3": "dev2"})
    reload(plant, plain)
    equal(prefixes(plant.peer), {"plant-1": "dev0", "plant-2": "dev1"})


def test_a_device_becomes_another_thing(stage):
    plant = two_units(stage, [FIRST, SECOND])
    plant.peer.wait_value("/annex/3308/0/5900", "16")
    plant.peer.ask("observe /annex/3308/0/5900 accept 0")
    plant.peer.ask("observe /annex/3303/0/5700 accept 0")
    stage.write("config/profiles/test/other.yaml", OTHER_PROFILE)
    said = reload(plant, [FIRST, SECOND.replace("test/plant@1", "test/other@1")])
    check("1 changed (plant-2), 1 kept" in said, said)
    at = plant.peer.find(lambda e: e["ev"] == "notification" and e["path"] == "/annex/3308/0/5900", 10, 0, "end of what went")
    equal(plant.peer.events[at]["code"], "4.04")
    plant.peer.find(lambda e: e["ev"] == "notification" and e["path"] == "/annex/3303/0/5700" and e.get("text") == "2.13", 10)
    equal(prefixes(plant.peer), {"plant-1": "plant", "plant-2": "annex"})
    equal(plant.peer.read("/plant/3303/0/5700"), "21.3")


def test_with_mistakes_in_the_files_everything_runs_on(stage):
    plant = two_units(stage, [FIRST, SECOND])
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    said = reload(plant, [FIRST.replace("unit: 1", "unit: 900"), SECOND.replace("@1", "@7")])
    check("2 mistakes in the files" in said, said)
    plant.slaves.set(1, "holding", 0, 240)
    equal(plant.peer.expect("notification", 5, path=TEMPERATURE)["text"], "24")
    plant.peer.wait_value("/annex/3303/0/5700", "21.3")
    check("2 kept; links: 1 kept" in reload(plant, [FIRST, SECOND]), "the old files again")


def test_nothing_changed_is_not_noticed(stage):
    plant = two_units(stage, [FIRST, SECOND])
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    opened = plant.gateway.text().count("link 'field' up")
    for _ in range(5):
        said = reload(plant, [SECOND, FIRST])
        check("2 kept; links: 1 kept" in said, said)
    equal(plant.gateway.text().count("link 'field' up"), opened, "times that the link was opened")
    plant.peer.none("notification", 1)
    check(not plant.peer.passed("updated"), "no Update")


def test_values_are_neither_lost_nor_told_twice_while_it_reloads(stage):
    plant = two_units(stage, [FIRST, SECOND])
    equal(plant.peer.ask(f"observe {TEMPERATURE} accept 0")["text"], "21.3")
    third = "{id: third, profile: test/plant@1, link: field, unit: 3}"
    told = []
    for number in range(8):
        plant.slaves.set(1, "holding", 0, 300 + number)
        reload(plant, [FIRST, SECOND] + ([third] if number % 2 else []))
        told.append(plant.peer.expect("notification", 10, path=TEMPERATURE)["text"])
    equal(told, ["30", *(f"30.{n}" for n in range(1, 8))])
    plant.peer.none("notification", 1, path=TEMPERATURE)


def test_many_reloads_leave_nothing_behind(stage):
    plant = two_units(stage, [FIRST, SECOND])

    def descriptors():
        return len(os.listdir(f"/proc/{plant.gateway.pid}/fd"))

    reload(plant, [FIRST])
    reload(plant, [FIRST, SECOND])
    plant.peer.wait_value("/annex/3303/0/5700", "21.3")
    before = descriptors()
    for _ in range(20):
        reload(plant, [FIRST])
        reload(plant, [FIRST, SECOND])
    plant.peer.wait_value("/annex/3303/0/5700", "21.3")
    equal(descriptors(), before, "open files")
    plant.gateway.signal(signal.SIGTERM)
    equal(plant.gateway.wait_exit(), 0, "exit status")
