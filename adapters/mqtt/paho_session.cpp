#include "adapters/mqtt/paho_session.hpp"

#include "adapters/mqtt/inbox.hpp"
#include "gateway/base/log.hpp"

#include <mqtt/async_client.h>
#include <sys/mman.h>
#include <unistd.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace adapters::mqtt {

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace paho = ::mqtt;
using base::Errc;
using base::fail;

constexpr std::size_t messages_a_turn = 256;  // then other work of the loop has its turn
constexpr auto a_moment = 1ms;                // in which what follows a message gathers, to be taken in one turn
constexpr auto rest_before_burial = 2s;

std::string refusal(int code, bool v5) {
    if (v5) {
        switch (code) {
            case 0x84: return "the broker does not speak MQTT 5; write version: 3.1.1";
            case 0x85: return "the broker refuses the client_id";
            case 0x86: return "the broker refuses user or password";
            case 0x87: return "the broker does not let us in";
            case 0x88: return "the broker is not ready";
            case 0x8A: return "the broker has banned us";
            default: return {};
        }
    }
    switch (code) {  // 3.1.1, 3.2.2.3
        case 1: return "the broker does not speak MQTT 3.1.1";
        case 2: return "the broker refuses the client_id";
        case 3: return "the broker is not ready";
        case 4: return "the broker refuses user or password";
        case 5: return "the broker does not let us in";
        default: return {};
    }
}

/// The library sets itself up with its first client and down with its last; on two threads the two have met, and what was set
/// up was lost. So one client, which never connects, lives as long as the process.
void keep_library_up() {
    static const auto* const keeper = [] {
        // OpenSSL sets itself up when the first link uses TLS; a site without pays nothing for it.
        MQTTAsync_init_options options = MQTTAsync_init_options_initializer;
        options.do_openssl_init = 0;
        MQTTAsync_global_init(&options);
        return new paho::async_client("tcp://127.0.0.1:1883", "keeper");
    }();
    (void)keeper;
}

class Core final : public paho::callback, public paho::iaction_listener, public std::enable_shared_from_this<Core> {
public:
    Core(LinkSettings settings, asio::any_io_executor executor, Session::Events& its_events)
        : events(&its_events), settings_(std::move(settings)), executor_(std::move(executor)) {}

    ~Core() override {
        client_.reset();
        if (key_fd_ >= 0) ::close(key_fd_);
    }

    // -- On the worker.

    void connect(const std::string& address, const std::string& client_id, bool clean) {
        guarded([&] {
            keep_library_up();
            const bool six = address.find(':') != std::string::npos;
            const auto uri = fmt::format("{}://{}{}{}:{}", settings_.tls ? "ssl" : "tcp", six ? "[" : "", address,
                                         six ? "]" : "", settings_.port);
            // The version is always said: with its default Paho tries several, and calls back for each.
            const int version = settings_.v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
            client_ = std::make_unique<paho::async_client>(uri, client_id, paho::create_options(version));
            client_->set_callback(*this);  // before connect(): Paho takes its locks in another order later
            paho::connect_options options =
                settings_.v5 ? paho::connect_options_builder().mqtt_version(version).clean_start(clean).finalize()
                             : paho::connect_options_builder().mqtt_version(version).clean_session(clean).finalize();
            if (settings_.v5) {
                paho::properties properties;
                properties.add(
                    {paho::property::SESSION_EXPIRY_INTERVAL, static_cast<int>(clean ? 0 : settings_.session_expiry / 1s)});
                properties.add({paho::property::MAXIMUM_PACKET_SIZE, static_cast<int>(Inbox::longest + 70'000)});
                options.set_properties(std::move(properties));
            }
            options.set_automatic_reconnect(false);
            options.set_connect_timeout(std::chrono::ceil<std::chrono::seconds>(connect_limit));
            options.set_keep_alive_interval(std::chrono::duration_cast<std::chrono::seconds>(settings_.keepalive));
            options.set_max_inflight(64);
            if (settings_.user) options.set_user_name(*settings_.user);
            if (settings_.password) options.set_password(paho::binary_ref(*settings_.password));
            if (settings_.tls) {
                paho::ssl_options tls;
                if (!settings_.ca.empty()) tls.set_trust_store(settings_.ca);
                if (!settings_.certificate.empty()) tls.set_key_store(settings_.certificate);
                if (!settings_.key.empty()) tls.set_private_key(settings_.key);
                if (!settings_.key_pem.empty()) tls.set_private_key(key_file());
                if (settings_.key_password) tls.set_private_key_password(*settings_.key_password);
                tls.set_ssl_version(MQTT_SSL_VERSION_TLS_1_2);
                tls.set_enable_server_cert_auth(true);
                tls.set_verify(true);  // the certificate's name too
                // No error handler: Paho C++ 1.2 keeps a pointer to the options that it copies, and calls what is gone.
                options.set_ssl(std::move(tls));
            }
            client_->connect(options, nullptr, *this);
        });
    }

    void subscribe(Session::Id id, const std::vector<Filter>& filters) {
        guarded([&] {
            auto topics = std::make_shared<paho::string_collection>();
            paho::iasync_client::qos_collection qos;
            for (const auto& filter : filters) {
                topics->push_back(filter.topic);
                qos.push_back(filter.qos);
            }
            // Without options for each: Paho C++ 1.2 hands their list on wrongly, and Paho C crashes on it.
            client_->subscribe(topics, qos, context(id), *this);
        });
    }

    void unsubscribe(const std::vector<std::string>& filters) {
        guarded([&] {
            auto topics = std::make_shared<paho::string_collection>();
            for (const auto& filter : filters) topics->push_back(filter);
            client_->unsubscribe(topics);
        });
    }

    void publish(Session::Id id, const Message& message, Milliseconds expiry) {
        try {
            if (!client_) return;
            auto out = paho::make_message(message.topic, message.payload.data(), message.payload.size(), message.qos,
                                          message.retained);
            if (settings_.v5) {
                paho::properties properties;
                properties.add({paho::property::MESSAGE_EXPIRY_INTERVAL,
                                static_cast<int>(std::chrono::ceil<std::chrono::seconds>(expiry).count())});
                out->set_properties(std::move(properties));
            }
            client_->publish(out, context(id), *this);
        } catch (const std::exception& error) {
            tell([id, why = std::string(error.what())](Session::Events& to) { to.published(id, fail(Errc::internal, why)); });
        }
    }

    void close() {
        if (!client_) return;
        try {
            client_->disable_callbacks();
            if (client_->is_connected()) client_->disconnect(200)->wait_for(500ms);
        } catch (const std::exception&) {
            // It is gone already; burying it is all that is left.
        }
    }

    // -- Call-backs, on Paho's threads: nothing but handing over.

    void connection_lost(const std::string& cause) override { end(cause.empty() ? "the broker closed the connection" : cause); }
    void message_arrived(paho::const_message_ptr message) override {
        try {
            if (inbox_.put({message->get_topic(), message->get_payload_str(), message->get_qos(), message->is_retained()}))
                drain_soon();
        } catch (const std::exception&) {
            // Out of memory: the message is lost, the next one is not. Nothing may be thrown through the library.
        }
    }
    void on_success(const paho::token& token) override {
        switch (token.get_type()) {
            case paho::token::CONNECT: {
                bool present = false;
                try {
                    present = token.get_connect_response().is_session_present();
                } catch (const std::exception&) {
                    present = false;
                }
                tell([present](Session::Events& to) { to.connected(present); });
                break;
            }
            case paho::token::SUBSCRIBE: {
                std::vector<int> codes;
                try {
                    const auto response = token.get_subscribe_response();
                    for (const auto code : response.get_reason_codes()) codes.push_back(static_cast<int>(code));
                } catch (const std::exception&) {
                    codes.clear();
                }
                tell([id = id_of(token), codes](Session::Events& to) { to.subscribed(id, codes); });
                break;
            }
            case paho::token::PUBLISH: tell([id = id_of(token)](Session::Events& to) { to.published(id, {}); }); break;
            default: break;
        }
    }
    void on_failure(const paho::token& token) override {
        const int code = settings_.v5 && token.get_reason_code() != paho::SUCCESS ? static_cast<int>(token.get_reason_code())
                                                                                  : token.get_return_code();
        switch (token.get_type()) {
            case paho::token::CONNECT: end(why_not(code, token)); break;
            case paho::token::SUBSCRIBE: {
                const auto topics = token.get_topics();
                tell([id = id_of(token),
                      codes = std::vector<int>(topics ? topics->size() : 1, code > 2 && code < 256 ? code : 0x80)](
                         Session::Events& to) { to.subscribed(id, codes); });
                break;
            }
            case paho::token::PUBLISH: {
                // A connection that ends fails all that is under way; that is told as a whole, by connection_lost().
                if (code < 0x80) break;
                tell([id = id_of(token), code](Session::Events& to) {
                    to.published(
                        id, fail(code == 0x87 ? Errc::unauthorized : Errc::not_allowed,
                                 fmt::format("the broker refuses the message: {}", paho::exception::reason_code_str(code))));
                });
                break;
            }
            default: break;
        }
    }

    /// Loop only; null when nobody listens any more.
    Session::Events* events;
    Inbox& inbox() { return inbox_; }

private:
    template <class F>
    void guarded(F call) {
        try {
            call();
        } catch (const std::exception& error) {
            end(error.what());
        }
    }
    static void* context(Session::Id id) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(id)); }
    static Session::Id id_of(const paho::token& token) { return reinterpret_cast<std::uintptr_t>(token.get_user_context()); }

    void end(std::string why) {
        tell([why = std::move(why)](Session::Events& to) { to.ended(why); });
    }
    /// Paho takes a key as a file only: one that is nowhere but in memory.
    std::string key_file() {
        if (key_fd_ < 0) {
            key_fd_ = ::memfd_create("mqtt-key", MFD_CLOEXEC);
            std::string_view rest = settings_.key_pem;
            while (key_fd_ >= 0 && !rest.empty()) {
                const auto written = ::write(key_fd_, rest.data(), rest.size());
                if (written <= 0) break;
                rest.remove_prefix(static_cast<std::size_t>(written));
            }
        }
        return fmt::format("/proc/self/fd/{}", key_fd_);
    }
    void tell(std::function<void(Session::Events&)> what) {
        // While it is destroyed, the library fails what is still under way: nobody listens any more.
        auto self = weak_from_this().lock();
        if (!self) return;
        asio::post(executor_, [self = std::move(self), what = std::move(what)] {
            if (self->events != nullptr) what(*self->events);
        });
    }
    void drain_soon() {
        if (auto self = weak_from_this().lock()) asio::post(executor_, [self = std::move(self)] { self->drain(); });
    }
    void drain() {
        bool more = false;
        auto messages = inbox_.take(messages_a_turn, more);
        for (auto& message : messages) {
            if (events == nullptr) return;
            events->received(std::move(message));
        }
        if (more) return drain_soon();
        if (messages.empty()) return;  // the next one tells us
        auto self = weak_from_this().lock();
        if (!self) return;
        const auto moment = std::make_shared<asio::steady_timer>(executor_, a_moment);
        moment->async_wait([self = std::move(self), moment](const boost::system::error_code&) { self->drain(); });
    }
    std::string why_not(int code, const paho::token& token) {
        if (auto known = refusal(code, settings_.v5); !known.empty()) return known;
        std::string text;
        try {
            const_cast<paho::token&>(token).try_wait();
        } catch (const paho::exception& error) {
            text = error.get_message();
        }
        if (text.empty() || text == "TCP/TLS connect failure") {
            if (settings_.tls)
                return "no TLS connection to the broker: refused, or its certificate is not trusted or has another name";
            return "no connection to the broker";
        }
        return text;
    }

    LinkSettings settings_;
    asio::any_io_executor executor_;
    Inbox inbox_;
    int key_fd_ = -1;
    std::unique_ptr<paho::async_client> client_;  // worker only
};

class PahoSession final : public Session {
public:
    PahoSession(const LinkSettings& settings, asio::any_io_executor executor, std::shared_ptr<Worker> worker, Events& events)
        : settings_(settings),
          worker_(std::move(worker)),
          resolver_(executor),
          core_(std::make_shared<Core>(settings, executor, events)) {}
    ~PahoSession() override {
        resolver_.cancel();
        core_->events = nullptr;
        worker_->post([core = core_, &worker = *worker_]() mutable {
            core->close();
            // Not at once: after its last call-back the library still has a few steps to do with the client.
            worker.post([core = std::move(core)] {}, rest_before_burial);
        });
    }

    void connect(const std::string& client_id, bool clean) override {
        resolver_.async_resolve(
            settings_.host, std::to_string(settings_.port), asio::ip::resolver_base::numeric_service,
            [core = core_, worker = worker_, client_id, clean, tls = settings_.tls, host = settings_.host](
                const boost::system::error_code& error, const asio::ip::tcp::resolver::results_type& found) {
                if (core->events == nullptr) return;
                if (error || found.empty())
                    return core->events->ended(fmt::format("no address for '{}': {}", host, error.message()));
                // With TLS the name stays: the certificate is held against it.
                const auto address = tls ? host : pick(found);
                worker->post([core, address, client_id, clean] { core->connect(address, client_id, clean); });
            });
    }
    void subscribe(Id id, std::vector<Filter> filters) override {
        worker_->post([core = core_, id, filters = std::move(filters)] { core->subscribe(id, filters); });
    }
    void unsubscribe(std::vector<std::string> filters) override {
        worker_->post([core = core_, filters = std::move(filters)] { core->unsubscribe(filters); });
    }
    void publish(Id id, Message message, Milliseconds expiry) override {
        worker_->post([core = core_, id, message = std::move(message), expiry] { core->publish(id, message, expiry); });
    }
    std::size_t dropped() override { return core_->inbox().dropped(); }

private:
    /// Another one of a name's addresses each time, so that a dead one is not tried for ever.
    static std::string pick(const asio::ip::tcp::resolver::results_type& found) {
        static std::size_t turn = 0;  // the loop is one thread
        auto entry = found.begin();
        std::advance(entry, static_cast<std::ptrdiff_t>(turn++ % found.size()));
        return entry->endpoint().address().to_string();
    }

    const LinkSettings settings_;
    std::shared_ptr<Worker> worker_;
    asio::ip::tcp::resolver resolver_;
    std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<Session> paho_session(const LinkSettings& settings, asio::any_io_executor executor,
                                      std::shared_ptr<Worker> worker, Session::Events& events) {
    return std::make_unique<PahoSession>(settings, std::move(executor), std::move(worker), events);
}

}  // namespace adapters::mqtt
