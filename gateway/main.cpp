#include "gateway/base/log.hpp"
#include "gateway/cli/cli.hpp"

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

namespace {

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

}  // namespace

int main(int argc, char** argv) {
    using namespace gateway;
    cli::Options options;
    options.version = GATEWAY_VERSION;
    cli::SimulateOptions simulated;
    std::string secrets;
    std::function<int()> verb;

    CLI::App program{"The LwM2M gateway: Modbus, BLE and MQTT devices as LwM2M object trees behind one client.",
                     "lwm2m-gateway"};
    program.set_version_flag("--version", "lwm2m-gateway " GATEWAY_VERSION);
    program.require_subcommand(1);
    program.footer("The manual: man lwm2m-gateway. Exit status: 0 well, 1 a problem was found, 2 wrong use.");

    const auto level = [](const std::string& text) {
        return base::parse_level(text) ? "" : base::parse_level(text).error().message;
    };
    const auto with_site = [&](CLI::App* command) {
        command->add_option("--config", options.places.config, "Folder with gateway.yaml, devices.d/ and profiles/")
            ->required()
            ->type_name("DIR");
        command
            ->add_option("--secrets", secrets, "Folder with one file for each ${secret:name}; default: systemd's credentials")
            ->type_name("DIR");
    };
    const auto common = [&](CLI::App* command) {
        command
            ->add_option("--models", options.places.models, "Folder of object definition files (XML) beside the built-in ones")
            ->type_name("DIR");
        command->add_option("--profiles", options.places.profiles, "Folder of shipped profiles, if not the installed one")
            ->type_name("DIR");
        command->add_option("--plugins", options.places.plugins, "Folder of adapter plugins, if not the installed one")
            ->type_name("DIR");
        command->add_option("--log-level", options.log_level, "trace, debug, info, warn, error or off")
            ->check(level)
            ->type_name("LEVEL");
    };

    auto* run = program.add_subcommand("run", "Runs the gateway in the foreground, as systemd starts it.");
    with_site(run);
    common(run);
    run->add_option("--state", options.places.state, "Folder for what must survive a restart: the devices' prefixes")
        ->type_name("DIR");
    run->callback([&] { verb = [&] { return cli::run(options); }; });

    auto* check =
        program.add_subcommand("check", "Reads all files and tells every mistake with its place and remedy; starts nothing.");
    with_site(check);
    common(check);
    check->callback([&] { verb = [&] { return cli::check(options); }; });

    auto* explain = program.add_subcommand(
        "explain", "Prints what the gateway understood: links, requests, and the object tree that a server will see.");
    with_site(explain);
    common(explain);
    explain->callback([&] { verb = [&] { return cli::explain(options); }; });

    auto* simulate = program.add_subcommand(
        "simulate", "Plays a device from its profile: a Modbus server whose values can be changed while it runs.");
    simulate->add_option("PROFILE", simulated.profile, "maker/model, or maker/model@revision")->required();
    simulate->add_option("--tcp", simulated.tcp, "Where to listen; port 0 takes a free one")
        ->required()
        ->type_name("HOST:PORT");
    simulate->add_option("--unit", simulated.unit, "Modbus unit id (default 1)")->check(CLI::Range(0U, 255U))->type_name("N");
    simulate
        ->add_option("--set", simulated.set,
                     "First value of a point; more than once; also as a line `set POINT=VALUE` on standard input")
        ->type_name("POINT=VALUE");
    simulate->add_option("--param", simulated.params, "A parameter of the profile")->type_name("NAME=VALUE");
    simulate->add_option("--config", options.places.config, "Folder whose profiles/ are looked at first")->type_name("DIR");
    common(simulate);
    simulate->callback([&] { verb = [&] { return cli::simulate(options, simulated); }; });

    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? 0 : 2;
    }
    options.places.find_installed();
    for (const auto& folder : {secrets, from_environment("CREDENTIALS_DIRECTORY")})
        if (!folder.empty()) options.places.secrets.push_back(folder);

    try {
        const int status = verb();
        if (status == cli::restart_status) {
            execv("/proc/self/exe", argv);
            std::cerr << "lwm2m-gateway: the restart that the server asked for failed\n";
            return 1;
        }
        return status;
    } catch (const std::exception& error) {
        std::cerr << "lwm2m-gateway: " << error.what() << "\n";
        return 1;
    }
}
