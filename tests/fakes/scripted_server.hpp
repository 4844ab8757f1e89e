#pragma once

#include "lwm2m/transport.hpp"

#include <charconv>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fakes {

/// A Transport that is at the same time the servers behind it, so that a test reads like the conversation it checks:
///
///     EXPECT_EQ(server.hears(), "POST /rd?ep=gw&lt=300&lwm2m=1.2&b=U");
///     server.answers(Code::created, {"rd", "5a3f"});
///     EXPECT_EQ(server.asks("GET /d01/3303/0/5700"), "2.05 22.1");
class ScriptedServer final : public lwm2m::Transport {
public:
    using Code = lwm2m::Code;

    // ---- what the gateway says by itself

    /// The next message of the gateway, "POST /rd?ep=gw&lt=300"; "" when it is silent.
    std::string hears() {
        if (uplinks_.empty()) return "";
        current_ = std::move(uplinks_.front());
        uplinks_.pop_front();
        static constexpr const char* methods[] = {"?", "GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"};
        std::string line = methods[static_cast<std::size_t>(current_.message.method)];
        line += ' ';
        for (const auto& segment : current_.message.path) line += '/' + segment;
        for (std::size_t i = 0; i < current_.message.query.size(); ++i)
            line += (i == 0 ? '?' : '&') + current_.message.query[i];
        return line;
    }
    /// The payload of what was heard last, as text.
    std::string heard_payload() const { return std::string(base::as_text(current_.message.payload)); }
    std::optional<std::uint16_t> heard_format() const { return current_.message.content_format; }
    lwm2m::ServerId heard_by() const { return current_.server; }

    /// To what was heard last.
    void answers(Code code, std::vector<std::string> location = {}, std::optional<std::uint32_t> max_age = {}) {
        answer(lwm2m::UplinkAnswer{code, std::move(location), max_age, {}});
    }
    void stays_silent() { answer(lwm2m::fail(lwm2m::Errc::timeout, "no answer")); }
    void is_unreachable() { answer(lwm2m::fail(lwm2m::Errc::offline, "no route")); }

    // ---- what a server asks

    struct Ask {
        std::optional<std::uint16_t> accept{}, format{};
        lwm2m::Bytes payload{};
        lwm2m::Observe observe = lwm2m::Observe::none;
        lwm2m::ObservationId token = 0;
        lwm2m::ServerId by = 1;
    };
    /// The answer to "PUT /d01/3306/0/5850?pmin=5": "2.05 22.1", "2.04", "4.04"; "" while it is not given.
    std::string asks(std::string_view line) { return asks(line, Ask()); }
    std::string asks(std::string_view line, Ask ask) {
        last_ = std::make_shared<Exchange>();
        lwm2m::Request request;
        const std::size_t blank = line.find(' ');
        const std::string_view method = line.substr(0, blank);
        request.method = method == "GET"      ? lwm2m::Method::get
                         : method == "PUT"    ? lwm2m::Method::put
                         : method == "POST"   ? lwm2m::Method::post
                         : method == "DELETE" ? lwm2m::Method::remove
                         : method == "FETCH"  ? lwm2m::Method::fetch
                         : method == "iPATCH" ? lwm2m::Method::ipatch
                                              : lwm2m::Method::patch;
        std::string_view uri = line.substr(blank + 1);
        if (const std::size_t mark = uri.find('?'); mark != std::string_view::npos) {
            request.query = split(uri.substr(mark + 1), '&');
            uri = uri.substr(0, mark);
        }
        if (uri.size() > 1) request.path = split(uri.substr(1), '/');
        request.accept = ask.accept;
        request.content_format = ask.format;
        request.payload = std::move(ask.payload);
        request.observe = ask.observe;
        request.observation = ask.token;
        handler_->on_request(ask.by, std::move(request), lwm2m::Reply([exchange = last_](lwm2m::Response response) {
                                 exchange->count += 1;
                                 exchange->response = std::move(response);
                             }));
        return reply();
    }
    std::string writes(std::string_view line, std::string_view text, std::uint16_t format = 0, lwm2m::ServerId by = 1) {
        const auto bytes = base::as_bytes(text);
        return asks(line, {.format = format, .payload = {bytes.begin(), bytes.end()}, .by = by});
    }
    /// Observe start. The token is the number by which notifications are told.
    std::string observes(std::string_view path, lwm2m::ObservationId token, std::optional<std::uint16_t> accept = {},
                         lwm2m::ServerId by = 1) {
        return asks("GET " + std::string(path), {.accept = accept, .observe = lwm2m::Observe::start, .token = token, .by = by});
    }
    /// Observe 1; token 0: one that the gateway does not know.
    std::string cancels(std::string_view path, lwm2m::ObservationId token, lwm2m::ServerId by = 1) {
        return asks("GET " + std::string(path), {.observe = lwm2m::Observe::cancel, .token = token, .by = by});
    }
    /// The answer to the last question as it stands now.
    std::string reply() const { return last_->count == 0 ? "" : text_of(last_->response); }
    const lwm2m::Response& response() const { return last_->response; }
    int answers_given() const { return last_->count; }

    // ---- notifications

    /// "#7 2.05 22.0" for the observation with token 7, " CON" after it when confirmable; "" for none.
    std::string notified() {
        if (notifications_.empty()) return "";
        const Notification next = std::move(notifications_.front());
        notifications_.pop_front();
        last_notification = next.response;
        return "#" + std::to_string(next.id) + " " + text_of(next.response) + (next.confirmable ? " CON" : "");
    }
    lwm2m::Response last_notification;
    std::size_t notifications() const { return notifications_.size(); }
    void resets(lwm2m::ObservationId token, lwm2m::ServerId by = 1) { handler_->on_lost(by, token, lwm2m::Lost::reset); }
    void does_not_acknowledge(lwm2m::ObservationId token, lwm2m::ServerId by = 1) {
        handler_->on_lost(by, token, lwm2m::Lost::timeout);
    }
    void ends_session(lwm2m::ServerId by = 1) { handler_->on_session_closed(by, "closed by the server"); }

    // ---- Transport

    std::set<lwm2m::ServerId> accounts;       // open ones
    std::map<lwm2m::ServerId, int> sessions;  // how often reconnect() was asked for
    std::set<lwm2m::ObservationId> ended;

    void set_handler(lwm2m::RequestHandler& handler) override { handler_ = &handler; }
    lwm2m::Result<void> open(const lwm2m::ServerAccount& account) override {
        if (account.uri.empty()) return lwm2m::fail(lwm2m::Errc::bad_request, "no URI");
        accounts.insert(account.id);
        return {};
    }
    void close(lwm2m::ServerId server) override { accounts.erase(server); }
    void reconnect(lwm2m::ServerId server) override { ++sessions[server]; }
    void send(lwm2m::ServerId server, lwm2m::Uplink message, lwm2m::Answer answer) override {
        uplinks_.push_back({server, std::move(message), std::move(answer)});
    }
    void notify(lwm2m::ServerId, lwm2m::ObservationId id, lwm2m::Response response, bool confirmable) override {
        notifications_.push_back({id, std::move(response), confirmable});
    }
    void end(lwm2m::ServerId, lwm2m::ObservationId id) override { ended.insert(id); }

private:
    struct Heard {
        lwm2m::ServerId server = 0;
        lwm2m::Uplink message;
        lwm2m::Answer answer;
    };
    struct Exchange {
        int count = 0;
        lwm2m::Response response;
    };
    struct Notification {
        lwm2m::ObservationId id;
        lwm2m::Response response;
        bool confirmable;
    };

    static std::vector<std::string> split(std::string_view text, char by) {
        std::vector<std::string> parts;
        for (std::size_t from = 0;;) {
            const std::size_t to = text.find(by, from);
            parts.emplace_back(text.substr(from, to == std::string_view::npos ? to : to - from));
            if (to == std::string_view::npos) return parts;
            from = to + 1;
        }
    }
    static std::string text_of(const lwm2m::Response& response) {
        std::string text = lwm2m::str(response.code);
        for (const auto& segment : response.location) text += " /" + segment;
        if (response.payload.empty() || response.code >= lwm2m::Code::bad_request) return text;  // a diagnostic is for people
        const auto format = response.content_format.value_or(0);
        const bool readable = format == 0 || format == 40 || format == 110;
        return text + ' ' + (readable ? std::string(base::as_text(response.payload)) : base::to_hex(response.payload));
    }
    void answer(lwm2m::Result<lwm2m::UplinkAnswer> what) {
        if (const auto to = std::exchange(current_.answer, nullptr)) to(std::move(what));
    }

    lwm2m::RequestHandler* handler_ = nullptr;
    std::deque<Heard> uplinks_;
    Heard current_;
    std::shared_ptr<Exchange> last_ = std::make_shared<Exchange>();
    std::deque<Notification> notifications_;
};

}  // namespace fakes
