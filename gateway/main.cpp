#include "gateway/cli/command_line.hpp"

#include <unistd.h>
#include <iostream>

int main(int argc, char** argv) {
    using namespace gateway;
    cli::CommandLine line(GATEWAY_VERSION);
    if (const auto status = line.parse(argc, argv)) return *status;
    try {
        const int status = line.run();
        if (status == cli::restart_status) {
            execv("/proc/self/exe", argv);
            std::cerr << "lwm2m-gateway: the restart that the server asked for failed\n";
            return cli::problem;
        }
        return status;
    } catch (const std::exception& error) {
        std::cerr << "lwm2m-gateway: " << error.what() << "\n";
        return cli::problem;
    }
}
