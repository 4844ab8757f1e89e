#include "field.hpp"

#include <sys/resource.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {
volatile std::sig_atomic_t ended = 0;
}

bool field::over() { return ended != 0; }

int main(int argc, char** argv) {
    const auto usage = [] {
        std::fputs(
            "modbus-field serve|line|loop [--devices N] [--port P] [--registers N] [--baud N] [--turnaround US]\n"
            "                             [--period MS] [--warmup S] [--duration S]\n",
            stderr);
        return 2;
    };
    if (argc < 2) return usage();
    field::Options options;
    for (int i = 2; i + 1 < argc; i += 2) {
        const auto is = [&](const char* name) { return std::strcmp(argv[i], name) == 0; };
        const long number = std::atol(argv[i + 1]);
        if (is("--devices"))
            options.devices = static_cast<unsigned>(number);
        else if (is("--port"))
            options.port = static_cast<std::uint16_t>(number);
        else if (is("--registers"))
            options.registers = static_cast<std::uint16_t>(number);
        else if (is("--baud"))
            options.baud = static_cast<unsigned>(number);
        else if (is("--turnaround"))
            options.turnaround = std::chrono::microseconds(number);
        else if (is("--period"))
            options.period = std::chrono::milliseconds(number);
        else if (is("--warmup"))
            options.warmup = std::atof(argv[i + 1]);
        else if (is("--duration"))
            options.duration = std::atof(argv[i + 1]);
        else
            return usage();
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { ended = 1; });
    std::signal(SIGPIPE, SIG_IGN);
    if (std::strcmp(argv[1], "serve") == 0) return field::serve(options);
    if (std::strcmp(argv[1], "line") == 0) return field::line(options);
    if (std::strcmp(argv[1], "loop") == 0) return field::plain_loop(options);
    return usage();
}
