#!/usr/bin/env python3
"""modbus_sim - Modbus slaves on TCP and on a pseudo-terminal (RTU), with faults on demand.

Written from the Modbus specifications alone: it shares no code with any Modbus library, so it is
a second opinion on what the master sends. Every request is logged with its arrival time and the
silence before it, so that a test can count requests and check the inter-frame gap.

    modbus_sim.py --map modbus_map.json --tcp 1502 --rtu ./ttyMB0 --baud 19200

Functions: 1 2 3 4 5 6 15 16 22 23 43/14. The map file's format is in README.md.
"""
import argparse
import asyncio
import collections
import json
import math
import os
import random
import struct
import termios
import time
import tty

import fk_common as fk

CONTROL = """control commands (one a line; answers are JSON lines):
  fault KIND [ARG] [unit=U] [fc=F] [link=tcp|rtu] [count=N] [skip=N] [prob=P]
        spoil the next N matching replies (default 1; count=0: all until 'clear')
  clear                 remove all faults
  get U TABLE ADDR [N]  read values            set U TABLE ADDR VALUE...   change values
  unit U off|on         a slave leaves the bus, or comes back
  unplug, plug          the serial device vanishes, or comes back
  close_all             end all TCP connections
  summary               requests by unit and function, per register, gaps, errors
  log                   every request since the last forget       forget   empty log and counters
  help, quit
TABLE: coils discrete holding input.   KIND:
  exception CODE   silent   late MS       split MS (in two parts)  close (TCP: cut the connection)
  wrong_unit       wrong_tid (TCP)        wrong_fc   wrong_proto (TCP)   bad_crc (RTU)
  wrong_len        the length field (TCP) or byte count (RTU) does not fit the frame
  short_count      a well-formed reply with one value too few     stale    the previous reply again
  truncate N       only the first N bytes                         extra N  N random bytes follow
  garble           1 to 4 bits flipped                            garbage N  random bytes instead
  echo             the request comes back before the reply (RS-485 echo)
"""
TABLES = ("coils", "discrete", "holding", "input")
KINDS = ("exception silent late split close wrong_unit wrong_tid wrong_fc wrong_proto bad_crc "
         "wrong_len short_count stale truncate extra garble garbage echo").split()
FORMATS = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "u64": "Q", "i64": "q",
           "f64": "d"}


class Refused(Exception):
    """Carries the Modbus exception code."""


def crc16(data):
    crc = 0xFFFF
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def to_registers(fmt, order, value):
    """A number (or str:N text) as 16-bit registers. order: ABCD CDAB BADC DCBA."""
    if fmt.startswith("str:"):
        size = int(fmt[4:])
        raw = str(value).encode()[:size].ljust(size + size % 2, b"\0")
    else:
        if fmt[0] in "ui":
            value = int(round(value)) % (1 << int(fmt[1:]))
            raw = value.to_bytes(int(fmt[1:]) // 8, "big")
        else:
            raw = struct.pack(">" + FORMATS[fmt], value)
    words = [raw[i:i + 2] for i in range(0, len(raw), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [w[::-1] for w in words]
    return [int.from_bytes(w, "big") for w in words]


def wave_value(w, t, seed):
    """The value of a waveform at t seconds: a pure function, so that a test can predict it."""
    period = w.get("period", 10)
    x = (t / period + w.get("phase", 0)) % 1
    kind, amp, offset = w["type"], w.get("amp", 1), w.get("offset", 0)
    if kind == "count":
        return offset + amp * int(t / period)
    if kind == "noise":
        return offset + amp * random.Random(f"{seed}/{int(t / period)}").uniform(-1, 1)
    shape = {"sine": math.sin(2 * math.pi * x), "square": 1 if x < 0.5 else -1, "ramp": x,
             "triangle": 4 * abs(x - 0.5) - 1}[kind]
    return offset + amp * shape


class Unit:
    def __init__(self, number, spec):
        unknown = set(spec) - set(TABLES) - {"points", "errors", "id", "max_registers", "delay_ms"}
        if unknown:
            raise ValueError(f"unit {number}: unknown keys {sorted(unknown)}")
        self.number, self.on, self.spec = number, True, spec
        self.table = {t: {} for t in TABLES}
        for t in TABLES:
            for where, value in spec.get(t, {}).items():
                first, _, last = where.partition("-")
                many = value if isinstance(value, list) else [value] * (int(last or first)
                                                                        - int(first) + 1)
                for i, v in enumerate(many):
                    self.table[t][int(first) + i] = v
        self.waves = []
        for p in spec.get("points", []):
            if "wave" in p:
                self.waves.append(p)
            self.store(p, p.get("value", 0))
        self.errors = {(e["table"], a): e["code"] for e in spec.get("errors", [])
                       for a in range(e["addr"], e.get("last", e["addr"]) + 1)}

    def store(self, p, value):
        for i, r in enumerate(to_registers(p.get("fmt", "u16"), p.get("order", "ABCD"), value)):
            self.table[p["table"]][p["addr"] + i] = r

    def refresh(self, t):
        for p in self.waves:
            self.store(p, wave_value(p["wave"], t, f"{self.number}/{p['addr']}"))

    def check(self, table, addr, qty, most):
        if not 1 <= qty <= most:
            raise Refused(3)
        for a in range(addr, addr + qty):
            if (table, a) in self.errors:
                raise Refused(self.errors[table, a])
            if a not in self.table[table]:
                raise Refused(2)
        if table in ("holding", "input") and qty > self.spec.get("max_registers", 125):
            raise Refused(2)

    def read(self, table, addr, qty):
        return [self.table[table][a] for a in range(addr, addr + qty)]

    def write(self, table, addr, values):
        for i, v in enumerate(values):
            self.table[table][addr + i] = v

    def answer(self, pdu):
        """A request PDU -> (reply PDU, table, addr, qty). Raises Refused."""
        fc, n = pdu[0], len(pdu)
        if fc == 43:
            return self.identify(pdu), "id", pdu[3] if n > 3 else 0, 1
        table = {1: "coils", 2: "discrete", 3: "holding", 4: "input", 5: "coils", 6: "holding",
                 15: "coils", 16: "holding", 22: "holding", 23: "holding"}.get(fc)
        if not table:
            raise Refused(1)
        if n < 5 or (fc < 7 and n != 5) or (fc == 22 and n != 7):
            raise Refused(3)
        addr, qty = struct.unpack(">HH", pdu[1:5])
        head = pdu[:5]
        if fc in (1, 2):
            self.check(table, addr, qty, 2000)
            out = bytearray((qty + 7) // 8)
            for i, v in enumerate(self.read(table, addr, qty)):
                out[i // 8] |= bool(v) << i % 8
            return bytes([fc, len(out)]) + out, table, addr, qty
        if fc in (3, 4):
            self.check(table, addr, qty, 125)
            return self.registers(fc, table, addr, qty), table, addr, qty
        if fc in (5, 6):
            self.check(table, addr, 1, 1)
            if fc == 5 and qty not in (0, 0xFF00):
                raise Refused(3)
            self.write(table, addr, [qty if fc == 6 else qty >> 15])
            return head, table, addr, 1
        if fc == 22:
            self.check(table, addr, 1, 1)
            was, (a, o) = self.table[table][addr], struct.unpack(">HH", pdu[3:7])
            self.write(table, addr, [(was & a) | (o & ~a & 0xFFFF)])
            return pdu, table, addr, 1
        if fc == 23:
            if n < 10 or pdu[9] != n - 10:
                raise Refused(3)
            waddr, wqty = struct.unpack(">HH", pdu[5:9])
            if pdu[9] != 2 * wqty:
                raise Refused(3)
            self.check(table, addr, qty, 125)
            self.check(table, waddr, wqty, 121)
            self.write(table, waddr, struct.unpack(f">{wqty}H", pdu[10:]))
            return self.registers(fc, table, addr, qty), table, addr, qty
        want = (qty + 7) // 8 if fc == 15 else 2 * qty
        if n < 6 or pdu[5] != n - 6 or pdu[5] != want:
            raise Refused(3)
        self.check(table, addr, qty, 1968 if fc == 15 else 123)
        self.write(table, addr, struct.unpack(f">{qty}H", pdu[6:]) if fc == 16 else
                   [pdu[6 + i // 8] >> i % 8 & 1 for i in range(qty)])
        return head, table, addr, qty

    def registers(self, fc, table, addr, qty):
        return bytes([fc, 2 * qty]) + struct.pack(f">{qty}H", *self.read(table, addr, qty))

    def identify(self, pdu):
        """43/14: read device identification, basic and regular categories."""
        if len(pdu) != 4 or pdu[1] != 14:
            raise Refused(1)
        have = {int(k): str(v).encode() for k, v in self.spec.get("id", {}).items()}
        code, first = pdu[2], pdu[3]
        if code == 4:
            if first not in have:
                raise Refused(2)
            picked = [first]
        elif code in (1, 2, 3):
            top = {1: 2, 2: 0x7F, 3: 0xFF}[code]
            picked = sorted(k for k in have if (first if first in have else 0) <= k <= top)
        else:
            raise Refused(3)
        body, more, nxt = b"", 0, 0
        count = 0
        for k in picked:
            item = bytes([k, len(have[k])]) + have[k]
            if len(body) + len(item) > 245:
                more, nxt = 0xFF, k
                break
            body, count = body + item, count + 1
        return bytes([43, 14, code, 0x82, more, nxt, count]) + body


class Sim:
    def __init__(self, spec, seed, log, baud):
        self.units = {int(k): Unit(int(k), v) for k, v in spec["units"].items()}
        self.log, self.rng, self.start = log, random.Random(seed), time.monotonic()
        self.char = 11 / baud if baud else 0  # seconds on the wire per character
        self.t35 = max(3.5 * self.char, 0.00175) if baud else 0.00175
        self.faults, self.last_reply, self.quiet_since = [], {}, {}
        self.conns, self.writers, self.rtu_path, self.master = 0, set(), None, None
        self.forget()

    def forget(self):
        self.records = collections.deque(maxlen=100000)
        self.by, self.registers = collections.Counter(), collections.Counter()
        self.errors, self.min_gap, self.violations = collections.Counter(), {}, 0

    # --- one request, from either link -----------------------------------------------------------
    def serve(self, link, unit, pdu, raw, t_first, tid=0, key=None):
        """-> list of (delay, bytes or None for close). Logs the request."""
        key = key or link
        gap = t_first - self.quiet_since[key] if key in self.quiet_since else None
        rec = {"link": link, "conn": key, "unit": unit, "fc": pdu[0] if pdu else None,
               "t_first": round(t_first - self.start, 6), "tid": tid, "raw": raw.hex(),
               "gap_ms": None if gap is None else round(gap * 1000, 3)}
        if gap is not None:
            self.min_gap[key] = min(gap, self.min_gap.get(key, gap))
            self.violations += link == "rtu" and gap < self.t35
        slave, reply, table = self.units.get(unit), None, None
        if unit == 0 and link == "rtu":  # broadcast: all obey, none answers
            for u in self.units.values():
                try:
                    u.answer(pdu)
                except Refused:
                    pass
            rec["result"] = "broadcast"
        elif not slave or not slave.on:
            reply = bytes([pdu[0] | 0x80, 11]) if link == "tcp" and pdu else None
            rec["result"] = "no such unit"
        else:
            slave.refresh(time.monotonic() - self.start)
            try:
                reply, table, addr, qty = slave.answer(pdu)
                rec.update(result="ok", table=table, addr=addr, qty=qty)
                self.registers.update(f"{unit}/{table}/{a}" for a in range(addr, addr + qty))
            except Refused as e:
                reply = bytes([pdu[0] | 0x80, e.args[0]])
                rec["result"] = f"exception {e.args[0]}"
        self.by[f"unit{unit}/fc{rec['fc']}"] += 1
        fault = self.pick(link, unit, rec["fc"])
        if fault:
            rec["fault"] = fault["kind"]
        self.records.append(rec)
        self.log("request", **rec)
        out = self.spoil(fault, link, unit, tid, pdu, reply, raw, key)
        late = (slave.spec.get("delay_ms", 0) / 1000) if slave else 0
        return [(d + (late if i == 0 else 0), b) for i, (d, b) in enumerate(out)]

    def frame(self, link, unit, tid, pdu, proto=0, lie=0):
        if link == "tcp":
            return struct.pack(">HHHB", tid & 0xFFFF, proto, len(pdu) + 1 + lie, unit) + pdu
        body = bytes([unit]) + pdu
        return body + crc16(body)

    # --- faults ----------------------------------------------------------------------------------
    def add_fault(self, kind, *words):
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}")
        f = {"kind": kind, "arg": 0, "count": 1, "skip": 0, "prob": 1.0}
        for w in words:
            k, eq, v = w.partition("=")
            if not eq:
                f["arg"] = int(w)
            elif k in ("unit", "fc", "count", "skip"):
                f[k] = int(v)
            elif k == "prob":
                f[k] = float(v)
            elif k == "link" and v in ("tcp", "rtu"):
                f[k] = v
            else:
                raise ValueError(f"no fault option {w!r}")
        self.faults.append(f)
        return {"faults": self.faults}

    def pick(self, link, unit, fc):
        for f in self.faults:
            if any(f.get(k, v) != v for k, v in (("link", link), ("unit", unit), ("fc", fc))):
                continue
            if f["skip"] > 0:
                f["skip"] -= 1
                continue
            if self.rng.random() >= f["prob"]:
                continue
            if f["count"]:
                f["count"] -= 1
                if not f["count"]:
                    self.faults.remove(f)
            return f
        return None

    def spoil(self, f, link, unit, tid, req, pdu, raw, key):
        kind, arg = (f["kind"], f["arg"]) if f else ("", 0)
        if kind == "close":
            return [(0, None)]
        if kind == "garbage":
            return [(0, self.rng.randbytes(arg or 16))]
        if kind == "silent" or (pdu is None and kind != "exception"):
            return []
        if kind == "exception":
            pdu = bytes([req[0] | 0x80, arg or 4])
        if kind == "wrong_fc":
            pdu = bytes([pdu[0] ^ 1]) + pdu[1:]
        if kind == "wrong_unit":
            unit ^= 1
        if kind == "wrong_tid":
            tid += 1
        readable = pdu[0] in (1, 2, 3, 4, 23) and len(pdu) > 2
        if kind == "short_count" and readable:
            cut = 1 if pdu[0] < 3 else 2
            pdu = bytes([pdu[0], pdu[1] - cut]) + pdu[2:-cut]
        if kind == "wrong_len" and link == "rtu" and len(pdu) > 1:
            pdu = bytes([pdu[0], (pdu[1] + 2) & 0xFF]) + pdu[2:]
        adu = self.frame(link, unit, tid, pdu, proto=kind == "wrong_proto",
                         lie=5 if kind == "wrong_len" else 0)
        if kind == "stale":
            adu = self.last_reply.get(key, adu)
        self.last_reply[key] = adu
        if kind == "bad_crc":
            adu = adu[:-1] + bytes([adu[-1] ^ 0xFF])
        if kind == "truncate":
            adu = adu[:arg]
        if kind == "extra":
            adu += self.rng.randbytes(arg or 4)
        if kind == "garble":
            adu = fk.flip_bits(self.rng, adu)
        if kind == "echo":
            adu = raw + adu
        if kind == "split":
            half = max(1, len(adu) // 2)
            return [(0, adu[:half]), (arg / 1000, adu[half:])]
        return [(arg / 1000 if kind == "late" else 0, adu)]

    # --- TCP ---------------------------------------------------------------------------------------
    async def on_tcp(self, r, w):
        self.conns += 1
        key = f"tcp{self.conns}"
        self.writers.add(w)
        self.log("open", conn=key)
        try:
            while True:
                head = await r.readexactly(7)
                t_first = time.monotonic()
                tid, proto, length, unit = struct.unpack(">HHHB", head)
                if proto != 0 or not 2 <= length <= 254:
                    self.errors["bad_mbap"] += 1
                    self.log("error", conn=key, what="bad_mbap", raw=head.hex())
                    break
                pdu = await r.readexactly(length - 1)
                for delay, data in self.serve("tcp", unit, pdu, head + pdu, t_first, tid, key):
                    if delay:
                        await asyncio.sleep(delay)
                    if data is None:
                        return
                    w.write(data)
                    await w.drain()
                self.quiet_since[key] = time.monotonic()
        except (asyncio.IncompleteReadError, OSError) as e:
            if getattr(e, "partial", b""):
                self.errors["partial_frame"] += 1
        except asyncio.CancelledError:
            pass  # the simulator is stopping
        finally:
            self.quiet_since.pop(key, None)
            self.writers.discard(w)
            w.close()
            self.log("close", conn=key)

    def close_all(self):
        for w in self.writers:
            w.close()

    # --- RTU on a pseudo-terminal --------------------------------------------------------------------
    def plug(self, path=None):
        self.rtu_path = path or self.rtu_path
        if not self.rtu_path or self.master is not None:
            raise ValueError("no --rtu, or plugged already")
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave, termios.TCSANOW)
        os.set_blocking(self.master, False)
        if os.path.islink(self.rtu_path):
            os.unlink(self.rtu_path)
        os.symlink(os.ttyname(self.slave), self.rtu_path)
        self.buf, self.busy, self.t_byte = b"", False, 0.0
        asyncio.get_running_loop().add_reader(self.master, self.on_rtu)

    def unplug(self):
        if self.master is None:
            raise ValueError("not plugged in")
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)
        self.master = None
        if os.path.islink(self.rtu_path):
            os.unlink(self.rtu_path)

    @staticmethod
    def rtu_length(b):
        """The length of the request frame that b begins, or None while it cannot be told."""
        if len(b) < 2:
            return None
        fixed = {1: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8, 22: 10, 43: 7}.get(b[1])
        at = {15: 6, 16: 6, 23: 10}.get(b[1])
        return fixed or (at and len(b) > at and at + 1 + b[at] + 2) or None

    def rtu_error(self, what, raw):
        self.errors[what] += 1
        self.log("error", conn="rtu", what=what, raw=raw.hex())

    def on_rtu(self):
        now = time.monotonic()
        try:
            data = os.read(self.master, 4096)
        except OSError:
            return
        if self.buf and now - self.t_byte > 0.05:  # silence inside a frame: throw the start away
            self.rtu_error("partial_frame", self.buf)
            self.buf = b""
        if self.busy:
            self.rtu_error("talked_over_reply", data)
        if not self.buf:
            self.t_start = now
        self.buf, self.t_byte = self.buf + data, now
        need = self.rtu_length(self.buf)
        if need is None and len(self.buf) >= 4 and self.buf[-2:] == crc16(self.buf[:-2]):
            need = len(self.buf)  # a function this simulator does not know
        if need is None or len(self.buf) < need:
            return
        frame, rest, self.buf = self.buf[:need], self.buf[need:], b""
        if rest:  # a second frame without any silence
            self.rtu_error("talked_over_reply", rest)
        if frame[-2:] != crc16(frame[:-2]):
            self.rtu_error("crc", frame)
            self.quiet_since["rtu"] = now
            return
        out = self.serve("rtu", frame[0], frame[1:-2], frame, self.t_start)
        self.quiet_since["rtu"] = now + len(frame) * self.char
        self.busy = bool(out)
        asyncio.ensure_future(self.rtu_reply(out, len(frame) * self.char + self.t35))

    async def rtu_reply(self, out, turn):
        """Bytes appear when a real line would have delivered the last of them."""
        master = self.master
        for delay, data in out:
            await asyncio.sleep(delay + turn + len(data or b"") * self.char)
            turn = 0
            sent = time.monotonic()  # before the write: this process may be held up after it, and the master may not
            if data and self.master == master and master is not None:
                os.write(master, data)
        if out:
            self.busy, self.quiet_since["rtu"] = False, sent

    # --- control ---------------------------------------------------------------------------------------
    def get(self, unit, table, addr, n=1):
        u = self.units[int(unit)]
        u.refresh(time.monotonic() - self.start)
        return {"values": u.read(table, int(addr), int(n))}

    def set(self, unit, table, addr, *values):
        self.units[int(unit)].write(table, int(addr), [int(v, 0) & 0xFFFF for v in values])

    def switch(self, unit, word):
        self.units[int(unit)].on = {"on": True, "off": False}[word]

    def summary(self):
        return {"requests": len(self.records), "by": dict(self.by), "errors": dict(self.errors),
                "registers": dict(self.registers), "t35_ms": round(self.t35 * 1000, 3),
                "min_gap_ms": {k: round(v * 1000, 3) for k, v in self.min_gap.items()},
                "gap_violations": self.violations, "connections": self.conns}


async def run(a, spec):
    log = fk.Log("modbus_sim", a.log)
    try:
        sim = Sim(spec, a.seed, log, a.baud)
    except (KeyError, ValueError, TypeError, struct.error) as e:
        fk.die(f"{a.map}: {type(e).__name__}: {e}")
    c = fk.Control(log)
    for name in ("forget", "get", "set", "summary", "unplug", "plug", "close_all"):
        c.add(name, getattr(sim, name))
    c.add("fault", sim.add_fault)
    c.add("clear", sim.faults.clear)
    c.add("unit", sim.switch)
    c.add("log", lambda: {"log": list(sim.records)})
    _, cport = await c.serve(fk.loopback(a.control))
    port = None
    if a.tcp is not None:
        server = await asyncio.start_server(sim.on_tcp, *fk.loopback(a.tcp))
        port = server.sockets[0].getsockname()[1]
    if a.rtu:
        sim.plug(a.rtu)
    log("ready", tcp=port, rtu=a.rtu, control=cport, units=sorted(sim.units))
    await c.until_stopped()
    if sim.master is not None:
        sim.unplug()
    sim.close_all()
    await asyncio.sleep(0.05)  # so that each connection's task ends by itself
    log("bye", **sim.summary())


def main():
    p = argparse.ArgumentParser(description=__doc__, epilog=CONTROL,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--map", help="register map (JSON); format in README.md")
    p.add_argument("--tcp", help="[HOST:]PORT for Modbus-TCP (0: any free port)")
    p.add_argument("--rtu", metavar="LINK", help="make a pty and this symlink to it")
    p.add_argument("--baud", type=int, default=0, help="pace RTU as on a line of this speed")
    p.add_argument("--control", default="0", help="[HOST:]PORT of the control port (0: any)")
    p.add_argument("--seed", default="1", help="seed of every random choice")
    p.add_argument("--log", help="write JSON lines to this file, not stdout")
    p.add_argument("--self-test", action="store_true", help="run this tool's tests")
    a = p.parse_args()
    if a.self_test:
        fk.self_test("modbus")
    if not a.map or (a.tcp is None and not a.rtu):
        fk.die("--map and one of --tcp, --rtu are needed")
    try:
        with open(a.map) as f:
            spec = json.load(f)
    except (OSError, ValueError) as e:
        fk.die(f"{a.map}: {e}")
    try:
        asyncio.run(run(a, spec))
    except OSError as e:
        fk.die(f"modbus_sim: {e}")


if __name__ == "__main__":
    main()
