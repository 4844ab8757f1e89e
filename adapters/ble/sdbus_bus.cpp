#include "adapters/ble/sdbus_bus.hpp"

#include "adapters/ble/sdbus_value.hpp"
#include "gateway/base/log.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <unordered_map>

namespace adapters::ble {

namespace {

namespace compat = sdbus_compat;
using base::Bytes;
using base::Milliseconds;

constexpr const char* service = "org.bluez";
constexpr const char* properties_interface = "org.freedesktop.DBus.Properties";
constexpr const char* manager_interface = "org.freedesktop.DBus.ObjectManager";
constexpr std::size_t most_calls = 4'096;

class Datagrams final : public Bus::Listening {
public:
    Datagrams(const boost::asio::any_io_executor& executor, SharedDescriptor descriptor, std::function<void(Bytes)> heard,
              std::function<void()> ended)
        : keep_(std::move(descriptor)), stream_(executor), heard_(std::move(heard)), ended_(std::move(ended)) {
        boost::system::error_code error;
        const int own = ::dup(keep_->get());
        if (own >= 0) stream_.assign(own, error);
        if (own < 0 || error) {
            if (own >= 0) ::close(own);
            boost::asio::post(executor, [this, alive = std::weak_ptr<char>(alive_)] {
                if (!alive.expired()) ended_();
            });
            return;
        }
        next();
    }

private:
    void next() {
        stream_.async_read_some(boost::asio::buffer(buffer_), [this, alive = std::weak_ptr<char>(alive_)](
                                                                  const boost::system::error_code& error, std::size_t size) {
            if (alive.expired()) return;
            // Copies: whoever hears may take this object away.
            const auto heard = heard_;
            const auto ended = ended_;
            if (error || size == 0) return ended();
            heard(Bytes(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size)));
            if (!alive.expired()) next();
        });
    }

    SharedDescriptor keep_;
    boost::asio::posix::stream_descriptor stream_;
    std::function<void(Bytes)> heard_;
    std::function<void()> ended_;
    std::array<std::uint8_t, 1024> buffer_{};  // an ATT value has 512 bytes at most
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

// -- The connection

/// What the opening thread makes, and the core loop then uses.
struct Opened {
    std::unique_ptr<sdbus::IConnection> bus;
    std::vector<sdbus::Slot> matches;
    std::string trouble;
};

class SdbusBus final : public Bus {
public:
    SdbusBus(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random)
        : executor_(std::move(executor)),
          timers_(timers),
          random_(random),
          stream_(executor_),
          alarm_(timers),
          retry_(timers) {}
    ~SdbusBus() override {
        running_ = false;
        pending_.clear();  // whoever asked is gone
        close();
        if (opener_.joinable()) opener_.join();
    }

    void start(Events& events) override {
        events_ = &events;
        running_ = true;
        open();
    }

    void stop(std::function<void()> stopped) override {
        running_ = false;
        retry_.cancel();
        close();
        events_ = nullptr;
        if (opener_.joinable()) {
            stopped_ = std::move(stopped);  // told when the thread has ended
            return;
        }
        boost::asio::post(executor_, std::move(stopped));
    }

    void call(const std::string& path, const std::string& interface, const std::string& member, std::vector<Value> arguments,
              Milliseconds limit, Reply reply) override {
        send(owner_, path, interface, member, limit, std::move(reply), [&](sdbus::MethodCall& message) {
            for (const auto& argument : arguments) write_value(message, argument);
        });
        trace(true, path, member, arguments);
    }

    void set(const std::string& path, const std::string& interface, const std::string& name, bool value, Milliseconds limit,
             Reply reply) override {
        send(owner_, path, properties_interface, "Set", limit, std::move(reply), [&](sdbus::MethodCall& message) {
            message << interface << name;
            message.openVariant("b");
            message << value;
            message.closeVariant();
        });
        trace(true, path, "Set", {Value(name), Value(value)});
    }

    void objects(Milliseconds limit, std::function<void(Answered<Objects>)> done) override {
        send(
            owner_, "/", manager_interface, "GetManagedObjects", limit,
            [done = std::move(done)](Answered<std::vector<Value>> answer) {
                if (!answer) return done(tl::unexpected(answer.error()));
                Objects all;
                if (!answer->empty())
                    for (auto& [path, interfaces] : dict_of(answer->front())) all.emplace_back(path, interfaces_of(interfaces));
                done(std::move(all));
            },
            [](sdbus::MethodCall&) {});
        trace(true, "/", "GetManagedObjects", {});
    }

    void serve(Served served, const std::string& manager) override {
        const std::string path = served.path;
        auto kept = std::make_unique<Exported>();
        kept->served = std::move(served);
        kept->manager = manager;
        unserve(path);
        auto& its = *(exported_[path] = std::move(kept));
        if (bus_) show(its);
    }
    void unserve(const std::string& path) override {
        const auto found = exported_.find(path);
        if (found == exported_.end()) return;
        if (found->second->object && bus_) announce(*found->second, false);
        exported_.erase(found);
        kick();
    }

    std::unique_ptr<Listening> listen(SharedDescriptor descriptor, std::function<void(Bytes)> heard,
                                      std::function<void()> ended) override {
        return std::make_unique<Datagrams>(executor_, std::move(descriptor), std::move(heard), std::move(ended));
    }

private:
    struct Pending {
        std::unique_ptr<sdbus::IProxy> proxy;
        Reply reply;
        std::string member;
    };
    struct Exported {
        Served served;
        std::string manager;
        std::unique_ptr<sdbus::IObject> root, object;
    };

    // -- Opening

    void open() {
        if (!running_ || opener_.joinable()) return;
        // The matches' handlers run on the core loop only: nothing is dispatched before the connection is handed over.
        opener_ = std::thread([this] {
            auto opened = std::make_shared<Opened>();
            try {
                opened->bus = sdbus::createSystemBusConnection();
                const auto match = [&](const std::string& rule, void (SdbusBus::*heard)(sdbus::Message&)) {
                    opened->matches.push_back(compat::add_match(*opened->bus, rule, [this, heard](sdbus::Message& message) {
                        try {
                            (this->*heard)(message);
                        } catch (const std::exception& trouble) {  // a signal that is not what it should be
                            strange_.warn(trouble.what(),
                                          fmt::format("a signal of the bus is passed over: {}", trouble.what()));
                        }
                    }));
                };
                match(fmt::format("type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                                  "member='NameOwnerChanged',arg0='{}'",
                                  service),
                      &SdbusBus::owner_changed);
                match(fmt::format("type='signal',sender='{}',path='/',interface='{}'", service, manager_interface),
                      &SdbusBus::tree_changed);
                match(fmt::format("type='signal',sender='{}',path_namespace='/org/bluez',interface='{}',"
                                  "member='PropertiesChanged'",
                                  service, properties_interface),
                      &SdbusBus::properties_changed);
            } catch (const std::exception& trouble) {
                opened->matches.clear();
                opened->bus.reset();
                opened->trouble = trouble.what();
            }
            boost::asio::post(executor_, [this, opened, alive = std::weak_ptr<char>(alive_)] {
                if (!alive.expired()) took(*opened);
            });
        });
    }

    void took(Opened& opened) {
        opener_.join();
        if (!running_) {
            opened.matches.clear();
            opened.bus.reset();
            if (const auto stopped = std::exchange(stopped_, nullptr)) stopped();
            return;
        }
        if (!opened.bus) return lost(opened.trouble);
        bus_ = std::move(opened.bus);
        matches_ = std::move(opened.matches);
        try {
            boost::system::error_code error;
            stream_.assign(bus_->getEventLoopPollData().fd, error);
            if (error) return lost(error.message());
            for (auto& [path, exported] : exported_) show(*exported);
        } catch (const sdbus::Error& trouble) {
            return lost(trouble.what());
        }
        why_.clear();
        opened_at_ = timers_.now();
        send(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner", std::chrono::seconds(10),
            [this](Answered<std::vector<Value>> answer) {
                if (!answer && answer.error().name == failures::disconnected) return;
                const auto* name = answer && !answer->empty() ? answer->front().as<std::string>() : nullptr;
                became(name != nullptr ? *name : std::string());
            },
            [](sdbus::MethodCall& message) { message << std::string(service); });
        work();
    }

    void close() {
        if (working_) {  // from within a call-back of the library, which is still on the stack
            closing_ = true;
            owner_.clear();
            return;
        }
        alarm_.cancel();
        ++generation_;
        waiting_read_ = waiting_write_ = false;
        if (stream_.is_open()) stream_.release();
        // Whoever waits is told on a fresh stack, since each may have more to ask.
        for (auto& [id, pending] : std::exchange(pending_, {})) {
            const auto reply = std::make_shared<Reply>(std::move(pending.reply));
            done_with_.push_back(std::move(pending.proxy));
            boost::asio::post(executor_, [reply] {
                (*reply)(tl::unexpected(Failure{std::string(failures::disconnected), "the bus is away"}));
            });
        }
        done_with_.clear();
        for (auto& [path, exported] : exported_) exported->object.reset(), exported->root.reset();
        managers_.clear();
        matches_.clear();
        bus_.reset();
        owner_.clear();
        known_ = false;
    }

    void lost(std::string why) {
        const bool there = !owner_.empty();
        close();
        if (!running_) return;
        if (timers_.now() - opened_at_ > std::chrono::seconds(10)) pause_ = first_pause;
        if (why_ != why) {
            why_ = why;
            if (there) events_->service_vanished("the system bus went away");
            if (running_ && events_ != nullptr) events_->bus_lost(why);
        }
        if (!running_) return;
        const auto half = pause_ / 2;
        retry_.set(timers_.now() + half + std::chrono::duration_cast<Milliseconds>(half * random_.unit()), [this] { open(); });
        pause_ = std::min(pause_ * 2, last_pause);
    }

    // -- Driving

    /// Sends what waits, soon; several calls in one turn make one.
    void kick() {
        if (!bus_ || std::exchange(kicked_, true)) return;
        boost::asio::post(executor_, [this, alive = std::weak_ptr<char>(alive_)] {
            if (alive.expired()) return;
            kicked_ = false;
            work();
        });
    }

    void work() {
        if (!bus_ || working_) return;
        working_ = true;
        std::string trouble;
        bool more = false;
        const auto generation = generation_;
        try {
            // A bounded turn, so that a flood of signals leaves time for the server.
            int turns = 0;
            while (bus_ && !closing_ && (more = compat::process(*bus_)) && ++turns < 128) {
            }
        } catch (const std::exception& failed) {
            trouble = failed.what();
        }
        working_ = false;
        if (std::exchange(closing_, false)) {  // told to stop from within
            close();
            return;
        }
        if (generation != generation_ || !bus_) return;
        done_with_.clear();
        if (!trouble.empty()) return lost(trouble);
        if (more) kick();
        try {
            arm();
        } catch (const std::exception& failed) {
            lost(failed.what());
        }
    }

    void arm() {
        const auto poll = bus_->getEventLoopPollData();
        if ((poll.events & POLLIN) != 0 && !waiting_read_)
            wait(boost::asio::posix::stream_descriptor::wait_read, waiting_read_);
        if ((poll.events & POLLOUT) != 0 && !waiting_write_)
            wait(boost::asio::posix::stream_descriptor::wait_write, waiting_write_);
        const auto due = compat::deadline(poll);
        if (due == std::chrono::microseconds::max()) {
            alarm_.cancel();
            return;
        }
        // Its deadlines are of CLOCK_MONOTONIC, as ours.
        alarm_.set(std::max(timers_.now(), base::Instant(std::chrono::duration_cast<base::Instant::duration>(due))),
                   [this] { work(); });
    }

    void wait(boost::asio::posix::stream_descriptor::wait_type what, bool& waiting) {
        waiting = true;
        stream_.async_wait(what, [this, &waiting, generation = generation_,
                                  alive = std::weak_ptr<char>(alive_)](const boost::system::error_code& error) {
            if (alive.expired() || generation != generation_) return;
            waiting = false;
            if (!error) work();
        });
    }

    // -- Calls

    template <class Fill>
    void send(const std::string& to, const std::string& path, const std::string& interface, const std::string& member,
              Milliseconds limit, Reply reply, Fill fill) {
        const auto refuse = [&](std::string_view name, std::string text) {
            boost::asio::post(executor_, [reply = std::move(reply), name = std::string(name), text = std::move(text)] {
                reply(tl::unexpected(Failure{name, text}));
            });
        };
        if (!bus_ || to.empty()) return refuse(failures::disconnected, bus_ ? "bluetoothd is not there" : "the bus is away");
        if (pending_.size() >= most_calls) return refuse("org.freedesktop.DBus.Error.LimitsExceeded", "too many calls wait");
        const auto id = ++last_call_;
        try {
            auto proxy = compat::make_proxy(*bus_, to, path);
            auto message = compat::make_call(*proxy, interface, member);
            fill(message);
            auto& pending = pending_[id];
            pending = {std::move(proxy), std::move(reply), member};
            compat::send(*pending.proxy, message, limit,
                         [this, id](sdbus::Message& answer, const sdbus::Error* error) { replied(id, answer, error); });
        } catch (const std::exception& trouble) {
            if (const auto found = pending_.find(id); found != pending_.end()) {
                reply = std::move(found->second.reply);
                pending_.erase(found);
            }
            return refuse("org.freedesktop.DBus.Error.Failed", trouble.what());
        }
        kick();
    }

    void replied(std::uint64_t id, sdbus::Message& answer, const sdbus::Error* error) {
        const auto found = pending_.find(id);
        if (found == pending_.end()) return;
        const auto reply = std::move(found->second.reply);
        const auto member = std::move(found->second.member);
        done_with_.push_back(std::move(found->second.proxy));  // it is on the stack
        pending_.erase(found);
        if (error != nullptr) {
            if (on_traffic)
                on_traffic(false,
                           fmt::format("{} refused: {} {}", member, std::string(error->getName()),
                                       base::printable(error->getMessage())),
                           {});
            return reply(tl::unexpected(Failure{std::string(error->getName()), std::string(error->getMessage())}));
        }
        std::vector<Value> values;
        try {
            values = read_all(answer);
        } catch (const std::exception& trouble) {
            return reply(tl::unexpected(Failure{"org.freedesktop.DBus.Error.InconsistentMessage", trouble.what()}));
        }
        if (on_traffic && member != "GetManagedObjects") {
            Bytes payload;
            for (const auto& value : values)
                if (const auto* bytes = value.as<Bytes>()) payload = *bytes;
            on_traffic(false, fmt::format("{} answered{}", member, values.empty() ? "" : " " + text_of(Value(values))),
                       payload);
        }
        reply(std::move(values));
    }

    // -- Signals

    void became(const std::string& owner) {
        if ((known_ && owner == owner_) || events_ == nullptr) return;
        known_ = true;
        const bool there = !owner_.empty();
        owner_ = owner;
        if (there) {
            // Their replies would never come, or from a process that knows nothing of them.
            for (auto& [id, pending] : std::exchange(pending_, {})) {
                done_with_.push_back(std::move(pending.proxy));
                boost::asio::post(executor_, [reply = std::make_shared<Reply>(std::move(pending.reply))] {
                    (*reply)(tl::unexpected(Failure{std::string(failures::disconnected), "bluetoothd went away"}));
                });
            }
            events_->service_vanished("bluetoothd went away");
        } else if (owner.empty()) {
            events_->service_vanished("bluetoothd is not running");
        }
        if (!owner_.empty() && events_ != nullptr) {
            pause_ = first_pause;
            events_->service_appeared();
        }
    }

    void owner_changed(sdbus::Message& message) {
        const auto values = read_all(message);
        const auto* now = values.size() == 3 ? values[2].as<std::string>() : nullptr;
        if (now == nullptr) return;
        if (!owner_.empty() && !now->empty()) became({});
        became(*now);
    }

    /// Anybody may send a signal to us; only the daemon's own counts.
    bool is_ours(sdbus::Message& message) { return !owner_.empty() && owner_ == message.getSender() && events_ != nullptr; }

    void tree_changed(sdbus::Message& message) {
        if (!is_ours(message)) return;
        const std::string member = message.getMemberName();
        auto values = read_all(message);
        const auto* path = values.size() == 2 ? values[0].as<ObjectPath>() : nullptr;
        if (path == nullptr) return;
        if (member == "InterfacesAdded") {
            events_->object_added(path->text, interfaces_of(values[1]));
        } else if (member == "InterfacesRemoved") {
            if (const auto* gone = values[1].as<Strings>()) events_->object_removed(path->text, *gone);
        }
    }

    void properties_changed(sdbus::Message& message) {
        if (!is_ours(message)) return;
        auto values = read_all(message);
        if (values.size() != 3) return;
        const auto* interface = values[0].as<std::string>();
        const auto* now = values[1].as<Dict>();
        const auto* gone = values[2].as<Strings>();
        if (interface == nullptr || now == nullptr || gone == nullptr) return;
        const std::string path = message.getPath();
        events_->changed(path, *interface, *now, *gone);
    }

    void trace(bool sent, const std::string& path, const std::string& member, const std::vector<Value>& values) {
        if (!on_traffic) return;
        Bytes payload;
        for (const auto& value : values)
            if (const auto* bytes = value.as<Bytes>()) payload = *bytes;
        on_traffic(sent, fmt::format("{} {}{}", path, member, values.empty() ? "" : " " + text_of(Value(values))), payload);
    }

    // -- Objects of ours

    void show(Exported& exported) {
        try {
            if (!exported.manager.empty() &&
                std::find(managers_.begin(), managers_.end(), exported.manager) == managers_.end()) {
                compat::add_manager(*bus_, exported.manager);
                managers_.push_back(exported.manager);
            }
            exported.object = compat::make_object(*bus_, exported.served.path);
            compat::Exporter exporter(*exported.object);
            const auto* served = &exported.served;
            for (const auto& method : served->methods)
                exporter.method(method.name, method.in, method.out, [this, served, name = method.name](sdbus::MethodCall call) {
                    if (owner_.empty() || owner_ != call.getSender())
                        throw compat::error("org.freedesktop.DBus.Error.AccessDenied", "this is for bluetoothd only");
                    const auto arguments = read_all(call);
                    trace(false, served->path, name, arguments);
                    const auto answer = served->handle(name, arguments);
                    if (!answer) throw compat::error(answer.error().name, answer.error().text);
                    if (call.doesntExpectReply()) return;
                    auto reply = call.createReply();
                    for (const auto& value : *answer) write_value(reply, value);
                    reply.send();
                });
            for (const auto& [name, value] : served->properties)
                exporter.property(name, signature_of(value),
                                  [value = value](sdbus::PropertyGetReply& reply) { write_value(reply, value); });
            exporter.finish(served->interface);
            if (!exported.manager.empty()) announce(exported, true);
        } catch (const std::exception& trouble) {
            strange_.warn(exported.served.path,
                          fmt::format("{} cannot be shown on the bus: {}", exported.served.path, trouble.what()));
        }
        kick();
    }

    void announce(Exported& exported, bool added) {
        if (exported.manager.empty()) return;
        try {
            if (added)
                exported.object->emitInterfacesAddedSignal();
            else
                exported.object->emitInterfacesRemovedSignal();
        } catch (const std::exception& trouble) {
            base::log().debug("{}: {}", exported.served.path, trouble.what());
        }
    }

    static constexpr Milliseconds first_pause{250}, last_pause{5'000};

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    base::Random& random_;
    Events* events_ = nullptr;
    bool running_ = false;
    std::thread opener_;
    std::function<void()> stopped_;

    std::unique_ptr<sdbus::IConnection> bus_;  // outlives what follows
    std::vector<sdbus::Slot> matches_;
    boost::asio::posix::stream_descriptor stream_;
    bool waiting_read_ = false, waiting_write_ = false, kicked_ = false, working_ = false, closing_ = false, known_ = false;
    std::uint64_t generation_ = 0, last_call_ = 0;
    std::unordered_map<std::uint64_t, Pending> pending_;
    std::vector<std::unique_ptr<sdbus::IProxy>> done_with_;
    std::map<std::string, std::unique_ptr<Exported>> exported_;
    std::vector<std::string> managers_;
    std::string owner_, why_;
    base::Instant opened_at_{};
    Milliseconds pause_ = first_pause;
    base::Timer alarm_, retry_;
    base::Once strange_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

std::unique_ptr<Bus> sdbus_bus(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random) {
    return std::make_unique<SdbusBus>(std::move(executor), timers, random);
}

}  // namespace adapters::ble
