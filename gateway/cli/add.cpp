#include "config/yaml_reader.hpp"
#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "gateway/cli/cli.hpp"
#include "gateway/cli/output.hpp"
#include "gateway/cli/way.hpp"
#include "mapping/bus_load.hpp"
#include "mapping/profile.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>

namespace gateway::cli {

namespace {

using base::Errc;
using base::fail;
using base::Result;

bool on_terminal() { return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0; }

/// Nothing: the input ended.
std::optional<std::string> ask(const std::string& question) {
    std::cout << question << ": " << std::flush;
    std::string answer;
    if (!std::getline(std::cin, answer)) return std::nullopt;
    answer.erase(answer.find_last_not_of(" \t\r") + 1);
    return answer.substr(std::min(answer.size(), answer.find_first_not_of(" \t")));
}

/// A YAML scalar that means exactly this text.
std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

/// As it was typed where YAML takes that for what it is, else quoted: numbers stay numbers.
std::string scalar(const std::string& text, mapping::Parameter::Kind kind) {
    using Kind = mapping::Parameter::Kind;
    if (kind == Kind::text || kind == Kind::secret) return in_quotes(text);
    const auto node = base::Node::plain({}, text);
    return node.kind() == base::Node::Kind::text || node.kind() == base::Node::Kind::null ? in_quotes(text) : text;
}

/// The device's id as a file's name.
std::string file_name(std::string_view id) {
    std::string name;
    for (const char c : id)
        name +=
            std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || (c == '.' && !name.empty()) ? c : '-';
    return name.substr(0, 100) + ".yaml";
}

/// Whole or not at all, and never over another file.
Result<void> write_file(const std::string& path, const std::string& text) {
    const auto why = [&] { return fail(Errc::internal, fmt::format("{}: {}", path, std::strerror(errno))); };
    const auto temporary = path + ".new";
    const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) return why();
    const bool whole = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
    const int error = errno;
    close(file);
    errno = error;
    // link() and not rename(): it fails where there is such a file already.
    if (!whole || link(temporary.c_str(), path.c_str()) != 0) {
        const auto failure = why();
        unlink(temporary.c_str());
        return failure;
    }
    unlink(temporary.c_str());
    if (const int folder = open(path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
        fsync(folder);
        close(folder);
    }
    return {};
}

/// The site as it is, and with one more file.
class Draft {
public:
    explicit Draft(const Options& options) : secrets_(options.places.secrets) {
        registry_ = find_adapters(options.places);
        catalog_ = load_catalog(options.places);
        site_ = config::load(options.places.config, {options.places.profiles, true, {}}, secrets_, diagnostics_);
        if (!site_) return;
        library_.emplace(site_->profiles, diagnostics_);
    }
    base::Diagnostics& diagnostics() { return diagnostics_; }
    const config::Site* site() const { return site_ ? &*site_ : nullptr; }
    const mapping::Profile* profile(const std::string& wanted, base::Diagnostics& told) const {
        std::string reference = wanted;
        if (wanted.find('@') == std::string::npos) {
            std::int64_t newest = 0;
            for (const auto& root : site_->profiles) {
                const auto *name = root.find("profile"), *revision = root.find("revision");
                if (name != nullptr && revision != nullptr && name->written() == wanted)
                    newest = std::max(newest, revision->integer());
            }
            reference += fmt::format("@{}", std::max<std::int64_t>(newest, 1));
        }
        return library_->find(reference, {"PROFILE", 0, 0}, told);
    }
    /// Reports what is wrong with the site when `text` stands in `file` of devices.d.
    bool holds(const std::string& text, const std::string& file, base::Diagnostics& told) {
        mapping::Sources sources;
        sources.profiles = site_->profiles;
        sources.site = site_->devices;
        if (!text.empty()) {
            auto node = config::read_yaml(text, "devices.d/" + file, told);
            if (!node) return false;
            sources.site.push_back(std::move(*node));
        }
        sources.links = &site_->links;
        sources.endpoint = site_->endpoint;
        sources.catalog = catalog_.get();
        sources.make = adapter_maker(registry_, loop_, timers_, random_);
        sources.secret = [this](std::string_view name) { return secrets_.text(name); };
        const auto plan = mapping::compile(sources, told);
        if (plan) mapping::check_bus_load(*plan, told);
        return told.ok();
    }

private:
    boost::asio::io_context loop_{1};
    AsioTimers timers_{loop_};
    SystemRandom random_;
    AdapterRegistry registry_;
    std::unique_ptr<lwm2m::ObjectCatalog> catalog_;
    config::Secrets secrets_;
    base::Diagnostics diagnostics_;
    std::optional<config::Site> site_;
    std::optional<mapping::Library> library_;
};

/// What --set and the questions say of the profile's parameters, as the device's `set:`.
Result<std::vector<std::string>> parameters(const mapping::Profile& profile, const AddOptions& wanted) {
    std::map<std::string, std::string> given;
    for (const auto& one : wanted.set) {
        const auto equals = one.find('=');
        if (equals == std::string::npos || equals == 0)
            return fail(Errc::bad_request, fmt::format("--set: '{}' is no NAME=VALUE", base::printable(one)));
        given[one.substr(0, equals)] = one.substr(equals + 1);
    }
    std::vector<std::string_view> names;
    std::vector<std::string> lines;
    for (const auto& parameter : profile.parameters) {
        names.push_back(parameter.name);
        const auto found = given.find(parameter.name);
        std::optional<std::string> value;
        if (found != given.end()) {
            value = found->second;
            given.erase(found);
        } else if (on_terminal()) {
            auto question = fmt::format("{}{}, {}", parameter.name, parameter.title.empty() ? "" : " (" + parameter.title + ")",
                                        parameter.kind == mapping::Parameter::Kind::secret ? "the name of the secret's file"
                                                                                           : mapping::kind_text(parameter));
            if (parameter.default_value != nullptr) question += fmt::format(" [{}]", parameter.default_value->written());
            value = ask(question);
            if (value && !value->empty() && parameter.kind == mapping::Parameter::Kind::secret && !value->starts_with("${"))
                value = "${secret:" + *value + "}";
        }
        if ((!value || value->empty()) && parameter.default_value == nullptr)
            return fail(Errc::bad_request, fmt::format("the profile needs {}: --set {}=VALUE ({})", parameter.name,
                                                       parameter.name, mapping::kind_text(parameter)));
        if (value && !value->empty()) lines.push_back(fmt::format("{}: {}", parameter.name, scalar(*value, parameter.kind)));
    }
    if (!given.empty()) {
        const auto near = base::nearest(given.begin()->first, names);
        return fail(Errc::bad_request,
                    fmt::format("{} has no parameter '{}'{}", profile.id(), base::printable(given.begin()->first),
                                near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
    }
    return lines;
}

/// `reload`, of the gateway that runs this site.
int take_over(const Options& options, Json& report) {
    int status = 0;
    const auto way = find_way("add", options, {}, status);
    if (way == nullptr) return status;
    const auto answer = way->ask("reload", Json::object());
    if (!answer) return complain("add", "the reload: " + answer.error().message, problem);
    report = *answer;
    return well;
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

int add(const Options& options, const AddOptions& asked) {
    base::start_log(*base::parse_level(options.log_level.empty() ? "warn" : options.log_level));
    AddOptions wanted = asked;
    Draft draft(options);
    if (draft.site() == nullptr || !draft.holds("", "", draft.diagnostics())) {
        std::cerr << draft.diagnostics().str();
        return complain("add", "the site has mistakes already; nothing was written", problem);
    }
    base::Diagnostics told;
    const auto* profile = draft.profile(wanted.profile, told);
    if (profile == nullptr) {
        std::cerr << told.str();
        return complain("add", "nothing was written", problem);
    }
    if (on_terminal()) {
        if (wanted.id.empty()) wanted.id = ask("id of the device, as servers will see it").value_or("");
        if (wanted.link.empty() && wanted.address.empty()) {
            std::string names;
            for (const auto& link : draft.site()->links.members()) names += (names.empty() ? "" : ", ") + link.key;
            wanted.link = ask(fmt::format("link ({})", names)).value_or("");
        }
        if (!wanted.unit && profile->protocol == "modbus") {
            const auto answer = ask("unit").value_or("");
            if (!answer.empty() && answer.size() < 4 && answer.find_first_not_of("0123456789") == std::string::npos)
                wanted.unit = static_cast<unsigned>(std::stoul(answer));
        }
    }
    if (wanted.id.empty()) return complain("add", "say --id", wrong_use);
    if (wanted.link.empty() && wanted.address.empty()) return complain("add", "say --link, or --address", wrong_use);
    auto set = parameters(*profile, wanted);
    if (!set) return complain("add", set.error().message, wrong_use);

    std::string text = fmt::format("format: 1\ndevices:\n  - id: {}\n    profile: {}\n", in_quotes(wanted.id), profile->id());
    const auto line = [&](const char* key, const std::string& value) {
        if (!value.empty()) text += fmt::format("    {}: {}\n", key, in_quotes(value));
    };
    line("link", wanted.link);
    line("address", wanted.address);
    if (wanted.unit) text += fmt::format("    unit: {}\n", *wanted.unit);
    line("prefix", wanted.prefix);
    line("name", wanted.name);
    if (!set->empty()) {
        text += "    set:\n";
        for (const auto& one : *set) text += "      " + one + "\n";
    }
    for (const auto& one : {wanted.id, wanted.link, wanted.address, wanted.prefix, wanted.name})
        if (has_control(one))
            return complain("add", fmt::format("'{}' has control characters", base::printable(one)), wrong_use);

    const auto file = file_name(wanted.id);
    const auto path = options.places.config + "/devices.d/" + file;
    if (!draft.holds(text, file, told)) {
        std::cerr << told.str();
        return complain("add", fmt::format("{}; nothing was written", count(told.different(), "mistake")), problem);
    }
    if (wanted.dry_run) {
        if (options.json)
            print(Json{{"file", path}, {"text", text}, {"written", false}});
        else
            std::cout << "# " << path << '\n' << text;
        return well;
    }
    mkdir((options.places.config + "/devices.d").c_str(), 0755);
    if (const auto written = write_file(path, text); !written) return complain("add", written.error().message, problem);
    if (!options.json) std::cout << fmt::format("written: {}\n", path);
    bool reload_now = wanted.reload;
    if (!reload_now && on_terminal())
        reload_now = ask("shall the running gateway take it over now? [y/N]").value_or("").starts_with("y");
    int status = well;
    if (reload_now) {
        Json report;
        status = take_over(options, report);
        if (!options.json && status == well) std::cout << text_of(report, "text") << '\n';
    } else if (!options.json) {
        std::cout << "a running gateway takes it over with: lwm2m-gateway reload\n";
    }
    if (options.json)
        print(Json{{"file", path}, {"text", text}, {"written", true}, {"reloaded", reload_now && status == well}});
    return status;
}

}  // namespace gateway::cli
