#!/usr/bin/python3
"""A GATT peripheral registered with a real bluetoothd (GattManager1, LEAdvertisingManager1).

Services:
  0x181A Environmental Sensing: 0x2A6E temperature, 0x2A6F humidity (read, notify)
  0x180F Battery: 0x2A19 level (read, notify)
  7b1e0001-...: own service
     7b1e0002-...  read, write, notify: keeps what is written, and notifies it
     7b1e0003-...  write-without-response: counts bytes, readable
     7b1e0004-...  write: commands (a peripheral that misbehaves on demand)
          01        drop the connection
          02 SS     answer every later read after SS tenths of a second
          03        fail every later read with a NotPermitted error
          04        take the own service away and put it back (Service Changed)
          05 NN     send NN notifications on 7b1e0002 as fast as possible
          06        temperature +1 degree, notified
          07        drop the connection and forget the bond
          00        behave again
     7b1e0005-...  read, needs an encrypted link (asks for pairing)

  gatt_peripheral.py [--adapter hci1] [--advert sensor|ruuvi|bthome|none] [--name NAME]
Prints READY when all is registered.
"""
import argparse
import struct
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

BLUEZ = "org.bluez"
OM = "org.freedesktop.DBus.ObjectManager"
PROPS = "org.freedesktop.DBus.Properties"
OWN = "7b1e%04x-5d2c-4c6b-9f0e-3f6a2b7d9c10"
ROOT = "/testbed"


def sig16(short):
    return "0000%04x-0000-1000-8000-00805f9b34fb" % short


def ay(data):
    return dbus.Array([dbus.Byte(b) for b in data], signature="y")


class Refused(dbus.DBusException):
    def __init__(self, name):
        super().__init__("refused by the test peripheral")
        self._dbus_error_name = "org.bluez.Error." + name


class Node(dbus.service.Object):
    """An object with one interface's properties."""
    iface = ""

    def __init__(self, bus, path):
        self.path = dbus.ObjectPath(path)
        super().__init__(bus, path)

    def props(self):
        return {}

    @dbus.service.method(PROPS, in_signature="s", out_signature="a{sv}")
    def GetAll(self, iface):
        return dbus.Dictionary(self.props() if iface == self.iface else {}, signature="sv")

    @dbus.service.method(PROPS, in_signature="ss", out_signature="v")
    def Get(self, iface, name):
        return self.props()[name]

    @dbus.service.signal(PROPS, signature="sa{sv}as")
    def PropertiesChanged(self, iface, changed, gone):
        pass


class Service(Node):
    iface = "org.bluez.GattService1"

    def __init__(self, bus, path, uuid):
        super().__init__(bus, path)
        self.uuid, self.chars = uuid, []

    def props(self):
        return {"UUID": self.uuid, "Primary": True}


class Char(Node):
    iface = "org.bluez.GattCharacteristic1"

    def __init__(self, world, service, uuid, flags, value=b"", on_write=None):
        super().__init__(world.bus, "%s/char%d" % (service.path, len(service.chars)))
        self.world, self.service, self.uuid, self.flags = world, service, uuid, flags
        self.value, self.on_write, self.notifying = value, on_write, False
        service.chars.append(self)

    def props(self):
        return {"Service": self.service.path, "UUID": self.uuid,
                "Flags": dbus.Array(self.flags, signature="s")}

    @dbus.service.method(iface, in_signature="a{sv}", out_signature="ay",
                         async_callbacks=("done", "failed"))
    def ReadValue(self, options, done, failed):
        print("READ", self.uuid[:8], "offset", int(options.get("offset", 0)),
              "mtu", int(options.get("mtu", 0)), flush=True)
        if self.world.refuse:
            failed(Refused("NotPermitted"))
            return
        answer = ay(self.value[int(options.get("offset", 0)):])
        if self.world.delay:
            GLib.timeout_add(self.world.delay * 100, lambda: done(answer))
        else:
            done(answer)

    @dbus.service.method(iface, in_signature="aya{sv}")
    def WriteValue(self, data, options):
        data = bytes(data)
        print("WRITE", self.uuid[:8], data.hex(), options.get("type", ""), flush=True)
        if self.on_write:
            self.on_write(self, data)
        else:
            self.set(data)

    @dbus.service.method(iface)
    def StartNotify(self):
        print("SUBSCRIBED", self.uuid[:8], flush=True)
        self.notifying = True

    @dbus.service.method(iface)
    def StopNotify(self):
        print("UNSUBSCRIBED", self.uuid[:8], flush=True)
        self.notifying = False

    def set(self, data):
        self.value = bytes(data)
        if self.notifying:
            self.PropertiesChanged(self.iface, {"Value": ay(self.value)}, [])


class Application(dbus.service.Object):
    def __init__(self, bus, path):
        super().__init__(bus, path)
        self.services = []

    @dbus.service.method(OM, out_signature="a{oa{sa{sv}}}")
    def GetManagedObjects(self):
        tree = {}
        for s in self.services:
            tree[s.path] = {s.iface: dbus.Dictionary(s.props(), signature="sv")}
            for c in s.chars:
                tree[c.path] = {c.iface: dbus.Dictionary(c.props(), signature="sv")}
        return dbus.Dictionary(tree, signature="oa{sa{sv}}")


class Advert(Node):
    iface = "org.bluez.LEAdvertisement1"

    def __init__(self, bus, kind, name):
        super().__init__(bus, ROOT + "/advert")
        self.p = {"Type": "peripheral"}
        if kind == "sensor":
            self.p["ServiceUUIDs"] = dbus.Array([sig16(0x181A), sig16(0x180F)], signature="s")
            self.p["LocalName"] = name
        elif kind == "ruuvi":
            self.p["ManufacturerData"] = dbus.Dictionary(
                {dbus.UInt16(0x0499): ay(ruuvi5())}, signature="qv")
        elif kind == "bthome":
            self.p["ServiceData"] = dbus.Dictionary(
                {sig16(0xFCD2): ay(bthome2())}, signature="sv")
            self.p["LocalName"] = name

    def props(self):
        return self.p

    @dbus.service.method(iface)
    def Release(self):
        print("ADVERT RELEASED", flush=True)


def ruuvi5(temperature=24.30, humidity=53.49, pascal=100044, acc=(4, -4, 1036),
           battery_mv=2977, tx=4, moves=66, seq=205, mac="cbb8334c884f"):
    """RuuviTag data format 5; the defaults are the format's published test vector."""
    return struct.pack(">BhHHhhhHBH", 5, round(temperature / 0.005), round(humidity / 0.0025),
                       pascal - 50000, *acc, (battery_mv - 1600) << 5 | (tx + 40) // 2,
                       moves, seq) + bytes.fromhex(mac)


def bthome2(temperature=25.00, humidity=50.55, battery=97, packet=9):
    """BTHome v2, not encrypted: packet id, battery, temperature, humidity."""
    return struct.pack("<BBBBBBhBH", 0x40, 0x00, packet, 0x01, battery, 0x02,
                       round(temperature * 100), 0x03, round(humidity * 100))


class Consent(dbus.service.Object):
    """Says yes to whoever pairs with the peripheral. The bus's default agent: a central's own agent answers for what the
    central itself began, and must not be asked for the other end."""
    path = "/peripheral/agent"

    @dbus.service.method("org.bluez.Agent1", in_signature="o")
    def RequestAuthorization(self, device):
        print("PAIRING", device, flush=True)

    @dbus.service.method("org.bluez.Agent1", in_signature="ou")
    def RequestConfirmation(self, device, number):
        print("PAIRING", device, flush=True)

    @dbus.service.method("org.bluez.Agent1")
    def Cancel(self):
        pass

    @dbus.service.method("org.bluez.Agent1")
    def Release(self):
        pass


class World:
    def __init__(self, args):
        self.bus = dbus.SystemBus()
        self.args = args
        self.delay, self.refuse, self.bytes_in = 0, False, 0
        self.adapter = "/org/bluez/" + args.adapter
        self.app = Application(self.bus, ROOT)
        env = self.service("env", sig16(0x181A))
        self.temp = Char(self, env, sig16(0x2A6E), ["read", "notify"],
                         struct.pack("<h", round(args.temperature * 100)))
        Char(self, env, sig16(0x2A6F), ["read", "notify"],
             struct.pack("<H", round(args.humidity * 100)))
        bat = self.service("bat", sig16(0x180F))
        Char(self, bat, sig16(0x2A19), ["read", "notify"], bytes([args.battery]))
        # an application of its own: bluetoothd takes no later additions to a registered one
        self.app2 = Application(self.bus, ROOT + "2")
        own = Service(self.bus, ROOT + "2/own", OWN % 1)
        self.app2.services.append(own)
        self.echo = Char(self, own, OWN % 2, ["read", "write", "notify"], b"hello")
        self.sink = Char(self, own, OWN % 3, ["read", "write-without-response"], b"0",
                         lambda c, d: self.count(c, d))
        Char(self, own, OWN % 4, ["write"], b"", lambda c, d: self.command(d))
        Char(self, own, OWN % 5, ["read", "encrypt-read"], b"secret")

    def service(self, name, uuid):
        s = Service(self.bus, "%s/%s" % (ROOT, name), uuid)
        self.app.services.append(s)
        return s

    def count(self, char, data):
        self.bytes_in += len(data)
        char.set(str(self.bytes_in).encode())

    def command(self, data):
        op, arg = data[0], data[1] if len(data) > 1 else 0
        if op == 0:
            self.delay, self.refuse = 0, False
        elif op == 1:
            GLib.timeout_add(200, self.drop)
        elif op == 7:
            GLib.timeout_add(200, self.drop, True)
        elif op == 2:
            self.delay = arg
        elif op == 3:
            self.refuse = True
        elif op == 4:
            GLib.timeout_add(200, self.flicker)
        elif op == 5:
            for i in range(arg):
                self.echo.set(struct.pack("<H", i))
        elif op == 6:
            t, = struct.unpack("<h", self.temp.value)
            self.temp.set(struct.pack("<h", t + 100))

    def drop(self, forget=False):
        objects = dbus.Interface(self.bus.get_object(BLUEZ, "/"), OM).GetManagedObjects()
        for path, ifaces in objects.items():
            d = ifaces.get("org.bluez.Device1")
            if d and path.startswith(self.adapter + "/") and d["Connected"]:
                if forget:
                    self.call(self.adapter, "org.bluez.Adapter1", "RemoveDevice", path)
                else:
                    self.call(path, "org.bluez.Device1", "Disconnect")
        return False

    def flicker(self):
        self.call(self.adapter, "org.bluez.GattManager1", "UnregisterApplication",
                  dbus.ObjectPath(ROOT + "2"))
        GLib.timeout_add(1500, self.back)
        return False

    def back(self):
        self.call(self.adapter, "org.bluez.GattManager1", "RegisterApplication",
                  dbus.ObjectPath(ROOT + "2"), dbus.Dictionary({}, signature="sv"))
        return False

    def call(self, path, iface, method, *args):
        dbus.Interface(self.bus.get_object(BLUEZ, path), iface).get_dbus_method(method)(
            *args, reply_handler=lambda *a: self.ok(method),
            error_handler=lambda e: self.bad(method, e))

    def start(self):
        props = dbus.Interface(self.bus.get_object(BLUEZ, self.adapter), PROPS)
        props.Set("org.bluez.Adapter1", "Powered", True)
        # the name in the GAP service and the scan response is the adapter's alias
        props.Set("org.bluez.Adapter1", "Alias", self.args.name)
        self.consent = Consent(self.bus, Consent.path)
        agents = dbus.Interface(self.bus.get_object(BLUEZ, "/org/bluez"), "org.bluez.AgentManager1")
        agents.RegisterAgent(Consent.path, "NoInputNoOutput")
        agents.RequestDefaultAgent(Consent.path)
        self.waiting = 2
        none = dbus.Dictionary({}, signature="sv")
        for root in (ROOT, ROOT + "2"):
            self.call(self.adapter, "org.bluez.GattManager1", "RegisterApplication",
                      dbus.ObjectPath(root), none)
        if self.args.advert != "none":
            self.waiting += 1
            self.advert = Advert(self.bus, self.args.advert, self.args.name)
            self.call(self.adapter, "org.bluez.LEAdvertisingManager1", "RegisterAdvertisement",
                      self.advert.path, none)

    def ok(self, method):
        if method.startswith("Register"):
            self.waiting -= 1
            if self.waiting == 0:
                print("READY", flush=True)

    def bad(self, method, error):
        print("FAILED", method, error, flush=True)
        if method.startswith("Register"):
            sys.exit(1)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--adapter", default="hci1")
    p.add_argument("--advert", default="sensor", choices=["sensor", "ruuvi", "bthome", "none"])
    p.add_argument("--name", default="bed-sensor")
    p.add_argument("--temperature", type=float, default=21.37)
    p.add_argument("--humidity", type=float, default=45.12)
    p.add_argument("--battery", type=int, default=87)
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    world = World(p.parse_args())
    world.start()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
