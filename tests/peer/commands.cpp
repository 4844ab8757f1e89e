#include "tests/peer/commands.hpp"

#include "tests/peer/requests.hpp"

namespace peer {
const char* const command_help =
    "  read PATH [accept FORMAT]          discover PATH [depth N]         execute PATH [ARGUMENTS]\n"
    "  write PATH VALUE                   write-format PATH FORMAT HEX    update PATH FORMAT HEX\n"
    "  observe PATH [accept FORMAT] [ATTRIBUTES]     cancel PATH          forget-observation PATH\n"
    "  attributes PATH ATTRIBUTES         raw METHOD PATH [query Q] [accept N] [cf N] [observe N] [payload HEX]\n"
    "  registrations   use ENDPOINT       forget   delay MS   only VERSION|any   silent on|off   human   quit\n";

std::string word(std::string& rest) {
    const auto from = std::min(rest.find_first_not_of(' '), rest.size());
    const auto to = std::min(rest.find(' ', from), rest.size());
    std::string taken = rest.substr(from, to - from);
    rest.erase(0, std::min(rest.find_first_not_of(' ', to), rest.size()));
    return taken;
}

Message request(unsigned method, const std::string& path) {
    Message message;
    message.code = method;
    message.path = split(path, '/');
    return message;
}

namespace {

void set_payload(Message& message, std::uint32_t format, const std::string& text) {
    message.content_format = format;
    message.payload.assign(text.begin(), text.end());
}

/// Thrown for a line that cannot be obeyed.
struct Mistake {
    std::string what;
};

std::uint32_t number_or_throw(const std::string& text) {
    const auto value = number(text);
    if (!value) throw Mistake{"'" + text + "' is not a number"};
    return *value;
}

void set_hex(Message& message, const std::string& format, const std::string& text) {
    const auto bytes = unhex(text);
    if (!bytes) throw Mistake{"'" + text + "' is not hex"};
    message.content_format = number_or_throw(format);
    message.payload = *bytes;
}

/// accept N, query Q, cf N, observe N, payload HEX, depth N; any other word is a query too.
void set_options(Message& message, std::string rest) {
    while (!rest.empty()) {
        const std::string key = word(rest);
        if (key == "accept")
            message.accept = number_or_throw(word(rest));
        else if (key == "cf")
            message.content_format = number_or_throw(word(rest));
        else if (key == "observe")
            message.observe = number_or_throw(word(rest));
        else if (key == "depth")
            message.query.push_back("depth=" + word(rest));
        else if (key == "query")
            message.query = split(word(rest), '&');
        else if (key == "payload") {
            const auto bytes = unhex(word(rest));
            if (!bytes) throw Mistake{"the payload is not hex"};
            message.payload = *bytes;
        } else
            message.query = split(key, '&');
    }
}

Call call_for(const std::string& verb, std::string& rest) {
    Call call;
    Message& message = call.request;
    const std::string path = verb == "raw" ? "" : word(rest);
    if (verb == "read") {
        message = request(COAP_REQUEST_GET, path);
        set_options(message, rest);
    } else if (verb == "discover") {
        message = request(COAP_REQUEST_GET, path);
        message.accept = 40;
        set_options(message, rest);
    } else if (verb == "write") {
        message = request(COAP_REQUEST_PUT, path);
        set_payload(message, 0, rest);
    } else if (verb == "write-format" || verb == "update") {
        message = request(verb == "update" ? COAP_REQUEST_POST : COAP_REQUEST_PUT, path);
        const std::string format = word(rest);
        set_hex(message, format, word(rest));
    } else if (verb == "attributes") {
        message = request(COAP_REQUEST_PUT, path);
        message.query = split(rest, '&');
    } else if (verb == "execute") {
        message = request(COAP_REQUEST_POST, path);
        if (!rest.empty()) set_payload(message, 0, rest);
    } else if (verb == "observe") {
        message = request(COAP_REQUEST_GET, path);
        message.observe = 0;
        set_options(message, rest);
        call.start_observation = true;
    } else if (verb == "cancel") {
        message = request(COAP_REQUEST_GET, path);
        message.observe = 1;
        call.cancel_observation = true;
    } else if (verb == "raw") {
        const std::string name = word(rest);
        const unsigned code = method(name);
        if (code == 0) throw Mistake{"'" + name + "' is not a CoAP method"};
        message = request(code, word(rest));
        set_options(message, rest);
        call.start_observation = message.observe == 0U;
    } else {
        throw Mistake{"no command '" + verb + "'"};
    }
    return call;
}

void done(Server& server, const std::string& tag, const std::string& verb, bool ok) {
    server.emit({{"ev", "done"}, {"tag", tag}, {"verb", verb}, {"ok", ok}});
}

}  // namespace

bool obey(Server& server, const std::string& line) {
    std::string rest = line, tag;
    if (!rest.empty() && rest.front() == '#') tag = word(rest).substr(1);
    const std::string verb = word(rest);
    if (verb.empty()) return true;
    if (verb == "quit") return false;
    try {
        if (verb == "forget")
            server.forget();
        else if (verb == "forget-observation")
            return done(server, tag, verb, server.forget_observation(word(rest))), true;
        else if (verb == "delay")
            server.options().delay = std::chrono::milliseconds(number_or_throw(word(rest)));
        else if (verb == "only")
            server.options().only = rest == "any" ? "" : rest;
        else if (verb == "silent")
            server.set_silent(rest == "on");
        else if (verb == "use")
            return done(server, tag, verb, server.use(word(rest))), true;
        else if (verb == "registrations") {
            Json list = Json::array();
            for (const auto& [location, each] : server.registrations())
                list.push_back({{"location", location}, {"ep", each.endpoint}, {"links", each.links}});
            server.emit({{"ev", "registrations"}, {"tag", tag}, {"list", list}});
            return true;
        } else {
            Call call = call_for(verb, rest);
            const std::string path = join(call.request.path);
            const auto started = Clock::now();
            server.call(std::move(call), [&server, tag, path, verb, started](const Answer& answer) {
                Json event{{"ev", "response"}, {"tag", tag}, {"verb", verb}, {"path", path}};
                event["ms"] = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
                if (!answer.failure.empty())
                    event["failed"] = answer.failure;
                else
                    describe_payload(event, answer.response);
                if (answer.response.observe) event["observe"] = *answer.response.observe;
                if (!answer.response.location.empty()) event["location"] = join(answer.response.location);
                server.emit(event);
            });
            return true;
        }
        done(server, tag, verb, true);
    } catch (const Mistake& mistake) {
        server.emit({{"ev", "mistake"}, {"tag", tag}, {"line", line}, {"what", mistake.what}});
    }
    return true;
}

}  // namespace peer
