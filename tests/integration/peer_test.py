"""The peer server by itself, against a client of a hundred lines: what the other topics lean on."""
import shutil
import subprocess

import coap_garbage as coap
from harness import Skip, check, equal, until
from stub_client import StubClient, option, path_of, uint

CREATED, CHANGED, DELETED, CONTENT, BAD, NOT_FOUND, PRECONDITION = 0x41, 0x44, 0x42, 0x45, 0x80, 0x84, 0x8C


def test_a_registration_lives_from_register_to_deregister(stage):
    peer = stage.peer()
    client = StubClient(peer.port)
    code, location = client.register(links="</>;ct=\"110 112\",</1/0>,</25>;ver=2.0,</25/0>")
    equal((code, location), (CREATED, "rd/1"))
    event = peer.expect("registered")
    equal((event["ep"], event["lt"], event["lwm2m"]), ("stub", 60, "1.2"))
    check("</25>;ver=2.0" in event["links"], event)
    equal(client.request(coap.POST, location)["code"], CHANGED)
    equal(peer.expect("updated")["objects_sent"], False)
    equal(client.request(coap.DELETE, location)["code"], DELETED)
    peer.expect("deregistered")
    equal(client.request(coap.POST, location)["code"], NOT_FOUND)


def test_what_is_no_registration_is_refused(stage):
    peer = stage.peer("--only", "1.1")
    client = StubClient(peer.port)
    equal(client.register(links="</dev1/3303/0>")[0], BAD, "a device tree in /rd")
    equal(client.register(links="</3/0/1>")[0], BAD, "a resource in /rd")
    equal(client.register(links="")[0], BAD, "nothing at all")
    equal(client.register(version="1.2")[0], PRECONDITION, "a version that is not spoken")
    equal(client.register(version="1.1")[0], CREATED)
    equal(client.request(coap.POST, "rd", [(12, b""), (15, b"ep=x"), (15, b"lt=60"), (15, b"lwm2m=1.1")], b"</1/0>")["code"], BAD, "not link-format")


def test_a_register_that_comes_twice_makes_one_registration(stage):
    peer = stage.peer()
    client = StubClient(peer.port)
    data = client.registration()
    first, second = client.exchange(data), client.exchange(data)
    equal(option(first, 8), option(second, 8), "locations")
    peer.expect("registered")
    client.request(coap.DELETE, b"/".join(option(first, 8)).decode())
    peer.expect("deregistered")  # whatever the copy did has been told by now
    equal(len(peer.passed("registered")), 1, "registrations")


def test_a_lifetime_ends(stage):
    peer = stage.peer()
    StubClient(peer.port).register(lifetime=1)
    peer.expect("expired", 5)


def test_a_register_in_blocks_is_joined(stage):
    peer = stage.peer()
    client = StubClient(peer.port)
    links = ",".join(f"</25/{i}>" for i in range(200)).encode()
    query = [(15, q) for q in (b"ep=many", b"lt=60", b"lwm2m=1.2")]
    for at in range(0, len(links), 64):
        more = at + 64 < len(links)
        answer = client.request(coap.POST, "rd", [(12, b"\x28"), *query, (27, coap.uint(at // 64 << 4 | more << 3 | 2))], links[at:at + 64])
    equal(answer["code"], CREATED)
    equal(peer.expect("registered")["links"], links.decode())


def test_requests_and_block_wise_answers(stage):
    peer = stage.peer()
    long = bytes(i % 251 for i in range(3000))

    def handler(message):
        if message["code"] == coap.PUT:
            block = option(message, 27)
            return (0x5F, [(27, block[0])], b"") if block and uint(block[0]) & 8 else (CHANGED, [], b"")
        if path_of(message) == "/3/0/1":
            return CONTENT, [(12, b"")], b"model-7"
        if path_of(message) == "/long":
            block = option(message, 23)
            num = uint(block[0]) >> 4 if block else 0
            more = (num + 1) * 256 < len(long)
            return CONTENT, [(12, b"\x2a"), (23, coap.uint(num << 4 | more << 3 | 4))], long[num * 256:num * 256 + 256]
        return NOT_FOUND, [], b""

    client = StubClient(peer.port, handler)
    client.register()
    answer = peer.ask("read /3/0/1 accept 0")
    equal((answer["code"], answer["text"]), ("2.05", "model-7"))
    equal(option(client.requests[-1], 17), [b""], "Accept")
    equal(bytes.fromhex(peer.ask("read /long")["hex"]), long, "a long body")
    equal(peer.code("read /3/0/2"), "4.04")
    equal(peer.code("write /3/0/14 +02:00"), "2.04")
    equal(client.requests[-1]["payload"], b"+02:00")
    equal(peer.code(f"write-format /3/0 42 {long.hex()}"), "2.04")
    equal(b"".join(m["payload"] for m in client.requests[-3:]), long, "an uploaded body")
    equal(peer.code("attributes /3/0/1 pmin=5&pmax=60"), "2.04")
    equal(option(client.requests[-1], 15), [b"pmin=5", b"pmax=60"], "Uri-Query")


def test_observations_notifications_and_both_ways_to_end_them(stage):
    peer = stage.peer()
    client = StubClient(peer.port, lambda m: (CONTENT, [(6, b"\x01")] * (option(m, 6) == [b""]) + [(12, b"")], b"20"))
    client.register()
    equal(peer.ask("observe /d/3303/0/5700 accept 0")["observe"], 1)
    token = client.requests[-1]["token"]
    client.notify(token, 2, b"21")
    equal(peer.expect("notification")["text"], "21")
    mid = client.notify(token, 3, b"21.5", copies=3)  # RFC 7252 4.2: each copy is acknowledged, one is told
    until("three acknowledgements", lambda: client.acks.count(mid) == 3, 5)
    equal([e["text"] for e in peer.passed("notification")], ["21", "21.5"], "notifications told")
    peer.catch_up()
    peer.ask("cancel /d/3303/0/5700")
    equal((option(client.requests[-1], 6), client.requests[-1]["token"]), ([b"\x01"], token), "Observe 1 with the same token")
    client.wait_reset(client.notify(token, 4, b"22"))
    peer.expect("stray")

    peer.ask("observe /d/3303/0/5700 accept 0")
    token = client.requests[-1]["token"]
    check(peer.ask("forget-observation /d/3303/0/5700")["ok"], "observed")
    client.wait_reset(client.notify(token, 2, b"23"))
    peer.expect("reset")


def test_a_client_over_dtls(stage):
    if not shutil.which("openssl"):
        raise Skip("openssl is not installed")
    peer = stage.peer(psk=("gw", "00112233445566778899aabbccddeeff"))
    # One finished handshake is enough here; the gateway brings its own Mbed TLS in the other topics.
    done = subprocess.run(["openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{peer.port}", "-psk_identity", "gw", "-psk",
                           "00112233445566778899aabbccddeeff", "-cipher", "PSK-AES128-CCM8"], input=b"", capture_output=True, timeout=20, check=False)
    equal(peer.expect("handshake")["cipher"], "PSK-AES128-CCM8")
    check(b"PSK-AES128-CCM8" in done.stdout, done.stdout)


def test_a_delayed_answer_comes_as_a_separate_response(stage):
    peer = stage.peer("--delay", 300)
    client = StubClient(peer.port)
    equal(client.register()[0], CREATED)
    peer.expect("registered")
