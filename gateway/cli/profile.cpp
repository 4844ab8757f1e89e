#include "config/yaml_reader.hpp"
#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "gateway/cli/cli.hpp"
#include "gateway/cli/output.hpp"
#include "mapping/lint.hpp"
#include "mapping/vectors.hpp"

#include <algorithm>
#include <iostream>

namespace gateway::cli {

namespace {

/// What both verbs look at, and with.
struct Library {
    boost::asio::io_context loop{1};
    AsioTimers timers{loop};
    SystemRandom random;
    AdapterRegistry registry;
    std::unique_ptr<lwm2m::ObjectCatalog> catalog;
    base::Diagnostics diagnostics;
    std::vector<base::Node> files;
    mapping::Bench bench;

    Library(const Options& options, const std::vector<std::string>& names) {
        base::start_log(*base::parse_level(options.log_level.empty() ? "warn" : options.log_level));
        registry = find_adapters(options.places);
        catalog = load_catalog(options.places);
        if (names.empty() && !options.places.config.empty())
            files = config::load_profiles(options.places.config + "/profiles", diagnostics);
        if (names.empty())
            for (auto& shipped : config::load_profiles(options.places.profiles, diagnostics))
                files.push_back(std::move(shipped));
        for (const auto& name : names)
            if (auto file = config::read_yaml_file(name, name, diagnostics)) files.push_back(std::move(*file));
        bench = {catalog.get(), adapter_maker(registry, loop, timers, random)};
    }
};

/// "acme/em24.yaml": the last folder and the file.
std::string below_profiles(const std::string& path) {
    const auto file = path.rfind('/');
    const auto folder = file == std::string::npos || file == 0 ? std::string::npos : path.rfind('/', file - 1);
    return folder == std::string::npos ? path : path.substr(folder + 1);
}

}  // namespace

int profile_test(const Options& options, const std::vector<std::string>& names) {
    Library library(options, names);
    Json all = Json::array();
    std::size_t tests = 0, failures = 0, untested = 0;
    for (const auto& file : library.files) {
        const auto run = mapping::run_vectors(file, library.bench, library.diagnostics);
        if (!run) continue;
        untested += run->results.empty() ? 1 : 0;
        tests += run->results.size();
        failures += run->failed();
        Json results = Json::array();
        for (const auto& result : run->results) {
            results.push_back(Json{{"name", result.name}, {"passed", result.passed()}, {"differences", result.differences}});
            if (result.passed() || options.json) continue;
            std::cout << fmt::format("FAILED  {}: {} ({}:{})\n", run->profile, base::printable(result.name), result.at.file,
                                     result.at.line);
            for (const auto& difference : result.differences)
                std::cout << "        " << base::printable(difference, 500) << '\n';
        }
        if (!options.json)
            std::cout << (run->results.empty() ? fmt::format("no tests  {}\n", run->profile)
                          : run->failed() == 0 ? fmt::format("ok  {}: {}\n", run->profile, count(run->results.size(), "test"))
                                               : std::string());
        all.push_back(Json{{"profile", run->profile}, {"tests", std::move(results)}});
    }
    const bool fine = failures == 0 && library.diagnostics.ok();
    if (options.json) {
        Json out{{"ok", fine}, {"profiles", std::move(all)}};
        if (!library.diagnostics.ok()) out["mistakes"] = mistakes_of(library.diagnostics)["mistakes"];
        print(out);
    } else {
        std::cerr << library.diagnostics.str();
        std::cout << fmt::format("{}, {}, {} failed{}\n", count(library.files.size(), "profile"), count(tests, "test"),
                                 failures, untested > 0 ? fmt::format(", {} without tests", untested) : "");
    }
    return fine ? well : problem;
}

int profile_lint(const Options& options, const std::vector<std::string>& names) {
    Library library(options, names);
    Json all = Json::array();
    for (const auto& file : library.files) {
        const auto advice = mapping::lint(file, below_profiles(file.at().file), library.bench, library.diagnostics);
        if (!advice) continue;
        for (const auto& one : *advice) {
            all.push_back(Json{{"file", one.at.file},
                               {"line", one.at.line},
                               {"column", one.at.column},
                               {"code", one.code},
                               {"what", one.what},
                               {"remedy", one.remedy}});
            if (!options.json) std::cout << one.str() << '\n';
        }
    }
    const bool fine = all.empty() && library.diagnostics.ok();
    if (options.json) {
        Json out{{"ok", fine}, {"advice", all}};
        if (!library.diagnostics.ok()) out["mistakes"] = mistakes_of(library.diagnostics)["mistakes"];
        print(out);
    } else {
        std::cerr << library.diagnostics.str();
        std::cout << fmt::format("{}, {}\n", count(library.files.size(), "profile"),
                                 count(all.size(), "piece of advice", "pieces of advice"));
    }
    return fine ? well : problem;
}

}  // namespace gateway::cli
