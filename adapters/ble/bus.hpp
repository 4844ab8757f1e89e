#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/time.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

/// The seam between our knowledge of BlueZ and a D-Bus library: a test gives another bus.
namespace adapters::ble {

struct ObjectPath {
    std::string text;
    friend bool operator==(const ObjectPath&, const ObjectPath&) = default;
};

/// A file descriptor that came over the bus; closed with its last owner.
class FileDescriptor {
public:
    explicit FileDescriptor(int number) : number_(number) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor();
    int get() const { return number_; }

private:
    int number_;
};
using SharedDescriptor = std::shared_ptr<FileDescriptor>;

/// One pattern of an advertisement monitor: these bytes, so many bytes into the AD structure of this type.
struct AdPattern {
    std::uint8_t start = 0, type = 0;
    base::Bytes content;
    friend bool operator==(const AdPattern&, const AdPattern&) = default;
};

struct Value;
/// `a{sv}`. A dictionary whose keys are numbers (`a{qv}`) has them as decimal text.
using Dict = std::map<std::string, Value, std::less<>>;
using Strings = std::vector<std::string>;

/// A D-Bus value. Coming in, every integer is an int64, `ay` is Bytes, `as` is Strings, and a variant is what it holds.
/// Going out, the C++ type says the D-Bus type: bool b, uint32 u, string s, ObjectPath o, Bytes ay, Strings as, Dict a{sv},
/// AdPatterns a(yyay).
struct Value {
    using Variant = std::variant<std::monostate, bool, std::int64_t, std::uint32_t, double, std::string, ObjectPath,
                                 base::Bytes, Strings, Dict, std::vector<Value>, std::vector<AdPattern>, SharedDescriptor>;
    Variant is;

    Value() = default;
    template <class T>
    Value(T value) : is(std::move(value)) {}  // NOLINT(google-explicit-constructor): a call's arguments read like a call
    Value(const char* text) : is(std::string(text)) {}  // NOLINT(google-explicit-constructor)

    template <class T>
    const T* as() const {
        return std::get_if<T>(&is);
    }
};

/// The value of a property when it is there and of that type.
template <class T>
const T* property(const Dict& properties, std::string_view name) {
    const auto found = properties.find(name);
    return found == properties.end() ? nullptr : found->second.as<T>();
}

/// A D-Bus error: its name, and what it says.
struct Failure {
    std::string name, text;
};
template <class T>
using Answered = tl::expected<T, Failure>;

/// Names of errors that the library and the bus daemon make themselves.
namespace failures {
constexpr std::string_view disconnected = "org.freedesktop.DBus.Error.Disconnected";
constexpr std::string_view no_reply = "org.freedesktop.DBus.Error.NoReply";
constexpr std::string_view timeout = "org.freedesktop.DBus.Error.Timeout";
constexpr std::string_view unknown_object = "org.freedesktop.DBus.Error.UnknownObject";
constexpr std::string_view unknown_method = "org.freedesktop.DBus.Error.UnknownMethod";
constexpr std::string_view access_denied = "org.freedesktop.DBus.Error.AccessDenied";
}  // namespace failures

using Interfaces = std::vector<std::pair<std::string, Dict>>;
using Objects = std::vector<std::pair<std::string, Interfaces>>;

/// The system bus, as far as org.bluez and its object tree are concerned.
class Bus {
public:
    /// Told on the core loop, never from within a call of ours.
    class Events {
    public:
        /// No connection to the bus; tried again until stop(). Only changes of the reason are told.
        virtual void bus_lost(std::string why) = 0;
        /// org.bluez is there: a new one, of which nothing is known yet.
        virtual void service_appeared() = 0;
        virtual void service_vanished(std::string why) = 0;
        virtual void object_added(const std::string& path, const Interfaces&) = 0;
        virtual void object_removed(const std::string& path, const Strings& interfaces) = 0;
        virtual void changed(const std::string& path, std::string_view interface, const Dict& now, const Strings& gone) = 0;

    protected:
        ~Events() = default;
    };
    using Reply = std::function<void(Answered<std::vector<Value>>)>;

    /// An object of ours that bluetoothd calls.
    struct Method {
        std::string name, in, out;
    };
    struct Served {
        std::string path, interface;
        std::vector<Method> methods;
        Dict properties;
        /// Answers at once.
        std::function<Answered<std::vector<Value>>(std::string_view method, const std::vector<Value>& arguments)> handle;
    };

    virtual ~Bus() = default;
    virtual void start(Events&) = 0;
    /// Answers all waiting calls (failures::disconnected) and closes; then `stopped`, never from within this call.
    virtual void stop(std::function<void()> stopped) = 0;

    /// A method of org.bluez. The reply comes once, at the latest after `limit`, never from within this call, and not after
    /// the service vanished (failures::disconnected comes then).
    virtual void call(const std::string& path, const std::string& interface, const std::string& member,
                      std::vector<Value> arguments, base::Milliseconds limit, Reply) = 0;
    virtual void set(const std::string& path, const std::string& interface, const std::string& name, bool value,
                     base::Milliseconds limit, Reply) = 0;
    virtual void objects(base::Milliseconds limit, std::function<void(Answered<Objects>)>) = 0;

    /// Shows an object; also on each later connection. `manager` is a path under which GetManagedObjects works, "" for none.
    virtual void serve(Served, const std::string& manager) = 0;
    virtual void unserve(const std::string& path) = 0;

    /// Datagrams of a descriptor (AcquireNotify): `heard` for each, `ended` once when the other side closed. Until the
    /// returned handle goes.
    class Listening {
    public:
        virtual ~Listening() = default;
    };
    virtual std::unique_ptr<Listening> listen(SharedDescriptor, std::function<void(base::Bytes)> heard,
                                              std::function<void()> ended) = 0;

    /// For trace: each call and each reply in a line, with the bytes of a characteristic; never what an agent answers.
    std::function<void(bool sent, const std::string& text, const base::Bytes& payload)> on_traffic;
};

/// A value in a line for people, cut at some 200 bytes.
std::string text_of(const Value&);

}  // namespace adapters::ble
