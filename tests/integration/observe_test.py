"""Observe, notifications, both ways to cancel (RFC 7641, OMA Core 1.2 6.4)."""
import math
import time

import formats
from harness import check, equal
from plant import KINDS, Plant

TEMPERATURE = "/plant/3303/0/5700"


def test_a_changed_value_is_notified(stage):
    plant = Plant(stage).ready()
    answer = plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    equal((answer["code"], answer["text"]), ("2.05", "21.3"))
    check("observe" in answer, "no Observe option in the answer")
    last = answer["observe"]
    for raw, text in ((220, "22"), (231, "23.1"), (65436, "-10")):
        plant.slaves.set(1, "holding", 0, raw)
        event = plant.peer.expect("notification", 5, path=TEMPERATURE)
        equal(event["text"], text)
        check(event["seq"] > last, f"sequence {event['seq']} after {last}")
        last = event["seq"]
    plant.peer.none("notification", 1.5)  # nothing changed, nothing said


def test_cancel_by_observe_1(stage):
    plant = Plant(stage).ready()
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    equal(plant.peer.ask(f"cancel {TEMPERATURE}")["code"], "2.05")
    plant.slaves.set(1, "holding", 0, 250)
    plant.peer.wait_value(TEMPERATURE, "25")
    plant.peer.none("stray", 1)


def test_cancel_by_reset(stage):
    plant = Plant(stage).ready()
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    plant.peer.ask(f"forget-observation {TEMPERATURE}")
    plant.slaves.set(1, "holding", 0, 250)
    plant.peer.expect("reset", 5)
    plant.slaves.set(1, "holding", 0, 260)
    plant.peer.wait_value(TEMPERATURE, "26")
    plant.peer.none("stray", 1)


def test_thresholds_and_step(stage):
    plant = Plant(stage).ready()
    equal(plant.peer.code(f"attributes {TEMPERATURE} gt=30"), "2.04")
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    plant.slaves.set(1, "holding", 0, 250)
    plant.peer.wait_value(TEMPERATURE, "25")
    plant.peer.none("notification", 1)
    plant.slaves.set(1, "holding", 0, 301)
    equal(plant.peer.expect("notification", 5)["text"], "30.1")
    plant.slaves.set(1, "holding", 0, 299)
    equal(plant.peer.expect("notification", 5)["text"], "29.9", "crossed downwards")


def test_pmin_holds_back_and_pmax_repeats(stage):
    plant = Plant(stage).ready()
    equal(plant.peer.code(f"attributes {TEMPERATURE} pmin=2&pmax=4"), "2.04")
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    started = time.monotonic()
    plant.slaves.set(1, "holding", 0, 240)
    equal(plant.peer.expect("notification", 6)["text"], "24")
    check(time.monotonic() - started > 1.5, "earlier than pmin")
    started = time.monotonic()
    equal(plant.peer.expect("notification", 8)["text"], "24", "repeated at pmax")
    check(time.monotonic() - started > 2.5, "earlier than pmax")


def test_an_instance_is_observed_as_a_whole_in_each_format(stage):
    plant = Plant(stage).ready()
    for number, form in enumerate(formats.HIERARCHICAL):
        plant.peer.catch_up()
        plant.peer.ask(f"observe /plant/3303/0 accept {form}")
        plant.slaves.set(1, "holding", 0, 300 + number)
        wanted = 30 + number / 10

        def right(event):
            if event["ev"] != "notification" or event["path"] != "/plant/3303/0":
                return False
            got = formats.decode(event["cf"], bytes.fromhex(event["hex"]), event["path"], KINDS)
            return math.isclose(got.get("/plant/3303/0/5700", 0), wanted, rel_tol=1e-6)
        plant.peer.find(right, 5, plant.peer.cursor, f"notification of {wanted} as {formats.HIERARCHICAL[form]}")
        plant.peer.ask("cancel /plant/3303/0")


def test_two_observations_of_one_value(stage):
    plant = Plant(stage).ready()
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    plant.peer.ask("observe /plant/3303 accept 110")
    plant.slaves.set(1, "holding", 0, 277)
    plant.peer.find(lambda e: e["ev"] == "notification" and e["path"] == TEMPERATURE and e["text"] == "27.7", 5)
    plant.peer.find(lambda e: e["ev"] == "notification" and e["path"] == "/plant/3303" and {"path": TEMPERATURE, "value": "27.7"} in e["values"], 5)


def test_a_write_is_notified_too(stage):
    plant = Plant(stage).ready()
    plant.peer.ask("observe /plant/3312/0/5850 accept 0")
    equal(plant.peer.code("write /plant/3312/0/5850 1"), "2.04")
    equal(plant.peer.expect("notification", 5)["text"], "1")


def test_own_objects_are_observed(stage):
    plant = Plant(stage).ready()
    plant.peer.ask("observe /1/0/1 accept 0")
    equal(plant.peer.code("write /1/0/1 90"), "2.04")
    equal(plant.peer.expect("notification", 5)["text"], "90")


def test_observations_end_with_a_new_registration(stage):
    plant = Plant(stage, lifetime="15s").ready()
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    plant.peer.ask("forget")
    plant.peer.expect("registered", 20)
    plant.slaves.set(1, "holding", 0, 290)
    plant.peer.wait_value(TEMPERATURE, "29")
    plant.peer.none("stray", 1)


def test_what_cannot_be_observed(stage):
    plant = Plant(stage).ready()
    equal(plant.peer.code("observe /plant/3303/0/5605"), "4.05", "an executable")
    equal(plant.peer.code("observe /plant/3303/7"), "4.04")
    equal(plant.peer.code("observe /nobody/3303/0"), "4.04")
