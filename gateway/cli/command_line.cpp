#include "gateway/cli/command_line.hpp"

#include "gateway/base/log.hpp"
#include "gateway/control/server.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

namespace gateway::cli {

struct CommandLine::Words {
    SimulateOptions simulate;
    ReadOptions read;
    WriteOptions write;
    ScanOptions scan;
    TraceOptions trace;
    AddOptions add;
    std::vector<std::string> files;
    std::string device, which;
};

CommandLine::CommandLine(std::string version)
    : program_(std::make_unique<CLI::App>(
          "The LwM2M gateway: Modbus, BLE and MQTT devices as LwM2M object trees behind one client.", "lwm2m-gateway")),
      words_(std::make_unique<Words>()) {
    options_.version = std::move(version);
    program_->set_version_flag("--version", "lwm2m-gateway " + options_.version);
    program_->require_subcommand(1);
    program_->footer(
        "lwm2m-gateway VERB --help tells more of a verb, man lwm2m-gateway all of it.\n"
        "Exit status: 0 well, 1 a problem was found, 2 wrong use, 3 no gateway answers, 78 (run) mistakes in the files.");
    on_files();
    on_gateway();
    on_devices();
    on_links();
    auto* completion = add("completion", "Prints a script that completes verbs and options in a shell.",
                           "lwm2m-gateway completion bash >~/.local/share/bash-completion/completions/lwm2m-gateway");
    completion->require_subcommand(1);
    add(completion, "bash", "For bash.", "eval \"$(lwm2m-gateway completion bash)\"")->callback([this] {
        verb_ = [this] {
            std::cout << this->completion();
            return well;
        };
    });
}

CommandLine::~CommandLine() = default;

CLI::App* CommandLine::add(const std::string& name, const std::string& what, const std::string& example) {
    return add(program_.get(), name, what, example);
}

CLI::App* CommandLine::add(CLI::App* parent, const std::string& name, const std::string& what, const std::string& example) {
    auto* verb = parent->add_subcommand(name, what);
    verb->footer("Example:\n  " + example);
    return verb;
}

void CommandLine::site(CLI::App* verb, bool needed) {
    verb->add_option("--config", options_.places.config, "Folder with gateway.yaml, devices.d/ and profiles/")
        ->required(needed)
        ->type_name("DIR");
    verb->add_option("--secrets", secrets_, "Folder with one file for each ${secret:name}; default: systemd's credentials")
        ->type_name("DIR");
}

void CommandLine::common(CLI::App* verb) {
    verb->add_option("--models", options_.places.models, "Folder of object definition files (XML) beside the built-in ones")
        ->type_name("DIR");
    verb->add_option("--profiles", options_.places.profiles, "Folder of shipped profiles, if not the installed one")
        ->type_name("DIR");
    verb->add_option("--plugins", options_.places.plugins, "Folder of adapter plugins, if not the installed one")
        ->type_name("DIR");
    verb->add_option("--log-level", options_.log_level, "trace, debug, info, warn, error or off")
        ->check([](const std::string& text) { return base::parse_level(text) ? "" : base::parse_level(text).error().message; })
        ->type_name("LEVEL");
}

void CommandLine::socket(CLI::App* verb) {
    verb->add_option("--socket", options_.socket,
                     "The gateway's control socket, if not /run/lwm2m-gateway/control.sock; none: without one")
        ->type_name("PATH");
}

void CommandLine::json(CLI::App* verb) { verb->add_flag("--json", options_.json, "For programs: JSON on standard output"); }

/// Verbs that read files and start nothing.
void CommandLine::on_files() {
    auto* check =
        add("check", "Reads all files and tells every mistake with its place and remedy, and how busy each link will be.",
            "lwm2m-gateway check --config /etc/lwm2m-gateway");
    site(check, true);
    common(check);
    json(check);
    check->callback([this] { verb_ = [this] { return cli::check(options_); }; });

    auto* explain =
        add("explain", "Prints what the gateway understood: links, requests, and the object tree that a server will see.",
            "lwm2m-gateway explain --config /etc/lwm2m-gateway");
    site(explain, true);
    common(explain);
    json(explain);
    explain->callback([this] { verb_ = [this] { return cli::explain(options_); }; });

    auto* profile = add("profile", "Looks at profiles: runs their tests, or gives advice.",
                        "lwm2m-gateway profile test my-site/profiles/acme/em24.yaml");
    profile->require_subcommand(1);
    const auto of_profiles = [&](CLI::App* verb) {
        verb->add_option("FILE", words_->files, "Profiles; none: all that are shipped, and those of --config");
        verb->add_option("--config", options_.places.config, "Folder whose profiles/ are looked at too")->type_name("DIR");
        common(verb);
        json(verb);
    };
    auto* test = add(profile, "test", "Runs the tests that stand in profiles, without any device.",
                     "lwm2m-gateway profile test my-site/profiles/acme/em24.yaml");
    of_profiles(test);
    test->callback([this] { verb_ = [this] { return profile_test(options_, words_->files); }; });
    auto* lint = add(profile, "lint", "Tells what is legal in profiles and may be regretted.",
                     "lwm2m-gateway profile lint --config my-site");
    of_profiles(lint);
    lint->callback([this] { verb_ = [this] { return profile_lint(options_, words_->files); }; });

    auto& simulated = words_->simulate;
    auto* simulate =
        add("simulate", "Plays a device from its profile: a Modbus server whose values can be changed while it runs.",
            "lwm2m-gateway simulate demo/meter --tcp 127.0.0.1:1502 --set temperature=21.5");
    simulate->add_option("PROFILE", simulated.profile, "maker/model, or maker/model@revision")->required();
    simulate->add_option("--tcp", simulated.tcp, "Where to listen; port 0 takes a free one. Of MQTT: the broker")
        ->required()
        ->type_name("HOST:PORT");
    simulate->add_option("--unit", simulated.unit, "Modbus unit id (default 1)")->check(CLI::Range(0U, 255U))->type_name("N");
    simulate
        ->add_option("--set", simulated.set,
                     "First value of a point; more than once; also as a line `set POINT=VALUE` on standard input")
        ->type_name("POINT=VALUE");
    simulate->add_option("--param", simulated.params, "A parameter of the profile")->type_name("NAME=VALUE");
    simulate->add_option("--config", options_.places.config, "Folder whose profiles/ are looked at first")->type_name("DIR");
    common(simulate);
    json(simulate);
    simulate->callback([this] { verb_ = [this] { return cli::simulate(options_, words_->simulate); }; });

    auto& added = words_->add;
    auto* add_device = add(
        "add", "Adds a device to the site: checks it together with all others, then writes it into a file of its own.",
        "lwm2m-gateway add acme/em24 --config /etc/lwm2m-gateway --id meter-hall --link rs485-a --unit 7 --set ct_ratio=40");
    add_device->add_option("PROFILE", added.profile, "maker/model (the newest revision), or maker/model@revision")->required();
    site(add_device, true);
    add_device->add_option("--id", added.id, "Its name in object 25")->type_name("ID");
    add_device->add_option("--link", added.link, "The link that it is on")->type_name("LINK");
    add_device->add_option("--address", added.address, "Its own address, where it has one")->type_name("ADDRESS");
    add_device->add_option("--unit", added.unit, "Modbus unit id")->check(CLI::Range(0U, 255U))->type_name("N");
    add_device->add_option("--prefix", added.prefix, "Under which servers see it; default: given once, and kept")
        ->type_name("PREFIX");
    add_device->add_option("--name", added.name, "For people")->type_name("TEXT");
    add_device->add_option("--set", added.set, "A parameter of the profile; asked for on a terminal")->type_name("NAME=VALUE");
    add_device->add_flag("--dry-run", added.dry_run, "Check, and show what would be written");
    add_device->add_flag("--reload", added.reload, "The running gateway takes it over at once");
    socket(add_device);
    common(add_device);
    json(add_device);
    add_device->callback([this] { verb_ = [this] { return cli::add(options_, words_->add); }; });
}

/// The gateway as a whole.
void CommandLine::on_gateway() {
    auto* run = add("run", "Runs the gateway in the foreground, as systemd starts it. SIGHUP reloads, SIGTERM ends it.",
                    "lwm2m-gateway run --config /etc/lwm2m-gateway --state /var/lib/lwm2m-gateway");
    site(run, true);
    common(run);
    run->add_option("--state", options_.places.state, "Folder for what must survive a restart: the devices' prefixes")
        ->type_name("DIR");
    socket(run);
    run->callback([this] { verb_ = [this] { return cli::run(options_); }; });

    auto* status =
        add("status", "Tells how the running gateway does: servers, links, devices by presence.", "lwm2m-gateway status");
    socket(status);
    json(status);
    status->callback([this] { verb_ = [this] { return cli::status(options_); }; });

    auto* devices = add("devices", "Lists the devices of the running gateway; one of them with all its points.",
                        "lwm2m-gateway devices meter-hall");
    devices->add_option("ID", words_->device, "A device");
    socket(devices);
    json(devices);
    devices->callback([this] { verb_ = [this] { return cli::devices(options_, words_->device); }; });

    auto* discover = add("discover", "Devices that discovery rules came upon: lists them, lets them in or keeps them out.",
                         "lwm2m-gateway discover approve em24-0815");
    discover->require_subcommand(1);
    const auto op = [&](const char* name, const char* what, bool with_key) {
        auto* verb = add(discover, name, what, fmt::format("lwm2m-gateway discover {}{}", name, with_key ? " em24-0815" : ""));
        if (with_key) verb->add_option("KEY", words_->which, "Its id or its key, as the list shows them")->required();
        socket(verb);
        json(verb);
        verb->callback([this, operation = std::string(name)] {
            verb_ = [this, operation] { return cli::discover(options_, operation, words_->which); };
        });
    };
    op("list", "What was found, and what became of it.", false);
    op("approve", "It becomes a device of this site.", true);
    op("refuse", "It does not, and is not asked about again.", true);
    op("forget", "As if it had never been seen: its rule decides anew.", true);

    auto* reload =
        add("reload", "The running gateway takes over what changed in the files; with a mistake in them nothing changes.",
            "lwm2m-gateway reload");
    socket(reload);
    json(reload);
    reload->callback([this] { verb_ = [this] { return cli::reload(options_); }; });
}

/// One device: through the running gateway, or by its link opened from here.
void CommandLine::on_devices() {
    const auto address = [&](CLI::App* verb, Address& where) {
        verb->add_option("--link", where.link, "Past all profiles: the link")->type_name("LINK");
        verb->add_option("--unit", where.unit, "Modbus unit id")->check(CLI::Range(0U, 255U))->type_name("N");
        verb->add_option("--at", where.at, "Address, as a profile has it, counted from zero")->type_name("holding:N");
    };
    auto& wanted = words_->read;
    auto* read = add(
        "read", "Reads a device now and shows the bytes and each step of their conversion; or registers that no profile names.",
        "lwm2m-gateway read meter-hall/power\n  lwm2m-gateway read --link rs485-a --unit 7 --at holding:10 --count 4 --guess");
    read->add_option("DEVICE[/POINT]", wanted.target, "A device, or one point of it");
    address(read, wanted.address);
    read->add_option("--count", wanted.count, "Registers or bits (default 1)")->check(CLI::Range(1U, 125U))->type_name("N");
    read->add_flag("--guess", wanted.guess, "Show all types and orders, the likely one marked");
    site(read, false);
    socket(read);
    common(read);
    json(read);
    read->callback([this] { verb_ = [this] { return cli::read(options_, words_->read); }; });

    auto& written = words_->write;
    auto* write = add("write", "Writes a point as a server would: converted, within its limits, read back.",
                      "lwm2m-gateway write meter-hall/limit 16\n  lwm2m-gateway write meter-hall/offset -- -5");
    // Two options and no list: after a list that has something, CLI11 takes `--` for the end of the verb.
    write->add_option("DEVICE/POINT", written.target, "A point; with --link and --at the VALUE alone")->required();
    write->add_option("VALUE", written.value, "true, 0x10, 1.5, text; a negative number after --");
    address(write, written.address);
    write->add_flag("--force", written.force, "With --link and --at: yes, past all profiles; what a profile forbids stays so");
    site(write, false);
    socket(write);
    common(write);
    json(write);
    write->callback([this] { verb_ = [this] { return cli::write(options_, words_->write); }; });
}

/// One link, likewise.
void CommandLine::on_links() {
    auto& scanned = words_->scan;
    auto* scan = add("scan", "Looks for devices on a link, beside its polls, and proposes profiles for them.",
                     "lwm2m-gateway scan rs485-a --units 1-32 --share 20");
    scan->add_option("LINK", scanned.link, "As gateway.yaml calls it")->required();
    scan->add_option("--units", scanned.units, "Modbus unit ids, such as 1-32,100 (default: all)")->type_name("RANGES");
    scan->add_option("--speeds", scanned.speeds, "Speeds of a serial line, such as 9600,19200 (default: its own)")
        ->type_name("LIST");
    scan->add_option("--option", scanned.more, "Another option that the link's adapter knows")->type_name("NAME=VALUE");
    scan->add_option("--share", scanned.share, "Of the link's time, in percent (default 10)")
        ->check(CLI::Range(1.0, 100.0))
        ->type_name("PERCENT");
    site(scan, false);
    socket(scan);
    common(scan);
    json(scan);
    scan->callback([this] { verb_ = [this] { return cli::scan(options_, words_->scan); }; });

    auto& traced = words_->trace;
    auto* trace = add("trace", "Shows what goes over a link, decoded, until it is ended.",
                      "lwm2m-gateway trace rs485-a --pcap line.pcap");
    trace->add_option("LINK", traced.link, "As gateway.yaml calls it")->required();
    trace->add_option("--pcap", traced.pcap, "Also into a file for Wireshark")->type_name("FILE");
    trace->add_option("--count", traced.count, "End after so many frames")->type_name("N");
    site(trace, false);
    socket(trace);
    common(trace);
    json(trace);
    trace->callback([this] { verb_ = [this] { return cli::trace(options_, words_->trace); }; });
}

std::optional<int> CommandLine::parse(int argc, char** argv) {
    try {
        program_->parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return program_->exit(error) == 0 ? well : wrong_use;
    }
    options_.places.find_installed();
    const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
    for (const std::string& folder : {secrets_, std::string(credentials != nullptr ? credentials : "")})
        if (!folder.empty()) options_.places.secrets.push_back(folder);
    return std::nullopt;
}

std::string CommandLine::completion() const {
    std::string verbs, cases;
    const auto options_of = [](const CLI::App* verb) {
        std::string words;
        for (const auto* option : verb->get_options([](const CLI::Option* one) { return one->nonpositional(); }))
            for (const auto& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
        return words;
    };
    for (const auto* verb : program_->get_subcommands([](const CLI::App*) { return true; })) {
        verbs += verb->get_name() + ' ';
        std::string below;
        for (const auto* sub : verb->get_subcommands([](const CLI::App*) { return true; })) {
            below += (below.empty() ? "" : " ") + sub->get_name();
            cases += fmt::format("        '{} {}') words='{}' ;;\n", verb->get_name(), sub->get_name(), options_of(sub));
        }
        cases += fmt::format("        '{} '*) words='{}{}{}' ;;\n", verb->get_name(), below, below.empty() ? "" : " ",
                             options_of(verb));
    }
    return fmt::format(R"(# bash completion of lwm2m-gateway {version}; made by `lwm2m-gateway completion bash`
_lwm2m_gateway() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
    COMPREPLY=()
    case $before in
        --config|--secrets|--models|--profiles|--plugins|--state)
            mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --socket|--pcap)
            mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --log-level)
            mapfile -t COMPREPLY < <(compgen -W 'trace debug info warn error off' -- "$current"); return ;;
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W '{verbs}--help --version' -- "$current")
        return
    fi
    local second=
    [ "$COMP_CWORD" -gt 2 ] && second=${{COMP_WORDS[2]}}
    case "${{COMP_WORDS[1]}} $second" in
{cases}    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    case ${{COMP_WORDS[1]}} in
        profile) mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current") ;;
    esac
}}
complete -F _lwm2m_gateway lwm2m-gateway
)",
                       fmt::arg("version", options_.version), fmt::arg("verbs", verbs), fmt::arg("cases", cases));
}

}  // namespace gateway::cli
