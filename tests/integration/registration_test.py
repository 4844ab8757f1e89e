"""Register, Update, De-register (OMA Core 1.2 6.2; Gateway 1.1 6 and 8.2), as a server sees them."""
import os
import signal
import time

import formats
from harness import Peer, check, equal, free_udp_port, until
from plant import Gateway, Plant, Slaves, prefixes

PSK = ("gw-1", "5f0c1e2d3b4a59687786a5b4c3d2e1f0")


def check_registration(event):
    equal((event["ep"], event["lwm2m"]), ("test-gateway", "1.2"))
    links = formats.links(event["links"])
    equal(links.get("/25", {}).get("ver"), "2.0", "object 25's version")  # CORE-1.2 7.2.3: its default would be 1.0
    for path in ("/25/0", "/3/0"):
        check(path in links, f"{path} is not in {event['links']}")
    check(any(path.startswith("/1") for path in links), "no Server object")
    for path in links:
        check(path == "/" or all(part.isdigit() for part in path.strip("/").split("/")), f"{path} belongs to a device tree")
        check(not path.startswith("/0") and path != "/21", f"{path} must not be announced")
    announced = set(links.get("/", {}).get("ct", "").split())
    check({"110", "112", "11542", "11544"} <= announced, f"formats announced: {announced}")
    check(" " not in event["links"].replace('ct="' + links["/"]["ct"] + '"', ""), "white space between links")


def test_register_over_udp(stage):
    plant = Plant(stage).start()
    check_registration(plant.registration)
    equal(plant.registration["lt"], 60)


def test_register_over_dtls_with_a_pre_shared_key(stage):
    plant = Plant(stage, psk=PSK).start()
    check_registration(plant.registration)
    equal(plant.registration["cipher"], "PSK-AES128-CCM8", "cipher suite")
    plant.peer.wait_value("/plant/3303/0/5700", "21.3")


def test_register_with_a_name_instead_of_an_address(stage):
    plant = Plant(stage, peer=False, uri="coap://localhost:1")
    plant.peer = stage.peer()
    plant.uri = f"coap://localhost:{plant.peer.port}"
    plant.write_site()
    check_registration(plant.start().registration)


def test_register_over_ipv6(stage):
    plant = Plant(stage, listen="[::1]:0").start()
    check(plant.registration["peer"].startswith("[::1]"), plant.registration["peer"])
    plant.peer.wait_value("/plant/3303/0/5700", "21.3")


def test_dtls_over_ipv6(stage):
    check_registration(Plant(stage, psk=PSK, listen="[::1]:0").start().registration)


def test_a_server_of_version_1_1_gets_that_after_4_12(stage):
    plant = Plant(stage, peer_options=("--only", "1.1")).start()
    equal(plant.registration["lwm2m"], "1.1")
    equal(plant.peer.passed("refused")[0]["code"], "4.12")
    equal(formats.links(plant.registration["links"])["/25"]["ver"], "2.0")


def test_update_before_the_lifetime_ends(stage):
    plant = Plant(stage, lifetime="15s").start()
    registered = time.monotonic()
    event = plant.peer.expect("updated", 15)
    check(time.monotonic() - registered > 3, "an Update at once")
    equal(event["objects_sent"], False, "the object list goes again although nothing changed")
    equal(event["query"], [], "parameters that did not change")
    equal(plant.peer.passed("expired"), [])


def test_written_lifetime_is_told_by_an_update(stage):
    plant = Plant(stage).start()
    equal(plant.peer.code("write /1/0/1 120"), "2.04")
    event = plant.peer.expect("updated", 5)
    check("lt=120" in event["query"], event)
    equal(plant.peer.read("/1/0/1"), "120")


def test_registration_update_trigger(stage):
    plant = Plant(stage).start()
    equal(plant.peer.code("execute /1/0/8"), "2.04")
    plant.peer.expect("updated", 5)


def test_a_server_that_forgot_us_gets_a_new_register(stage):
    plant = Plant(stage, lifetime="15s").start()
    plant.peer.ask("forget")
    plant.peer.expect("unknown_location", 15)
    check_registration(plant.peer.expect("registered", 5))


def test_sigterm_deregisters_and_ends_within_two_seconds(stage):
    for psk in (None, PSK):
        plant = Plant(stage, psk=psk).start()
        started = time.monotonic()
        plant.gateway.signal(signal.SIGTERM)
        equal(plant.gateway.wait_exit(5), 0, "exit status")
        check(time.monotonic() - started < 2.5, f"it took {time.monotonic() - started:.1f} s")
        plant.peer.expect("deregistered", 1)
        plant.peer.stop()
        plant.slaves.tool.stop()


def test_sigterm_with_a_server_that_is_silent_ends_within_three_seconds(stage):
    plant = Plant(stage).start()
    plant.peer.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        plant.gateway.signal(signal.SIGTERM)
        equal(plant.gateway.wait_exit(6), 0, "exit status")
        check(time.monotonic() - started < 3.5, f"it took {time.monotonic() - started:.1f} s")
    finally:
        plant.peer.signal(signal.SIGCONT)


def test_a_server_that_comes_later_is_found(stage):
    port = free_udp_port()
    plant = Plant(stage, peer=False, uri=f"coap://127.0.0.1:{port}").start(registered=False)
    plant.slaves.tool.expect("request", 10)  # it does not wait for the server with its own work
    plant.peer = stage.peer(listen=f"127.0.0.1:{port}")
    check_registration(plant.peer.expect("registered", 60))


def test_a_restarted_server_is_registered_with_again(stage):
    plant = Plant(stage, lifetime="15s").start()
    peer = plant.restart_peer()
    check_registration(peer.expect("registered", 60))
    peer.wait_value("/plant/3303/0/5700", "21.3")


def test_a_restarted_server_is_registered_with_again_over_dtls(stage):
    plant = Plant(stage, psk=PSK, lifetime="15s").start()
    peer = plant.restart_peer()
    # The old session gets no answer: it ends by the Update's retransmissions, which take up to 93 s (RFC 7252 4.8.2).
    check_registration(peer.expect("registered", 150))
    peer.wait_value("/plant/3303/0/5700", "21.3")


def test_unresolvable_server_name_does_not_hold_up_anything(stage):
    plant = Plant(stage, peer=False, uri="coap://no-such-host.invalid:5683").start(registered=False)
    plant.slaves.tool.expect("request", 10)
    plant.gateway.wait_line(r"no-such-host\.invalid", 20)
    plant.gateway.signal(signal.SIGTERM)
    equal(plant.gateway.wait_exit(5), 0, "exit status")


def test_kill_and_restart_keeps_the_prefixes(stage):
    devices = ["{id: first, profile: test/plant@1, link: field, unit: 1}", "{id: second, profile: test/plant@1, link: field, unit: 1}"]
    slaves = Slaves(stage, {1: __import__("plant").unit(), 2: __import__("plant").unit()})
    devices[1] = devices[1].replace("unit: 1", "unit: 2")
    plant = Plant(stage, slaves=slaves, devices=devices).start()
    before = prefixes(plant.peer)
    equal(sorted(before), ["first", "second"], "device ids")
    check(len(set(before.values())) == 2, before)
    plant.gateway.kill()
    plant.start()
    equal(prefixes(plant.peer), before, "after kill -9")
    # The first leaves: the second keeps its prefix, and a third does not get the first one's.
    plant.gateway.kill()
    plant.devices = [devices[1], devices[0].replace("first", "third")]
    plant.write_site()
    plant.start()
    after = prefixes(plant.peer)
    equal(after["second"], before["second"], "prefix of the one that stayed")
    check(after["third"] not in before.values(), f"a prefix was handed on: {before} then {after}")


def test_registration_survives_a_silent_quarter_minute(stage):
    plant = Plant(stage, lifetime="15s").start()
    plant.peer.signal(signal.SIGSTOP)
    time.sleep(10)  # the server's absence itself
    plant.peer.signal(signal.SIGCONT)
    until("an update or a new registration", lambda: plant.peer.passed("updated") or len(plant.peer.passed("registered")) > 1, 40)
    plant.peer.wait_value("/plant/3303/0/5700", "21.3")
