#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What differs between sdbus-c++ 1.2 (Debian 12) and 2.x (Debian 13). CMake says which it is: SDBUS_MAJOR.
namespace adapters::ble::sdbus_compat {

#if SDBUS_MAJOR >= 2

using ReplyHandler = std::function<void(sdbus::MethodReply, std::optional<sdbus::Error>)>;

inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& bus, const std::string& service, const std::string& path) {
    return sdbus::createProxy(bus, sdbus::ServiceName{service}, sdbus::ObjectPath{path});
}
inline sdbus::MethodCall make_call(sdbus::IProxy& proxy, const std::string& interface, const std::string& member) {
    return proxy.createMethodCall(sdbus::InterfaceName{interface}, sdbus::MethodName{member});
}
/// `done` gets the reply, or the error.
template <class Done>
void send(sdbus::IProxy& proxy, const sdbus::MethodCall& call, std::chrono::microseconds limit, Done done) {
    proxy.callMethodAsync(
        call,
        [done = std::move(done)](sdbus::MethodReply reply, std::optional<sdbus::Error> error) {
            done(reply, error ? &*error : nullptr);
        },
        static_cast<std::uint64_t>(limit.count()));
}
template <class Heard>
sdbus::Slot add_match(sdbus::IConnection& bus, const std::string& rule, Heard heard) {
    return bus.addMatch(
        rule, [heard = std::move(heard)](sdbus::Message message) { heard(message); }, sdbus::return_slot);
}
inline bool process(sdbus::IConnection& bus) { return bus.processPendingEvent(); }
/// Of CLOCK_MONOTONIC; max() for none.
inline std::chrono::microseconds deadline(const sdbus::IConnection::PollData& poll) { return poll.timeout; }
inline std::unique_ptr<sdbus::IObject> make_object(sdbus::IConnection& bus, const std::string& path) {
    return sdbus::createObject(bus, sdbus::ObjectPath{path});
}
inline void peek(const sdbus::Message& message, char& type, std::string& contents) {
    const auto [found, inner] = message.peekType();
    type = found;
    contents = inner != nullptr ? inner : "";
}
class Exporter {
public:
    explicit Exporter(sdbus::IObject& object) : object_(object) {}
    template <class Handler>
    void method(const std::string& name, const std::string& in, const std::string& out, Handler handler) {
        items_.push_back(sdbus::MethodVTableItem{
            sdbus::MethodName{name}, sdbus::Signature{in}, {}, sdbus::Signature{out}, {}, std::move(handler), {}});
    }
    template <class Getter>
    void property(const std::string& name, const std::string& type, Getter getter) {
        items_.push_back(
            sdbus::PropertyVTableItem{sdbus::PropertyName{name}, sdbus::Signature{type}, std::move(getter), {}, {}});
    }
    void finish(const std::string& interface) { object_.addVTable(sdbus::InterfaceName{interface}, std::move(items_)); }

private:
    sdbus::IObject& object_;
    std::vector<sdbus::VTableItem> items_;
};
inline sdbus::Error error(const std::string& name, const std::string& text) { return {sdbus::Error::Name{name}, text}; }
inline void add_manager(sdbus::IConnection& bus, const std::string& path) { bus.addObjectManager(sdbus::ObjectPath{path}); }

#else

inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& bus, const std::string& service, const std::string& path) {
    return sdbus::createProxy(bus, service, path);
}
inline sdbus::MethodCall make_call(sdbus::IProxy& proxy, const std::string& interface, const std::string& member) {
    return proxy.createMethodCall(interface, member);
}
template <class Done>
void send(sdbus::IProxy& proxy, const sdbus::MethodCall& call, std::chrono::microseconds limit, Done done) {
    proxy.callMethod(
        call, [done = std::move(done)](sdbus::MethodReply& reply, const sdbus::Error* error) { done(reply, error); },
        static_cast<std::uint64_t>(limit.count()));
}
template <class Heard>
sdbus::Slot add_match(sdbus::IConnection& bus, const std::string& rule, Heard heard) {
    return bus.addMatch(rule, [heard = std::move(heard)](sdbus::Message& message) { heard(message); });
}
inline bool process(sdbus::IConnection& bus) { return bus.processPendingRequest(); }
inline std::chrono::microseconds deadline(const sdbus::IConnection::PollData& poll) {
    return poll.timeout_usec == UINT64_MAX ? std::chrono::microseconds::max()
                                           : std::chrono::microseconds(static_cast<std::int64_t>(poll.timeout_usec));
}
inline std::unique_ptr<sdbus::IObject> make_object(sdbus::IConnection& bus, const std::string& path) {
    return sdbus::createObject(bus, path);
}
inline void peek(const sdbus::Message& message, char& type, std::string& contents) {
    std::string found;
    message.peekType(found, contents);
    type = found.empty() ? '\0' : found.front();
}
class Exporter {
public:
    explicit Exporter(sdbus::IObject& object) : object_(object) {}
    template <class Handler>
    void method(const std::string& name, const std::string& in, const std::string& out, Handler handler) {
        later_.push_back([this, name, in, out, handler = std::move(handler)](const std::string& interface) {
            object_.registerMethod(interface, name, in, out, handler);
        });
    }
    template <class Getter>
    void property(const std::string& name, const std::string& type, Getter getter) {
        later_.push_back([this, name, type, getter = std::move(getter)](const std::string& interface) {
            object_.registerProperty(interface, name, type, getter);
        });
    }
    void finish(const std::string& interface) {
        for (const auto& each : later_) each(interface);
        object_.finishRegistration();
    }

private:
    sdbus::IObject& object_;
    std::vector<std::function<void(const std::string&)> > later_;
};
inline sdbus::Error error(const std::string& name, const std::string& text) { return {name, text}; }
inline void add_manager(sdbus::IConnection& bus, const std::string& path) { bus.addObjectManager(path, sdbus::floating_slot); }

#endif

}  // namespace adapters::ble::sdbus_compat
