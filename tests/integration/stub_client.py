"""A pretended LwM2M client of a hundred lines, to try the peer server before the gateway is trusted with it."""
import os
import random
import socket
import struct
import threading

import coap_garbage as coap  # its message builder
import harness

CON, NON, ACK, RST = range(4)


def parse(data):
    """A datagram as a dict: type, code ("2.05" or method number), mid, token, options (list of number, value), payload."""
    size = data[0] & 15
    message = {"type": data[0] >> 4 & 3, "code": data[1], "mid": struct.unpack(">H", data[2:4])[0], "token": data[4:4 + size],
               "options": [], "payload": b""}
    at, number = 4 + size, 0
    while at < len(data):
        if data[at] == 0xFF:
            message["payload"] = data[at + 1:]
            break
        parts = [data[at] >> 4, data[at] & 15]
        at += 1
        for i in (0, 1):
            if parts[i] == 13:
                parts[i], at = data[at] + 13, at + 1
            elif parts[i] == 14:
                parts[i], at = struct.unpack(">H", data[at:at + 2])[0] + 269, at + 2
        number += parts[0]
        message["options"].append((number, data[at:at + parts[1]]))
        at += parts[1]
    return message


def option(message, number):
    return [value for n, value in message["options"] if n == number]


def uint(value):
    return int.from_bytes(value, "big")


def path_of(message):
    return "/" + "/".join(v.decode() for v in option(message, 11))


class StubClient:
    """Sends requests of its own; answers the server's with `handler(message) -> (code, options, payload)` or None for silence."""

    def __init__(self, port, handler=None, host="127.0.0.1"):
        self.s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.s.connect((host, port))
        self.random, self.handler, self.open = random.Random(7), handler, {}
        self.requests, self.resets, self.acks, self.closed = [], [], [], False
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self.receive, daemon=True)
        self.thread.start()

    def receive(self):
        while not self.closed:
            try:
                message = parse(self.s.recv(65536))
            except OSError:
                return
            with self.news:
                if message["type"] == RST:
                    self.resets.append(message["mid"])
                elif message["type"] == ACK and not message["code"]:
                    self.acks.append(message["mid"])
                elif message["code"] >> 5 >= 2:
                    self.open[message["token"]] = message
                    if message["type"] == CON:
                        self.s.send(bytes([0x60, 0]) + struct.pack(">H", message["mid"]))
                elif message["code"]:
                    self.requests.append(message)
                    answer = self.handler(message) if self.handler else None
                    if answer:
                        code, options, payload = answer
                        self.s.send(coap.msg(self.random, code, options, payload, ACK, message["token"], message["mid"]))
                self.news.notify_all()

    def datagram(self, code, path, options=(), payload=b"", token=None):
        return coap.msg(self.random, code, coap.path(path.encode()) + list(options), payload, CON, token or os.urandom(4))

    def exchange(self, data, seconds=5):
        token = parse(data)["token"]
        with self.news:
            self.open.pop(token, None)
            self.s.send(data)
            harness.check(self.news.wait_for(lambda: token in self.open, seconds), "the peer did not answer")
            return self.open[token]

    def request(self, code, path, options=(), payload=b""):
        return self.exchange(self.datagram(code, path, options, payload))

    def registration(self, endpoint="stub", version="1.2", links="</1/0>,</3/0>", lifetime=60):
        query = [(15, q.encode()) for q in (f"ep={endpoint}", f"lt={lifetime}", f"lwm2m={version}", "b=U")]
        return self.datagram(coap.POST, "rd", [(12, b"\x28")] + query, links.encode())

    def register(self, **how):
        answer = self.exchange(self.registration(**how))
        return answer["code"], "/".join(v.decode() for v in option(answer, 8))

    def notify(self, token, number, payload, kind=CON, copies=1):
        data = coap.msg(self.random, 0x45, [(6, coap.uint(number)), (12, b"")], payload, kind, token)
        for _ in range(copies):
            self.s.send(data)
        return parse(data)["mid"]

    def wait_reset(self, mid, seconds=5):
        with self.news:
            harness.check(self.news.wait_for(lambda: mid in self.resets, seconds), "no reset came")

    def close(self):
        self.closed = True
        self.s.close()
