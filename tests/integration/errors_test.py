"""The codes that a server gets (gateway digest 11), for what is not there and for what the device says."""
from harness import check, equal
from plant import Plant, unit


def test_what_is_not_there(stage):
    plant = Plant(stage).ready()
    for path in ("/nobody/3/0", "/nobody/3303/0/5700", "/plant/3304/0", "/plant/3303/1", "/plant/3303/0/5699", "/plant/25", "/plant/1",
                 "/4711", "/3/1", "/Plant/3303/0"):
        equal(plant.peer.code(f"read {path}"), "4.04", path)
    equal(plant.peer.code("write /nobody/3312/0/5850 1"), "4.04")
    equal(plant.peer.code("execute /nobody/3/0/4"), "4.04")
    equal(plant.peer.code("discover /nobody/3"), "4.04")


def test_what_is_not_allowed(stage):
    plant = Plant(stage).ready()
    equal(plant.peer.code("write /plant/3303/0/5700 20"), "4.05", "a sensor value is read-only")
    equal(plant.peer.code("execute /plant/3303/0/5700"), "4.05", "a value is not executed")
    equal(plant.peer.code("read /plant/3303/0/5605"), "4.05", "an executable is not read")
    equal(plant.peer.code("write /plant/3/0/0 Other"), "4.05")
    equal(plant.peer.code("raw GET /plant"), "4.05", "a prefix without an object")
    equal(plant.peer.code("raw DELETE /plant/3303/0"), "4.05")
    check(plant.peer.code("read /plant/3303/0/5700/0/1") in ("4.04", "4.05"), "too deep")
    equal(plant.peer.code("read /0/0/0"), "4.01", "the Security object")


def test_composites_are_refused_by_name(stage):
    plant = Plant(stage).ready()
    body = b'[{"n":"/plant/3303/0/5700"}]'
    check(plant.peer.code(f"raw FETCH / cf 320 accept 110 payload {body.hex()}") in ("2.05", "4.05"), "Read-Composite")
    check(plant.peer.code(f"raw IPATCH / cf 110 payload {b'[]'.hex()}") in ("2.04", "4.00", "4.05"), "Write-Composite")


def test_modbus_exceptions_have_their_codes(stage):
    plant = Plant(stage).ready()
    for instance, wanted in ((11, "4.05"), (12, "4.04"), (13, "4.00"), (14, "5.00"), (16, "5.03")):
        path = f"/plant/3308/{instance}/5900"
        equal(plant.peer.code(f"read {path} accept 0"), wanted, f"read with exception {instance - 10}")
        equal(plant.peer.code(f"write {path} 1"), wanted, f"write with exception {instance - 10}")
    plant.peer.wait_value("/plant/3303/0/5700", "21.3")  # the rest of the device is none the worse


def test_a_dead_unit_answers_5_03_or_5_04_and_the_living_keeps_its_pace(stage):
    devices = ["{id: living, profile: test/plant@1, link: field, unit: 1, prefix: plant}",
               "{id: dead, profile: test/plant@1, link: field, unit: 2, prefix: dead}"]
    plant = Plant(stage, units={1: unit(), 2: unit()}, devices=devices)
    plant.slaves.ctl("fault silent unit=2 count=0")
    plant.ready()
    code = plant.peer.code("read /dead/3303/0/5700")
    check(code in ("5.03", "5.04"), code)
    check(plant.peer.code("write /dead/3312/0/5850 1") in ("5.03", "5.04"), "a write to it")
    plant.slaves.ctl("forget")
    plant.slaves.tool.find(lambda e: False, 0.01, 0) if False else None
    import time
    time.sleep(4)  # what is measured is a rate
    polls = [r for r in plant.slaves.requests(unit=1, fc=3) if r["addr"] == 0]
    check(len(polls) >= 14, f"{len(polls)} polls of the living one in 4 s at 200 ms")
    gaps = [b["t_first"] - a["t_first"] for a, b in zip(polls, polls[1:])]
    check(max(gaps) < 0.9, f"the living one waited {max(gaps):.2f} s")
    asked = len(plant.slaves.requests(unit=2))
    check(asked <= 12, f"the dead one was asked {asked} times in 4 s")


def test_one_dead_unit_on_a_serial_line(stage):
    devices = ["{id: living, profile: test/plant@1, link: field, unit: 1, prefix: plant}",
               "{id: dead, profile: test/plant@1, link: field, unit: 9, prefix: dead}"]
    plant = Plant(stage, rtu=True, devices=devices, timeout="150ms").ready()  # nobody has number 9 there
    check(plant.peer.code("read /dead/3303/0/5700") in ("5.03", "5.04"), "the dead one")
    plant.slaves.set(1, "holding", 0, 240)
    plant.peer.wait_value("/plant/3303/0/5700", "24", 3)
