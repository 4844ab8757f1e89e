#include "tests/peer/commands.hpp"
#include "tests/peer/requests.hpp"
#include "tests/peer/senml.hpp"

#include <cstdio>
#include <map>

namespace peer {
namespace {

constexpr std::uint32_t senml_json = 110;

const char* const human_help =
    "  devices                   who is behind the gateway (object 25)\n"
    "  read PATH                 /meter, /meter/3303/0 or /meter/3303/0/5700; without a prefix: the gateway itself\n"
    "  discover PATH             what there is below an object, an instance or a resource\n"
    "  write PATH VALUE          true, false, a number or a text\n"
    "  execute PATH [ARGUMENTS]\n"
    "  observe PATH [pmin=1&gt=30]   each new value is shown; cancel PATH ends it\n"
    "  quit\n";

void say(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}

std::string meaning(unsigned c) {
    static const std::map<std::string, const char*> words{
        {"4.00", "bad request"},        {"4.01", "not authorised"},           {"4.04", "not found"},
        {"4.05", "not allowed"},        {"4.06", "not in that format"},       {"4.15", "format not known"},
        {"5.00", "the device failed"},  {"5.01", "not implemented"},          {"5.02", "the device answered nonsense"},
        {"5.03", "the device is away"}, {"5.04", "the device did not answer"}};
    const auto found = words.find(code_name(c));
    return code_name(c) + (found != words.end() ? std::string(" ") + found->second : "");
}

std::string line_for(const std::string& path, const std::string& value) {
    std::string line = "  " + path;
    line.resize(std::max<std::size_t>(line.size() + 2, 26), ' ');
    line += value;
    if (const auto words = words_for(path); !words.empty()) {
        line.resize(std::max<std::size_t>(line.size() + 2, 46), ' ');
        line += words;
    }
    return line + "\n";
}

std::string content(const std::string& path, const Message& message) {
    const std::string text(message.payload.begin(), message.payload.end());
    if (message.content_format == senml_json) {
        const auto values = read_senml(text);
        if (!values) return "  " + path + ": malformed SenML: " + text + "\n";
        std::string lines;
        for (const auto& entry : *values) lines += line_for(entry.path, entry.value);
        return lines.empty() ? "  nothing there\n" : lines;
    }
    if (message.content_format == 40U) {
        std::string lines;
        for (const auto& link : split(text, ',')) lines += "  " + link + "\n";
        return lines;
    }
    return line_for(path, message.content_format.value_or(0) == 0 ? text : hex(message.payload));
}

void show(const std::string& path, const Answer& answer, const char* success) {
    if (!answer.failure.empty()) return say("  " + path + ": " + answer.failure + "\n");
    const Message& response = answer.response;
    if (!is_success(response.code)) {
        const std::string why(response.payload.begin(), response.payload.end());
        return say("  " + path + ": " + meaning(response.code) + (why.empty() ? "" : " (" + why + ")") + "\n");
    }
    say(response.payload.empty() ? std::string("  ") + success + "\n" : content(path, response));
}

void devices(Server& server) {
    Call call;
    call.request = request(COAP_REQUEST_GET, "/25");
    call.request.accept = senml_json;
    server.call(std::move(call), [](const Answer& answer) {
        if (!answer.failure.empty() || !is_success(answer.response.code)) return show("/25", answer, "");
        const auto values = read_senml(std::string(answer.response.payload.begin(), answer.response.payload.end()));
        if (!values) return say("  /25: malformed SenML\n");
        std::map<std::string, std::map<std::string, std::string>> found;  // instance -> resource -> value
        for (const auto& entry : *values) {
            const auto segments = split(entry.path, '/');
            if (segments.size() == 3) found[segments[1]][segments[2]] = entry.value;
        }
        if (found.empty()) return say("  none\n");
        for (auto& [instance, device] : found) {
            std::string objects;
            for (const auto& link : split(device["3"], ',')) {
                const auto path = link.substr(1, link.find('>') - 1);
                if (split(path, '/').size() == 2) objects += " " + path.substr(1);
            }
            say("  /" + device["1"] + "  " + device["0"] + "  objects:" + objects + "\n");
        }
    });
}

}  // namespace

std::string in_words(const Json& event) {
    const auto kind = event.value("ev", "");
    const auto text = [&](const char* key) { return event.value(key, std::string()); };
    if (kind == "registered") {
        const auto cipher = text("cipher");
        return "* " + text("ep") + " registered as " + text("location") + ", LwM2M " + text("lwm2m") + ", for " +
               std::to_string(event.value("lt", 0)) + " s" + (cipher.empty() ? ", without security" : ", over DTLS " + cipher) +
               "\n";
    }
    if (kind == "deregistered") return "* " + text("ep") + " has left\n";
    if (kind == "expired") return "* " + text("ep") + " has not been heard of for its lifetime\n";
    if (kind == "refused") return "* a client was refused: " + text("code") + " " + text("why") + "\n";
    if (kind == "handshake_failed") return "* a DTLS handshake failed: the client's key is not ours\n";
    if (kind == "identity" && !event.value("known", true)) return "* unknown identity '" + text("identity") + "'\n";
    if (kind == "notification") {
        if (event.contains("values")) {
            std::string lines;
            for (const auto& each : event["values"])
                lines += "*" + line_for(each.value("path", ""), each.value("value", "")).substr(1);
            return lines;
        }
        if (text("code").front() != '2') return "* " + text("path") + ": " + text("code") + ", no longer observed\n";
        return "*" + line_for(text("path"), event.contains("text") ? text("text") : text("hex")).substr(1);
    }
    return {};
}

bool obey_human(Server& server, const std::string& line) {
    std::string rest = line;
    const std::string verb = word(rest);
    if (verb.empty()) return true;
    if (verb == "quit" || verb == "exit") return false;
    if (verb == "help") return say(human_help), true;
    if (verb == "devices") return devices(server), true;
    const std::string path = word(rest);
    if (path.empty())
        return say("  " + verb +
                   (verb == "read" || verb == "observe" || verb == "write" ? " needs a path, such as /meter/3303/0\n"
                                                                           : "? These are known:\n" + std::string(human_help))),
               true;

    Call call;
    Message& message = call.request;
    const char* success = "nothing there";
    if (verb == "read") {
        message = request(COAP_REQUEST_GET, path);
        message.accept = senml_json;
    } else if (verb == "discover") {
        message = request(COAP_REQUEST_GET, path);
        message.accept = 40;
    } else if (verb == "write") {
        message = request(COAP_REQUEST_PUT, path);
        if (rest == "true" || rest == "false") rest = rest == "true" ? "1" : "0";  // OMA Core 1.2 C.1
        message.content_format = 0;
        message.payload.assign(rest.begin(), rest.end());
        success = "written";
    } else if (verb == "execute") {
        message = request(COAP_REQUEST_POST, path);
        if (!rest.empty()) message.content_format = 0;
        message.payload.assign(rest.begin(), rest.end());
        success = "executed";
    } else if (verb == "observe") {
        message = request(COAP_REQUEST_GET, path);
        message.observe = 0;
        message.accept = senml_json;
        message.query = split(rest, '&');
        call.start_observation = true;
    } else if (verb == "cancel") {
        message = request(COAP_REQUEST_GET, path);
        message.observe = 1;
        call.cancel_observation = true;
    } else {
        return say("  " + verb + "? These are known:\n" + human_help), true;
    }
    server.call(std::move(call), [path, success](const Answer& answer) { show(path, answer, success); });
    return true;
}

}  // namespace peer
