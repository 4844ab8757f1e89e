#!/usr/bin/python3
"""A stand-in for bluetoothd on a private bus: org.bluez as a gateway sees it.

It copies what a gateway can get wrong: what comes asynchronously and in which order, which
error name answers what, what stays after a disconnect, what goes when the adapter or the
daemon goes.  What the real daemon (5.66) does was looked at in the VM; README.md says what is copied.

Run: fake_bluez.py [--plain] [--setup FILE.json]
(on the bus that DBUS_SYSTEM_BUS_ADDRESS names).  Tests steer it through
    org.blebed.Mock  /org/blebed  org.blebed.Mock1.Do(s json) -> s json
Commands, {"do": ..., ...}:
  peripheral  {address, name, rssi, uuids, manufacturer: {"1177": hex}, service_data: {uuid: hex},
               interval, connectable, services: [{uuid, chars: [{uuid, flags, value, encrypt}]}],
               count: [company, byte]: two bytes there, big endian, count the adverts}
              a new one, or the same address changed (a changed advertisement)
  vanish, appear  {address}          out of range: no adverts, a connection drops; and back
  drop        {address}              the peripheral ends the connection
  value       {address, uuid, value} its value changes (and is notified)
  notify      {address, uuid, values: [hex...]}
  services    {address, services}    another GATT table: removed and added objects
  fail        {on: "Device1.Connect", error, text, count, delay, path}
  timing      {connect, connect_timeout, resolve, read, write, notify, advert}    seconds
  quirk       {no_connected_signal, resolved_first, rssi_threshold, keep_temporary, slots,
               strict_duplicates}
  hang        {on}                   calls are never answered; {on: ""} ends it
  power       {on}                   from outside (rfkill, another program)
  adapter     {present}              the controller is unplugged, plugged in again
  restart     {graceful, away}       the daemon goes, and comes back after 'away' seconds
  calls       {}                     the log of calls so far; {clear: true} empties it
  state       {}                     connected addresses, discovery sessions, notify sessions, monitors
  flood       {count, rate}          so many random addresses, heard once each, `rate` a second; 0 ends it
  monitors    {how}                  AdvertisementMonitorManager1: "none" (default), "work", "silent" (accepted, never a report)
  block       {on}                   rfkill: powering is refused, as by org.bluez.Error.Blocked
"""
import argparse
import json
import os
import socket
import struct
import sys

import dbus
import dbus.bus
import dbus.lowlevel
import dbus.mainloop.glib
from gi.repository import GLib

OM, PROPS = "org.freedesktop.DBus.ObjectManager", "org.freedesktop.DBus.Properties"
ADAPTER, DEVICE, BATTERY = "org.bluez.Adapter1", "org.bluez.Device1", "org.bluez.Battery1"
SERVICE, CHAR, DESC = ("org.bluez.GattService1", "org.bluez.GattCharacteristic1",
                       "org.bluez.GattDescriptor1")
BASE = "-0000-1000-8000-00805f9b34fb"
OWN = "7b1e%04x-5d2c-4c6b-9f0e-3f6a2b7d9c10"
FREE = ("org.freedesktop.DBus.Introspectable", PROPS)


class Error(Exception):
    def __init__(self, name, text):
        self.name = name if "." in name else "org.bluez.Error." + name
        self.text = text


NOT_CONNECTED = Error("Failed", "Not connected")                            # before the request
CUT_OFF = Error("Failed", "Operation failed with ATT error: 0x0e")          # in the middle of it
ABORTED = Error("Failed", "le-connection-abort-by-local")
CANCELED = Error("Failed", "br-connection-canceled")    # so it says, on LE links as well
BUSY = Error("InProgress", "Operation already in progress")


def ay(b):
    return dbus.Array([dbus.Byte(x) for x in b], signature="y")


def strings(xs):
    return dbus.Array(xs, signature="s")


def uuid(u):
    return u if len(u) > 4 else "0000" + u.lower() + BASE


class Peripheral:
    """Something in the air: what it advertises and its GATT table."""

    def __init__(self, spec):
        self.bytes_in, self.delay, self.refuse, self.adverts = 0, 0.0, False, 0
        self.in_range = True
        self.bonded = self.kept = False     # a device once connected to is remembered
        self.spec = {}
        self.update(spec)

    def update(self, spec):
        self.spec.update(spec)
        s = self.spec
        self.address = s["address"].upper()
        self.rssi = s.get("rssi", -60)
        self.services = s.get("services", [])
        for svc in self.services:
            for c in svc["chars"]:
                if not isinstance(c.get("value", b""), bytes):
                    c["value"] = bytes.fromhex(c["value"])

    def chars(self):
        return [c for s in self.services for c in s["chars"]]

    def advert(self):
        s = self.spec
        if "count" in s:
            company, at = s["count"]
            data = s["manufacturer"][str(company)]
            s["manufacturer"][str(company)] = data[:2 * at] + f"{self.adverts & 0xFFFF:04x}" + data[2 * at + 4:]
        return {"UUIDs": [uuid(u) for u in s.get("uuids", [])], "Name": s.get("name"),
                "ManufacturerData": {int(k): bytes.fromhex(v) for k, v in s.get("manufacturer", {}).items()},
                "ServiceData": {uuid(k): bytes.fromhex(v) for k, v in s.get("service_data", {}).items()}}


def standard_peripheral():
    """The same device that peripherals/gatt_peripheral.py registers with a real daemon."""
    rn = ["read", "notify"]
    return {"address": "00:AA:01:01:00:01", "name": "bed-sensor", "rssi": -58, "uuids": ["181A", "180F"],
            "commands": True, "services": [
                {"uuid": "181A", "chars": [
                    {"uuid": "2A6E", "flags": rn, "value": struct.pack("<h", 2137).hex()},
                    {"uuid": "2A6F", "flags": rn, "value": struct.pack("<H", 4512).hex()}]},
                {"uuid": "180F", "chars": [{"uuid": "2A19", "flags": rn, "value": "57"}]},
                {"uuid": OWN % 1, "chars": [
                    {"uuid": OWN % 2, "flags": ["read", "write", "notify"], "value": b"hello".hex()},
                    {"uuid": OWN % 3, "flags": ["read", "write-without-response"], "value": b"0".hex()},
                    {"uuid": OWN % 4, "flags": ["write"], "value": ""},
                    {"uuid": OWN % 5, "flags": ["read"], "value": b"secret".hex(), "encrypt": True}]}]}


class Link:
    """A device object of the adapter and, while connected, its GATT objects."""

    def __init__(self, fake, per):
        self.fake, self.per = fake, per
        self.path = fake.adapter + "/dev_" + per.address.replace(":", "_")
        self.connecting = self.connected = self.pairing = False
        self.charpath = {}      # object path -> characteristic
        self.sessions = {}      # object path -> set of senders that said StartNotify
        self.fds = {}           # object path -> [(kind, socket, glib source)]
        self.last_seen = 0


class Fake:
    def __init__(self, plain=False):
        self.loop = GLib.MainLoop()
        self.adapter = "/org/bluez/hci0"
        self.peripherals = {}
        self.timing = {"connect": 0.15, "resolve": 0.25, "read": 0.02, "write": 0.02,
                       "notify": 0.01, "advert": 0.1, "connect_timeout": 3.0}
        self.quirk = {"no_connected_signal": False, "resolved_first": False, "rssi_threshold": 8,
                      "keep_temporary": 30, "slots": 0, "strict_duplicates": False}
        self.fails, self.hanging, self.log = [], "", []
        self.monitors_how, self.blocked, self.flood_left, self.flooded = "none", False, 0, []
        self.control = self.open("org.blebed.Mock", self.on_control)
        self.powered = False
        self.start()
        if not plain:
            self.do_peripheral(standard_peripheral())

    # -- the daemon's life
    def open(self, name, handler):
        addr = os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
        conn = dbus.bus.BusConnection(addr, mainloop=dbus.mainloop.glib.DBusGMainLoop())
        conn.set_exit_on_disconnect(False)
        conn.add_message_filter(handler)
        conn.add_match_string("type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged'")
        conn.request_name(name, dbus.bus.NAME_FLAG_DO_NOT_QUEUE)
        return conn

    def start(self):
        self.tree, self.links = {}, {}
        self.filters, self.scanners = {}, {}
        self.agents, self.default_agent = {}, None
        self.monitors = {}      # sender -> path of its root
        self.alive = True
        self.conn = None
        self.add("/org/bluez", {"org.bluez.AgentManager1": {}, "org.bluez.ProfileManager1": {}})
        self.add_adapter()
        self.conn = self.open("org.bluez", self.on_bluez)
        self.ticking = GLib.timeout_add(int(self.timing["advert"] * 1000), self.tick)

    def add_adapter(self):
        self.powered = False
        self.add(self.adapter, {ADAPTER: {
            "Address": "00:AA:01:00:00:00", "AddressType": "public", "Name": "fake", "Alias": "fake",
            "Class": dbus.UInt32(0), "Powered": False, "Discoverable": False,
            "DiscoverableTimeout": dbus.UInt32(180), "Pairable": False, "PairableTimeout": dbus.UInt32(0),
            "Discovering": False, "UUIDs": strings([]), "Modalias": "usb:v1D6Bp0246d0542",
            "Roles": strings(["central", "peripheral"])},
            "org.bluez.GattManager1": {}, "org.bluez.LEAdvertisingManager1": {},
            **({} if self.monitors_how == "none" else {"org.bluez.AdvertisementMonitorManager1": {
                "SupportedMonitorTypes": strings(["or_patterns"]), "SupportedFeatures": strings([])}})})
        for per in self.peripherals.values():
            if per.bonded or per.kept:
                self.link(per, stored=True)

    def do_restart(self, graceful=True, away=1.0):
        for link in list(self.links.values()):
            self.lose(link, quiet=not graceful)
        if graceful:
            for path in sorted(self.tree, reverse=True):
                self.remove(path)
        self.alive = False
        self.conn.flush()
        self.conn.close()
        GLib.source_remove(self.ticking)
        if away >= 0:
            self.later(away, self.start)

    # -- the object tree and its signals
    def signal(self, path, iface, name, sig, *args):
        if self.conn and self.alive:
            m = dbus.lowlevel.SignalMessage(path, iface, name)
            m.append(signature=sig, *args)
            self.conn.send_message(m)

    def add(self, path, ifaces):
        self.tree.setdefault(path, {}).update(ifaces)
        both = dict(ifaces, **{f: {} for f in FREE})
        self.signal("/", OM, "InterfacesAdded", "oa{sa{sv}}", path, both)

    def remove(self, path, names=None):
        have = self.tree.get(path, {})
        names = list(names or have)
        for n in names:
            have.pop(n, None)
        if not have:
            self.tree.pop(path, None)
            names += FREE
        self.signal("/", OM, "InterfacesRemoved", "oas", path, names)

    def change(self, path, iface, gone=(), **new):
        props = self.tree.get(path, {}).get(iface)
        if props is None:
            return
        props.update(new)
        for g in gone:
            props.pop(g, None)
        self.signal(path, PROPS, "PropertiesChanged", "sa{sv}as", iface, new, strings(list(gone)))

    def later(self, seconds, f, *args):
        alive = self.conn

        def run():
            # nothing that the old daemon had planned happens in the new one
            if f == self.start or self.conn is alive:
                f(*args)
            return False
        GLib.timeout_add(max(1, int(seconds * 1000)), run)

    # -- calls
    def on_bluez(self, conn, m):
        if isinstance(m, dbus.lowlevel.SignalMessage):
            if m.get_member() == "NameOwnerChanged":
                name, _, new = m.get_args_list()
                if not new:
                    self.forget_client(str(name))
            return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
        if not isinstance(m, dbus.lowlevel.MethodCallMessage):
            return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
        iface, member, path = m.get_interface() or "", m.get_member(), m.get_path()
        short = iface.split(".")[-1] + "." + member
        args = m.get_args_list()
        self.log.append({"path": path, "call": short, "args": json.loads(json.dumps(args, default=str))})

        def reply(sig="", *values):
            if m.get_no_reply() or not self.alive:
                return
            r = dbus.lowlevel.MethodReturnMessage(m)
            if sig:
                r.append(signature=sig, *values)
            conn.send_message(r)

        def refuse(e):
            if not m.get_no_reply() and self.alive:
                conn.send_message(dbus.lowlevel.ErrorMessage(m, e.name, e.text))

        if self.hanging and (self.hanging == "*" or self.hanging == short):
            return dbus.lowlevel.HANDLER_RESULT_HANDLED
        try:
            self.injected(short, path, refuse)
            self.dispatch(iface, member, path, args, m.get_sender(), reply, refuse)
        except Error as e:
            refuse(e)
        except Handled:
            pass
        return dbus.lowlevel.HANDLER_RESULT_HANDLED

    def injected(self, short, path, refuse):
        for f in self.fails:
            if f["on"] == short and path.startswith(f.get("path", "")) and f.get("count", 1) != 0:
                f["count"] = f.get("count", 1) - 1
                e = Error(f.get("error", "Failed"), f.get("text", "Input/output error"))
                if short == "Device1.Connect" and "abort" in e.text:
                    # the real one is up for a moment before it is given up
                    self.later(f.get("delay", 0.1) / 2, lambda: self.change(path, DEVICE, Connected=True))
                    self.later(f.get("delay", 0.1), lambda: self.change(path, DEVICE, Connected=False))
                self.later(f.get("delay", 0.1), refuse, e)
                raise Handled

    def dispatch(self, iface, member, path, args, sender, reply, refuse):
        if iface == "org.freedesktop.DBus.Peer":
            return reply()
        if iface == OM and path == "/":
            tree = {p: {i: dbus.Dictionary(v, signature="sv") for i, v in dict(x, **{f: {} for f in FREE}).items()}
                    for p, x in self.tree.items()}
            return reply("a{oa{sa{sv}}}", tree)
        if iface == "org.freedesktop.DBus.Introspectable":
            return reply("s", self.introspect(path))
        if path not in self.tree:
            raise Error("org.freedesktop.DBus.Error.UnknownObject",
                        'Method "%s" with signature "" on interface "%s" doesn\'t exist\n' % (member, iface))
        if iface == PROPS:
            return self.properties(path, member, args, reply)
        if iface not in self.tree[path]:
            raise Error("org.freedesktop.DBus.Error.UnknownMethod",
                        'Method "%s" on interface "%s" doesn\'t exist\n' % (member, iface))
        handler = getattr(self, "%s_%s" % (iface.split(".")[-1], member), None)
        if not handler:
            raise Error("org.freedesktop.DBus.Error.UnknownMethod", "no such method")
        handler(path, args, sender, reply, refuse)

    def introspect(self, path):
        below = {p[len(path.rstrip("/")) + 1:].split("/")[0] for p in self.tree
                 if p != path and p.startswith(path.rstrip("/") + "/")}
        return "<node>%s%s</node>" % (
            "".join('<interface name="%s"/>' % i for i in self.tree.get(path, {})),
            "".join('<node name="%s"/>' % n for n in sorted(below)))

    def properties(self, path, member, args, reply):
        props = self.tree[path].get(str(args[0]))
        if props is None:
            raise Error("org.freedesktop.DBus.Error.InvalidArgs", "No such interface '%s'" % args[0])
        if member == "GetAll":
            return reply("a{sv}", dbus.Dictionary(props, signature="sv"))
        if member == "Get":
            if str(args[1]) not in props:
                raise Error("org.freedesktop.DBus.Error.InvalidArgs", "No such property '%s'" % args[1])
            return reply("v", props[str(args[1])])
        name, value = str(args[1]), args[2]
        writable = {ADAPTER: ("Powered", "Alias", "Discoverable", "Pairable", "DiscoverableTimeout",
                              "PairableTimeout"), DEVICE: ("Trusted", "Blocked", "Alias")}
        if name not in writable.get(str(args[0]), ()):
            raise Error("org.freedesktop.DBus.Error.PropertyReadOnly", "Property '%s' is not writable" % name)
        if name == "Powered":
            if bool(value) and self.blocked:
                raise Error("Blocked", "Blocked through rfkill")
            self.power(bool(value))
        else:
            self.change(path, str(args[0]), **{name: value})
        reply()

    def forget_client(self, name):
        self.monitors.pop(name, None)
        if name in self.scanners:
            self.end_scan(name)
        self.filters.pop(name, None)
        if self.agents.pop(name, None) and self.default_agent == name:
            self.default_agent = None
        for link in self.links.values():
            for path in list(link.sessions):
                if name in link.sessions[path]:
                    self.end_notify(link, path, name)

    # -- adapter
    def power(self, on):
        if on == self.powered:
            return
        self.powered = on
        if not on:
            for link in list(self.links.values()):
                link.connecting = False
                self.lose(link)
            self.scanners.clear()
            self.monitors.clear()
            self.change(self.adapter, ADAPTER, Powered=False, Discovering=False)
        else:
            self.change(self.adapter, ADAPTER, Powered=True)

    def ready(self):
        if not self.powered:
            raise Error("NotReady", "Resource Not Ready")

    def Adapter1_SetDiscoveryFilter(self, path, args, sender, reply, refuse):
        filt = {str(k): v for k, v in args[0].items()}
        if str(filt.get("Transport", "auto")) not in ("auto", "le", "bredr"):
            raise Error("InvalidArguments", "Invalid arguments in method call")
        if set(filt) - {"UUIDs", "RSSI", "Pathloss", "Transport", "DuplicateData", "Discoverable", "Pattern"}:
            raise Error("InvalidArguments", "Invalid arguments in method call")
        if not filt:
            self.filters.pop(sender, None)
        else:
            self.filters[sender] = filt
        if sender in self.scanners:
            self.scanners[sender] = self.filters.get(sender, {})
        reply()

    def Adapter1_StartDiscovery(self, path, args, sender, reply, refuse):
        self.ready()
        if sender in self.scanners:
            raise BUSY
        first = not self.scanners
        self.scanners[sender] = self.filters.get(sender, {})
        reply()
        if first:
            self.change(self.adapter, ADAPTER, Discovering=True)

    def Adapter1_StopDiscovery(self, path, args, sender, reply, refuse):
        self.ready()
        if sender not in self.scanners:
            raise Error("Failed", "No discovery started")
        self.end_scan(sender)
        reply()

    def Adapter1_GetDiscoveryFilters(self, path, args, sender, reply, refuse):
        reply("as", strings(["UUIDs", "RSSI", "Pathloss", "Transport", "DuplicateData", "Discoverable", "Pattern"]))

    def Adapter1_RemoveDevice(self, path, args, sender, reply, refuse):
        self.ready()
        link = self.links.get(str(args[0]))
        if not link:
            raise Error("DoesNotExist", "Does Not Exist")
        link.per.bonded = link.per.kept = False
        self.forget(link)
        reply()

    def end_scan(self, sender):
        del self.scanners[sender]
        if self.scanners:
            return
        self.change(self.adapter, ADAPTER, Discovering=False)
        for link in list(self.links.values()):
            per = link.per
            if not (per.spec.get("connectable", True) or per.kept or per.bonded):
                self.forget(link)       # broadcasters are dropped as soon as nobody listens
            elif "RSSI" in self.tree[link.path][DEVICE]:
                self.change(link.path, DEVICE, gone=["RSSI"])

    def tick(self):
        """One round of advertisements; and temporary devices that were not seen for long go."""
        now = GLib.get_monotonic_time() / 1e6
        if self.powered and (self.scanners or (self.monitors and self.monitors_how == "work")):
            for per in list(self.peripherals.values()):
                link = self.links.get(self.adapter + "/dev_" + per.address.replace(":", "_"))
                if per.in_range and not (link and link.connected):
                    self.hear(per, now)
        elif self.powered:
            for link in list(self.links.values()):
                if not (link.connected or link.connecting or link.per.bonded or link.per.kept) and \
                        now - link.last_seen > self.quirk["keep_temporary"] and \
                        not self.tree[link.path][DEVICE]["Trusted"]:
                    self.forget(link)
        return True

    def hear(self, per, now):
        due = per.spec.get("interval", 0)
        if now - getattr(per, "sent", -1e9) < due:
            return
        per.sent = now
        per.adverts += 1
        ad = per.advert()
        if self.quirk["strict_duplicates"]:
            # a controller that reports the same advert once per scan period of some 10 s
            if getattr(per, "reported", None) == (ad, per.rssi) and now - per.reported_at < 10:
                return
            per.reported, per.reported_at = (ad, per.rssi), now
        passive = self.monitors and self.monitors_how == "work"
        if not passive and not any(self.wanted(f, per, ad) for f in self.scanners.values()):
            return
        link = self.links.get(self.adapter + "/dev_" + per.address.replace(":", "_")) or self.link(per)
        link.last_seen = now
        props = self.tree[link.path][DEVICE]
        dup = passive or any(f.get("DuplicateData", False) for f in self.scanners.values())
        new = {}
        if "RSSI" not in props or abs(int(props["RSSI"]) - per.rssi) >= (0 if dup else self.quirk["rssi_threshold"]):
            new["RSSI"] = dbus.Int16(per.rssi)
        if ad["Name"] and props.get("Name") != ad["Name"]:
            new["Name"] = new["Alias"] = ad["Name"]
        if ad["UUIDs"] and not set(ad["UUIDs"]) <= set(props["UUIDs"]):
            new["UUIDs"] = strings(sorted(set(props["UUIDs"]) | set(ad["UUIDs"])))
        for key, sig in (("ManufacturerData", "qv"), ("ServiceData", "sv")):
            if ad[key]:
                old = props.get(key, {})
                same = {k: bytes(v) for k, v in old.items()} == ad[key]
                if dup or not same:
                    # the newest advert's entries, and only those, as seen on the real one
                    new[key] = dbus.Dictionary({(dbus.UInt16(k) if sig == "qv" else k): ay(v)
                                                for k, v in ad[key].items()}, signature=sig)
        if new:
            self.change(link.path, DEVICE, **new)

    @staticmethod
    def wanted(f, per, ad):
        if f.get("UUIDs") and not set(map(str, f["UUIDs"])) & set(ad["UUIDs"]):
            return False    # only listed service UUIDs count: the keys of service data do not
        if "RSSI" in f and per.rssi < int(f["RSSI"]):
            return False
        if f.get("Pattern") and not (per.address.startswith(str(f["Pattern"])) or
                                     (ad["Name"] or "").startswith(str(f["Pattern"]))):
            return False
        return True

    # -- advertisement monitors
    def AdvertisementMonitorManager1_RegisterMonitor(self, path, args, sender, reply, refuse):
        if self.monitors_how == "none":
            raise Error("NotSupported", "Operation is not supported")
        if sender in self.monitors:
            raise Error("AlreadyExists", "Already Exists")
        root = str(args[0])
        reply()

        def known(objects):
            for its, ifaces in objects.items():
                if "org.bluez.AdvertisementMonitor1" in ifaces and str(ifaces["org.bluez.AdvertisementMonitor1"]["Type"]) == "or_patterns":
                    self.monitors[sender] = str(its)
                    self.conn.call_async(sender, its, "org.bluez.AdvertisementMonitor1", "Activate", "", (), lambda *a: None, lambda e: None)
        self.conn.call_async(sender, root, OM, "GetManagedObjects", "", (), known, lambda e: print("no monitors:", e, file=sys.stderr))

    def AdvertisementMonitorManager1_UnregisterMonitor(self, path, args, sender, reply, refuse):
        if not self.monitors.pop(sender, None):
            raise Error("DoesNotExist", "Does Not Exist")
        reply()

    # -- devices
    def link(self, per, stored=False):
        paired = per.bonded
        link = Link(self, per)
        link.last_seen = GLib.get_monotonic_time() / 1e6
        self.links[link.path] = link
        ad = per.advert()
        props = {"Address": per.address, "AddressType": per.spec.get("address_type", "public"),
                 "Alias": ad["Name"] or per.address.replace(":", "-"), "Paired": paired, "Bonded": paired,
                 "Trusted": False, "Blocked": False, "LegacyPairing": False, "Connected": False,
                 "UUIDs": strings(ad["UUIDs"]), "Adapter": dbus.ObjectPath(self.adapter),
                 "ServicesResolved": False}
        if ad["Name"]:
            props["Name"] = ad["Name"]
        if not stored:
            props["RSSI"] = dbus.Int16(per.rssi)
        for key, sig in (("ManufacturerData", "qv"), ("ServiceData", "sv")):
            if ad[key] and not stored:
                props[key] = dbus.Dictionary({(dbus.UInt16(k) if sig == "qv" else k): ay(v)
                                              for k, v in ad[key].items()}, signature=sig)
        self.add(link.path, {DEVICE: props})
        return link

    def forget(self, link):
        self.lose(link)
        self.drop_objects(link)
        self.remove(link.path)
        self.links.pop(link.path, None)

    def Device1_Connect(self, path, args, sender, reply, refuse):
        self.ready_device()
        link = self.links[path]
        if link.connecting:
            raise Error("Failed", "Operation already in progress")
        if link.connected:
            return reply()
        limit = self.quirk["slots"]
        if limit and sum(x.connected for x in self.links.values()) >= limit:
            self.later(0.3, refuse, ABORTED)
            return
        link.connecting = link.per.kept = True
        if not link.per.in_range or not link.per.spec.get("connectable", True):
            def gave_up():
                refuse(ABORTED if link.connecting else CANCELED)
                link.connecting = False
            # the real one takes about 42 s; "timing": {"connect_timeout": 42} for the real wait
            self.later(self.timing["connect_timeout"], gave_up)
            return

        def up():
            if not link.connecting:     # Disconnect or power off came in between
                refuse(CANCELED)
                return
            link.connecting, link.connected = False, True
            if self.quirk["no_connected_signal"]:
                self.tree[path][DEVICE]["Connected"] = True
            else:
                self.change(path, DEVICE, Connected=True)
            reply()
            self.later(self.timing["resolve"], self.resolve, link)
        self.later(self.timing["connect"], up)

    def ready_device(self):
        if not self.powered:
            raise Error("Failed", "Input/output error")

    def resolve(self, link):
        if not link.connected:
            return
        if self.quirk["resolved_first"]:
            self.change(link.path, DEVICE, ServicesResolved=True)
        self.make_objects(link)
        listed = sorted({uuid(s["uuid"]) for s in link.per.services} | {"00001800" + BASE, "00001801" + BASE})
        self.change(link.path, DEVICE, UUIDs=strings(listed), ServicesResolved=True)
        for path, senders in list(link.sessions.items()):
            # BlueZ writes the subscription again while a client still holds its session
            if path not in self.tree:
                del link.sessions[path]
        for c in link.per.chars():
            if uuid(c["uuid"]) == uuid("2A19") and c.get("value"):
                self.add(link.path, {BATTERY: {"Percentage": dbus.Byte(c["value"][0])}})

    def make_objects(self, link):
        if link.charpath:
            return      # still there from an earlier connection
        handle = getattr(link, "next_handle", 0x10)
        for s in link.per.services:
            spath = "%s/service%04x" % (link.path, handle)
            handle += 1
            self.add(spath, {SERVICE: {"UUID": uuid(s["uuid"]), "Primary": True,
                                       "Device": dbus.ObjectPath(link.path), "Includes": dbus.Array([], signature="o")}})
            for c in s["chars"]:
                cpath = "%s/char%04x" % (spath, handle)
                handle += 2
                props = {"UUID": uuid(c["uuid"]), "Service": dbus.ObjectPath(spath), "Value": ay(b""),
                         "Flags": strings(c["flags"]), "MTU": dbus.UInt16(517)}
                if set(c["flags"]) & {"notify", "indicate"}:
                    props["Notifying"] = False
                    props["NotifyAcquired"] = False
                if "write-without-response" in c["flags"]:
                    props["WriteAcquired"] = False
                self.add(cpath, {CHAR: props})
                link.charpath[cpath] = c
                if "Notifying" in props:
                    self.add("%s/desc%04x" % (cpath, handle), {DESC: {
                        "UUID": "00002902" + BASE, "Characteristic": dbus.ObjectPath(cpath), "Value": ay(b"")}})
                    handle += 1
        link.next_handle = handle

    def drop_objects(self, link):
        for path in sorted((p for p in self.tree if p.startswith(link.path + "/")), reverse=True):
            self.remove(path)
        link.charpath.clear()

    def lose(self, link, quiet=False):
        """The connection is gone; the GATT objects stay, as with the real daemon."""
        for path, held in list(link.fds.items()):
            for kind, sock, source in held:
                GLib.source_remove(source)
                sock.close()
                if not quiet:
                    self.change(path, CHAR, **{kind: False})
        link.fds.clear()
        if link.connected:
            link.connected = False
            if not quiet:
                self.change(link.path, DEVICE, ServicesResolved=False, Connected=False)
                if BATTERY in self.tree.get(link.path, {}):
                    self.remove(link.path, [BATTERY])
        link.last_seen = GLib.get_monotonic_time() / 1e6

    def Device1_Disconnect(self, path, args, sender, reply, refuse):
        link = self.links[path]
        link.connecting = False

        def down():
            self.lose(link)
            reply()
        self.later(self.timing["connect"], down)

    def Device1_ConnectProfile(self, path, args, sender, reply, refuse):
        raise Error("NotAvailable", "Operation currently not available")

    # -- pairing
    def AgentManager1_RegisterAgent(self, path, args, sender, reply, refuse):
        if sender in self.agents:
            raise Error("AlreadyExists", "Already Exists")
        self.agents[sender] = (str(args[0]), str(args[1]))
        if not self.default_agent:
            self.default_agent = sender
        reply()

    def AgentManager1_UnregisterAgent(self, path, args, sender, reply, refuse):
        if not self.agents.pop(sender, None):
            raise Error("DoesNotExist", "Does Not Exist")
        reply()

    def AgentManager1_RequestDefaultAgent(self, path, args, sender, reply, refuse):
        if sender not in self.agents:
            raise Error("DoesNotExist", "Does Not Exist")
        self.default_agent = sender
        reply()

    def Device1_Pair(self, path, args, sender, reply, refuse):
        self.ready_device()
        link = self.links[path]
        if link.per.bonded:
            raise Error("AlreadyExists", "Already Exists")
        if link.pairing:
            raise BUSY
        who = sender if sender in self.agents else self.default_agent
        link.pairing = True

        def done():
            link.pairing = False
            if not link.per.in_range:
                refuse(Error("ConnectionAttemptFailed", "Page Timeout"))
                return
            link.per.bonded = True
            self.change(path, DEVICE, Paired=True, Bonded=True)
            if not link.connected:
                link.connected = True
                self.change(path, DEVICE, Connected=True)
                self.later(self.timing["resolve"], self.resolve, link)
            reply()

        def no(*a):
            link.pairing = False
            refuse(Error("AuthenticationFailed", "Authentication Failed"))
        if not link.per.spec.get("passkey"):
            self.later(0.2, done)
        elif who:
            agent, _ = self.agents[who]
            self.conn.call_async(who, agent, "org.bluez.Agent1", "RequestPasskey", "o", (path,),
                                 lambda key: done() if int(key) == link.per.spec["passkey"] else no(), no)
        else:
            self.later(0.2, no)

    def Device1_CancelPairing(self, path, args, sender, reply, refuse):
        if not self.links[path].pairing:
            raise Error("DoesNotExist", "Does Not Exist")
        self.links[path].pairing = False
        reply()

    # -- characteristics
    def at(self, path):
        for link in self.links.values():
            if path in link.charpath:
                if not link.connected:
                    raise NOT_CONNECTED
                return link, link.charpath[path]
        raise Error("org.freedesktop.DBus.Error.UnknownObject", "gone")

    def GattCharacteristic1_ReadValue(self, path, args, sender, reply, refuse):
        link, c = self.at(path)
        offset = int(args[0].get("offset", 0)) if args else 0
        if "read" not in c["flags"]:
            raise Error("NotPermitted", "Read not permitted")

        def answer():
            if not link.connected:
                refuse(CUT_OFF)
            elif link.per.refuse:
                refuse(Error("NotPermitted", "Read not permitted"))
            elif c.get("encrypt") and not link.per.bonded:
                refuse(Error("NotPermitted", "Not paired"))
            elif offset > len(c["value"]):
                refuse(Error("InvalidArguments", "Invalid offset"))
            else:
                if not offset:
                    self.change(path, CHAR, Value=ay(c["value"]))
                reply("ay", ay(c["value"][offset:]))
        # one ATT channel: a slow answer holds up what comes behind it
        now = GLib.get_monotonic_time() / 1e6
        start = max(now, getattr(link, "busy_until", 0))
        link.busy_until = start + self.timing["read"] + link.per.delay
        self.later(link.busy_until - now, answer)

    def GattCharacteristic1_WriteValue(self, path, args, sender, reply, refuse):
        link, c = self.at(path)
        data, opt = bytes(args[0]), {str(k): v for k, v in args[1].items()}
        kind = str(opt.get("type", ""))
        can_w, can_c = "write" in c["flags"], "write-without-response" in c["flags"]
        if kind not in ("", "request", "command", "reliable") or not (can_w or can_c) or \
                (kind == "request" and not can_w) or (kind == "command" and not can_c):
            raise Error("NotSupported", "Operation is not supported")

        def answer():
            if not link.connected:
                refuse(CUT_OFF)
                return
            self.written(link, path, c, data)
            reply()
        if kind == "command" or not can_w:
            self.written(link, path, c, data)   # answered without waiting for the peer
            reply()
        else:
            self.later(self.timing["write"], answer)

    def written(self, link, path, c, data):
        per = link.per
        if per.spec.get("commands") and c["uuid"] == OWN % 4:
            self.standard_command(link, data)
        elif per.spec.get("commands") and c["uuid"] == OWN % 3:
            per.bytes_in += len(data)
            c["value"] = str(per.bytes_in).encode()
        else:
            c["value"] = data
            self.later(self.timing["notify"], self.notify, link, c, data)

    def standard_command(self, link, data):
        """What peripherals/gatt_peripheral.py does on a write to 7b1e0004."""
        per, op, arg = link.per, data[0], data[1] if len(data) > 1 else 0
        if op == 0:
            per.delay, per.refuse = 0, False
        elif op == 1:
            self.later(0.2, self.lose, link)
        elif op == 7:
            per.bonded = False
            self.later(0.2, self.lose, link)
        elif op == 2:
            per.delay = arg / 10
        elif op == 3:
            per.refuse = True
        elif op == 4:
            own = per.services.pop()
            self.later(0.2, self.redo_services, link)

            def back():
                per.services.append(own)
                self.redo_services(link)
            self.later(1.7, back)
        elif op == 5:
            echo = [c for c in per.chars() if c["uuid"] == OWN % 2][0]
            for i in range(arg):
                self.later(self.timing["notify"] * (i + 1), self.notify, link, echo, struct.pack("<H", i))
        elif op == 6:
            c = [c for c in per.chars() if uuid(c["uuid"]) == uuid("2A6E")][0]
            c["value"] = struct.pack("<h", struct.unpack("<h", c["value"])[0] + 100)
            self.notify(link, c, c["value"])

    def redo_services(self, link):
        self.drop_objects(link)
        link.sessions.clear()
        if link.connected:
            self.make_objects(link)

    def notify(self, link, c, data):
        if not link.connected:
            return
        for path, other in link.charpath.items():
            if other is not c:
                continue
            for kind, sock, _ in link.fds.get(path, []):
                if kind == "NotifyAcquired":
                    try:
                        sock.send(data)
                    except OSError:
                        pass
                    return
            if link.sessions.get(path):
                self.change(path, CHAR, Value=ay(data))

    def GattCharacteristic1_StartNotify(self, path, args, sender, reply, refuse):
        link, c = self.at(path)
        if not set(c["flags"]) & {"notify", "indicate"}:
            raise Error("NotSupported", "Operation is not supported")
        if any(k == "NotifyAcquired" for k, *_ in link.fds.get(path, [])):
            raise Error("NotPermitted", "Notify acquired")
        have = link.sessions.setdefault(path, set())
        first = not have
        have.add(sender)

        def answer():
            if not link.connected:
                refuse(NOT_CONNECTED)
                return
            if first:
                self.change(path, CHAR, Notifying=True)
            reply()
        self.later(self.timing["write"], answer)

    def GattCharacteristic1_StopNotify(self, path, args, sender, reply, refuse):
        link, c = self.at(path)
        if sender not in link.sessions.get(path, ()):
            raise Error("Failed", "No notify session started")
        self.end_notify(link, path, sender)
        reply()

    def end_notify(self, link, path, sender):
        link.sessions[path].discard(sender)
        if not link.sessions[path]:
            del link.sessions[path]
            self.change(path, CHAR, Notifying=False)

    def acquire(self, path, kind, needed, on_data):
        link, c = self.at(path)
        if not set(c["flags"]) & needed:
            raise Error("NotSupported", "Operation is not supported")
        if any(k == kind for k, *_ in link.fds.get(path, [])):
            raise Error("NotPermitted", "%s acquired" % kind[:-8])
        if kind == "NotifyAcquired" and link.sessions.get(path):
            raise Error("NotPermitted", "Notify acquired")
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def ready(fd, cond):
            data = b""
            try:
                data = mine.recv(600)
            except OSError:
                pass
            if data:
                on_data(link, path, c, data)
                return True
            held[:] = [h for h in held if h[1] is not mine]
            mine.close()
            self.change(path, CHAR, **{kind: False})
            return False
        source = GLib.io_add_watch(mine.fileno(), GLib.IO_IN | GLib.IO_HUP, ready)
        held = link.fds.setdefault(path, [])
        held.append((kind, mine, source))
        return theirs

    def GattCharacteristic1_AcquireNotify(self, path, args, sender, reply, refuse):
        self.hand_over(path, reply, "NotifyAcquired", {"notify", "indicate"}, lambda *a: None)

    def GattCharacteristic1_AcquireWrite(self, path, args, sender, reply, refuse):
        self.hand_over(path, reply, "WriteAcquired", {"write-without-response"}, self.written)

    def hand_over(self, path, reply, kind, needed, on_data):
        theirs = self.acquire(path, kind, needed, on_data)
        reply("hq", dbus.types.UnixFd(theirs.fileno()), 517)
        theirs.close()
        self.change(path, CHAR, **{kind: True})

    # -- what tests say
    def on_control(self, conn, m):
        if not isinstance(m, dbus.lowlevel.MethodCallMessage):
            return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
        if m.get_member() == "Introspect":      # gdbus asks, to know that the argument is a string
            r = dbus.lowlevel.MethodReturnMessage(m)
            r.append('<node><interface name="org.blebed.Mock1"><method name="Do">'
                     '<arg type="s" direction="in"/><arg type="s" direction="out"/>'
                     '</method></interface></node>', signature="s")
            conn.send_message(r)
            return dbus.lowlevel.HANDLER_RESULT_HANDLED
        if m.get_interface() != "org.blebed.Mock1":
            return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
        try:
            words = json.loads(m.get_args_list()[0])
            r = dbus.lowlevel.MethodReturnMessage(m)
            r.append(json.dumps(self.do(words), default=str), signature="s")
        except Exception as e:
            r = dbus.lowlevel.ErrorMessage(m, "org.blebed.Error", "%s: %s" % (type(e).__name__, e))
        conn.send_message(r)
        return dbus.lowlevel.HANDLER_RESULT_HANDLED

    def do(self, words):
        words = dict(words)
        return getattr(self, "do_" + words.pop("do"))(**words) if words["do"] != "peripheral" \
            else self.do_peripheral({k: v for k, v in words.items() if k != "do"})

    def do_peripheral(self, spec):
        have = self.peripherals.get(spec["address"].upper())
        if have:
            have.update(spec)
        else:
            self.peripherals[spec["address"].upper()] = Peripheral(spec)

    def linked(self, address):
        return self.links.get(self.adapter + "/dev_" + address.upper().replace(":", "_"))

    def do_vanish(self, address):
        self.peripherals[address.upper()].in_range = False
        if self.linked(address):
            self.lose(self.linked(address))

    def do_appear(self, address):
        self.peripherals[address.upper()].in_range = True

    def do_drop(self, address):
        self.lose(self.linked(address))

    def find(self, address, u):
        per = self.peripherals[address.upper()]
        return [c for c in per.chars() if uuid(c["uuid"]) == uuid(u)][0]

    def do_value(self, address, uuid, value):
        c = self.find(address, uuid)
        c["value"] = bytes.fromhex(value)
        if self.linked(address):
            self.notify(self.linked(address), c, c["value"])

    def do_notify(self, address, uuid, values):
        c = self.find(address, uuid)
        for v in values:
            self.notify(self.linked(address), c, bytes.fromhex(v))

    def do_services(self, address, services):
        self.peripherals[address.upper()].update({"services": services})
        if self.linked(address):
            self.redo_services(self.linked(address))

    def do_fail(self, **f):
        self.fails.append(f)

    def do_timing(self, **t):
        self.timing.update(t)

    def do_quirk(self, **q):
        self.quirk.update(q)

    def do_hang(self, on):
        self.hanging = on

    def do_power(self, on):
        self.power(on)

    def do_adapter(self, present):
        if present and self.adapter not in self.tree:
            self.add_adapter()
        elif not present:
            for link in list(self.links.values()):
                self.forget(link)
            self.scanners.clear()
            self.remove(self.adapter)

    def do_flood(self, count, rate=1000):
        self.flood_left, step = count, max(1, rate // 20)

        def some():
            if not self.alive or self.flood_left <= 0:
                return False
            for _ in range(min(step, self.flood_left)):
                self.flood_left -= 1
                raw = os.urandom(6)
                path = self.adapter + "/dev_" + "_".join("%02X" % b for b in raw)
                self.add(path, {DEVICE: {"Address": ":".join("%02X" % b for b in raw), "AddressType": "random", "Alias": "x",
                                         "Paired": False, "Connected": False, "ServicesResolved": False, "UUIDs": strings([]),
                                         "Adapter": dbus.ObjectPath(self.adapter), "RSSI": dbus.Int16(-80),
                                         "ManufacturerData": dbus.Dictionary({dbus.UInt16(raw[0] * 256 + raw[1]): ay(os.urandom(20))}, signature="qv")}})
                self.flooded.append(path)
            while len(self.flooded) > 2000:     # bluetoothd drops them after a while
                self.remove(self.flooded.pop(0))
            return True
        GLib.timeout_add(50, some)

    def do_monitors(self, how):
        self.monitors_how = how

    def do_block(self, on):
        self.blocked = on
        if on:
            self.power(False)

    def do_calls(self, clear=False):
        log = list(self.log)
        if clear:
            self.log.clear()
        return log

    def do_state(self):
        return {"connected": [x.per.address for x in self.links.values() if x.connected],
                "scanners": len(self.scanners), "powered": self.powered,
                "monitors": len(self.monitors), "flood_left": self.flood_left, "adverts": sum(p.adverts for p in self.peripherals.values()),
                "bonded": [p.address for p in self.peripherals.values() if p.bonded],
                "notifying": {p: len(s) for x in self.links.values() for p, s in x.sessions.items()}}


class Handled(Exception):
    """The call is answered elsewhere."""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--plain", action="store_true", help="no peripheral to begin with")
    p.add_argument("--setup", help="a file of commands, a JSON list")
    a = p.parse_args()
    fake = Fake(a.plain)
    for words in json.load(open(a.setup)) if a.setup else []:
        fake.do(words)
    print("READY", flush=True)
    fake.loop.run()


if __name__ == "__main__":
    sys.exit(main())
