#include "tests/peer/commands.hpp"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <stdexcept>

namespace {

const char* const usage =
    "lwm2m-peer: a small LwM2M server for demos and tests; commands on stdin, what happens on stdout\n\n"
    "  --listen HOST:PORT          numeric address (127.0.0.1:0; port 0: any free one)\n"
    "  --psk IDENTITY:HEXKEY       DTLS with this pre-shared key, instead of plain UDP\n"
    "  --psk-file IDENTITY:FILE    the same, the key as hex digits in a file\n"
    "  --only VERSION              answer 4.12 to any other lwm2m version\n"
    "  --delay MS                  answer the client so late\n"
    "  --ack-timeout MS            repeat unanswered requests after so long (2000)\n"
    "  --nstart N                  requests in flight to one client (16)\n"
    "  --human                     words instead of JSON lines\n\ncommands:\n";

volatile std::sig_atomic_t stopped = 0;

std::string first_line(const std::string& file) {
    std::FILE* input = std::fopen(file.c_str(), "r");
    if (input == nullptr) throw std::runtime_error(file + ": cannot be read");
    char room[160] = {};
    const std::size_t size = std::fread(room, 1, sizeof room - 1, input);
    std::fclose(input);
    std::string text(room, size);
    text.erase(std::min(text.find_first_of("\r\n"), text.size()));
    return text.rfind("hex:", 0) == 0 ? text.substr(4) : text;
}

struct Settings {
    peer::Options server;
    bool human = false;
};

Settings settings(int count, char** arguments) {
    Settings result;
    for (int i = 1; i < count; ++i) {
        const std::string option = arguments[i];
        if (option == "--human") {
            result.human = true;
            continue;
        }
        if (++i == count) throw std::runtime_error(option + " needs a value; --help lists the options");
        const std::string value = arguments[i];
        const auto milliseconds = [&] {
            const auto n = peer::number(value);
            if (!n) throw std::runtime_error(option + " takes a number");
            return std::chrono::milliseconds(*n);
        };
        if (option == "--listen")
            result.server.listen = value;
        else if (option == "--only")
            result.server.only = value;
        else if (option == "--delay")
            result.server.delay = milliseconds();
        else if (option == "--ack-timeout")
            result.server.ack_timeout = milliseconds();
        else if (option == "--nstart")
            result.server.nstart = static_cast<std::uint16_t>(milliseconds().count());
        else if (option == "--psk" || option == "--psk-file") {
            const auto colon = value.rfind(':');
            if (colon == std::string::npos || colon == 0) throw std::runtime_error(option + " takes IDENTITY:KEY");
            result.server.identity = value.substr(0, colon);
            const auto digits = value.substr(colon + 1);
            const auto key = peer::unhex(option == "--psk" ? digits : first_line(digits));
            if (!key || key->empty()) throw std::runtime_error(option + ": the key is not hex");
            result.server.key = *key;
        } else
            throw std::runtime_error("unknown option " + option + "; --help lists them");
    }
    return result;
}

int run(Settings settings) {
    bool human = settings.human;
    const auto tell = [&human](const peer::Json& event) {
        const std::string text =
            human ? peer::in_words(event) : event.dump(-1, ' ', false, peer::Json::error_handler_t::replace) + "\n";
        std::fputs(text.c_str(), stdout);
        std::fflush(stdout);
    };
    peer::Server server(settings.server, tell);
    if (human)
        std::printf("listening on %s; `help` lists the commands\n", std::to_string(server.port()).c_str()), std::fflush(stdout);
    else
        tell({{"ev", "ready"},
              {"port", server.port()},
              {"security", settings.server.identity.empty() ? "nosec" : "psk"},
              {"pid", getpid()}});

    std::string typed;
    bool open = true;
    while (open && stopped == 0) {
        pollfd wait[] = {{STDIN_FILENO, POLLIN, 0}, {server.descriptor(), POLLIN, 0}};
        poll(wait, 2, server.patience());
        server.turn();
        if ((wait[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
        char room[4096];
        const auto got = read(STDIN_FILENO, room, sizeof room);
        if (got <= 0) break;  // whoever started us has gone
        typed.append(room, static_cast<std::size_t>(got));
        for (auto end = typed.find('\n'); open && end != std::string::npos; end = typed.find('\n')) {
            const std::string line = typed.substr(0, end);
            typed.erase(0, end + 1);
            if (line == "human" || line == "machine")
                human = line == "human";
            else
                open = human ? peer::obey_human(server, line) : peer::obey(server, line);
        }
    }
    if (!human) tell({{"ev", "bye"}});
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count == 2 && (std::string(arguments[1]) == "--help" || std::string(arguments[1]) == "-h")) {
        std::cout << usage << peer::command_help;
        return 0;
    }
    for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { stopped = 1; });
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(settings(count, arguments));
    } catch (const std::exception& error) {
        std::cerr << "lwm2m-peer: " << error.what() << "\n";
        return 2;
    }
}
