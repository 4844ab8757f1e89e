#include "mapping/compile.hpp"

#include "mapping/names.hpp"
#include "mapping/profile.hpp"
#include "mapping/rule_reader.hpp"
#include "mapping/site.hpp"
#include "mapping/substitute.hpp"
#include "mapping/type_builder.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <unordered_map>

namespace mapping {

using base::Diagnostics;
using base::Fields;
using base::Node;

namespace {

constexpr std::size_t most_devices = 65'535;  // instances of object 25
constexpr std::size_t longest_id = 128;       // bytes
/// A profile with mistakes is tried with so many sets of parameters: each may show others, but not without end.
constexpr int most_failures = 16;

class Compiler {
public:
    Compiler(const Sources& sources, Diagnostics& diagnostics)
        : sources_(sources), diagnostics_(diagnostics), library_(sources.profiles, diagnostics) {}

    std::optional<Plan> run(std::size_t errors_before) {
        read_links();
        const auto entries = site_entries(sources_.site, diagnostics_);
        for (const Node* entry : entries.devices) {
            const Node* id = entry->kind() == Node::Kind::map ? entry->find("id") : nullptr;
            const std::string what = id != nullptr ? fmt::format("device '{}'", id->written()) : "device";
            expand_site_device(*entry, diagnostics_, [&](const Node& device) { read_device(device, what); });
        }
        for (const Node* entry : entries.rules) read_rule(*entry);
        if (plan_.devices.size() > most_devices)
            diagnostics_.error(plan_.devices[most_devices].at, fmt::format("over {} devices", most_devices),
                               "use a second gateway");
        if (diagnostics_.count() != errors_before) return std::nullopt;
        return std::move(plan_);
    }

private:
    static constexpr std::size_t no_link = SIZE_MAX;

    // -- Links

    std::optional<std::size_t> make_link(std::string name, std::string_view adapter, Fields& fields) {
        auto driver = sources_.make(adapter, fields);
        if (!driver) return std::nullopt;
        fields.done();
        plan_.links.push_back({std::move(name), std::string(adapter), std::move(driver), fields.node().at()});
        return plan_.links.size() - 1;
    }

    /// The link with the content of its secrets. Only keys that are secrets by their name take one: an adapter never repeats
    /// their values, but may repeat any other in an error.
    Node with_secrets(const Node& link, const std::string& what) {
        if (link.kind() != Node::Kind::map) return link;
        std::vector<Node::Member> members;
        for (const auto& member : link.members()) {
            const bool is_secret = is_secret_key(member.key);
            Parameters contents;
            const auto wrong = [&](std::string_view says, std::string_view remedy) {
                diagnostics_.error(member.value.at(), fmt::format("{}: {}", what, says), remedy);
            };
            if (is_secret && member.value.written().find("PRIVATE KEY") != std::string::npos)
                wrong(fmt::format("'{}' stands here in clear", member.key),
                      "put it into a secret file and write \"${secret:name}\"");
            for (const Reference& reference : references(member.value)) {
                if (!reference.name.starts_with("secret:")) continue;
                const auto name = std::string_view(reference.name).substr(7);
                if (!is_secret) {
                    wrong(fmt::format("the secret '{}' could be shown here", name),
                          "only key, password and their like take secrets");
                    continue;
                }
                auto content = sources_.secret ? sources_.secret(name)
                                               : base::fail(base::Errc::not_found, "no place for secrets is known");
                if (content)
                    contents.emplace(reference.name, Node::text(member.value.at(), std::move(*content)));
                else
                    wrong(fmt::format("secret '{}': {}", name, content.error().message),
                          "make the file, readable by the gateway only");
            }
            members.push_back({member.key, member.at, contents.empty() ? member.value : substitute(member.value, contents)});
        }
        return Node::map(link.at(), std::move(members));
    }
    static bool is_secret_key(std::string_view key) {
        static constexpr std::string_view words[] = {"key", "key_password", "password", "passkey", "psk", "pin", "secret", "token"};
        return std::find(std::begin(words), std::end(words), key) != std::end(words);
    }

    void read_links() {
        if (sources_.links == nullptr || sources_.links->kind() == Node::Kind::null) return;
        Fields links(*sources_.links, "links", diagnostics_);
        if (!links.valid()) return;
        for (const auto& member : sources_.links->members()) {
            links_[member.key] = no_link;  // a broken one is not unknown
            const bool good =
                !member.key.empty() && member.key.size() <= 64 && std::all_of(member.key.begin(), member.key.end(), [](char c) {
                    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                           c == '.';
                });
            if (!good)
                diagnostics_.error(member.at, fmt::format("a link cannot be called '{}'", member.key),
                                   "use letters, digits, - _ and . only");
            const std::string what = fmt::format("link '{}'", member.key);
            const Node filled = with_secrets(member.value, what);
            Fields fields(filled, what, diagnostics_);
            if (!fields.valid()) continue;
            if (member.value.members().empty()) {
                diagnostics_.error(member.value.at(), fmt::format("link '{}' goes nowhere", member.key),
                                   "write modbus: tcp://HOST:502 or modbus: rtu:/dev/ttyUSB0");
                continue;
            }
            // The key that names an adapter chooses it; it stands first unless it is one that everybody knows.
            std::string_view adapter = member.value.members().front().key;
            for (const auto& key : member.value.members())
                if (key.key == "modbus" || key.key == "sim" || key.key == "mqtt" || key.key == "ble") {
                    adapter = key.key;
                    break;
                }
            if (const auto link = make_link(member.key, adapter, fields)) links_[member.key] = *link;
        }
    }

    /// The link that the key `link` names. Nothing: reported, or the link itself is broken.
    std::optional<std::size_t> named_link(Fields& fields) {
        const auto name = fields.text("link");
        if (!name) return std::nullopt;
        const auto found = links_.find(*name);
        if (found == links_.end()) {
            std::vector<std::string_view> known;
            for (const auto& [link, ignored] : links_) known.push_back(link);
            fields.error("link", fmt::format("there is no link '{}'", *name),
                         suggestion(*name, known, "add it under links: of gateway.yaml"));
            return std::nullopt;
        }
        return found->second != no_link ? std::optional(found->second) : std::nullopt;
    }

    /// The link of a device: a named one, or one of its own for its address. Nothing: reported.
    std::optional<std::size_t> link_of(Fields& device, const Profile* profile) {
        if (device.has("link")) {
            const auto found = named_link(device);
            if (!found) return std::nullopt;
            const Link& link = plan_.links[*found];
            if (profile != nullptr && link.adapter != profile->protocol) {
                device.error(
                    "link",
                    fmt::format("{} speaks {}, link '{}' speaks {}", profile->id(), profile->protocol, link.name, link.adapter),
                    "choose another link or profile");
                return std::nullopt;
            }
            return found;
        }
        if (!device.has("address")) {
            device.error("id", "neither 'link' nor 'address'",
                         "add link: with a name from links: of gateway.yaml, or the device's own address:");
            return std::nullopt;
        }
        const auto address = device.text("address");
        if (!address || profile == nullptr) return std::nullopt;
        const auto [entry, fresh] = addresses_.try_emplace(profile->protocol + " " + *address, no_link);
        if (fresh) {
            const auto& at = device.find("address")->at();
            const Node link = Node::map(at, {{profile->protocol, at, Node::text(at, *address)}});
            Fields fields(link, fmt::format("address of {}", device.what()), diagnostics_);
            if (const auto made = make_link(*address, profile->protocol, fields)) entry->second = *made;
        }
        return entry->second != no_link ? std::optional(entry->second) : std::nullopt;
    }

    // -- Devices

    void read_id(Fields& device, Device& made) {
        device.need("id", "give the device a name that no other has: id: meter-hall");
        const auto id = device.text("id");
        if (!id) return;
        const bool clean = !id->empty() && id->size() <= longest_id &&
                           std::none_of(id->begin(), id->end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
        if (!clean)
            device.error("id",
                         fmt::format("the id '{}' cannot be",
                                     base::as_text(base::as_bytes(*id).first(std::min<std::size_t>(id->size(), 40)))),
                         fmt::format("write 1 to {} printable characters", longest_id));
        if (id->find("${") != std::string::npos)
            device.error("id", fmt::format("'{}' is more than the unit can fill in", *id), "only ${unit} is replaced in an id");
        if (*id == sources_.endpoint)
            device.error("id", fmt::format("the gateway itself is called '{}'", *id), "give the device another id");
        const auto [entry, fresh] = ids_.try_emplace(*id, device.find("id")->at());
        if (!fresh)
            device.error("id", fmt::format("there is a device '{}' already", *id),
                         fmt::format("see {}; give it another id", place(entry->second)));
        made.id = *id;
    }

    void read_prefix(Fields& device, Device& made) {
        const auto prefix = device.text("prefix");
        if (!prefix) return;
        if (const auto good = lwm2m::check_prefix(*prefix); !good)
            device.error("prefix", good.error().message, "choose another: a letter, then up to 31 letters, digits, - or _");
        const auto [entry, fresh] = prefixes_.try_emplace(*prefix, device.find("prefix")->at());
        if (!fresh)
            device.error("prefix", fmt::format("the prefix '{}' is taken", *prefix),
                         fmt::format("see {}; give it another one, or leave it out", place(entry->second)));
        made.prefix = *prefix;
    }

    /// Everything that makes a device unlike another one of its profile on its link.
    static std::string key_of(const Profile& profile, std::size_t link, const Parameters& parameters,
                              const Overrides& overrides) {
        std::string key = fmt::format("{} {}", static_cast<const void*>(&profile), link);
        for (const auto& [name, value] : parameters)
            key += fmt::format("\n{} {} {} {}", name, static_cast<int>(value.kind()), value.written().size(), value.written());
        for (const auto& [name, point] : overrides)
            key += fmt::format("\n.{} {} {} {} {}", name, point.every ? point.every->count() : -1, point.at_start, point.use,
                               point.write) +
                   (point.deadband ? fmt::format(" {}", *point.deadband) : "");
        return key;
    }

    const BuiltType* type_of(const Profile& profile, std::size_t link, const Parameters& parameters,
                             const Overrides& overrides) {
        const auto [entry, fresh] = types_.try_emplace(key_of(profile, link, parameters, overrides));
        if (fresh && failures_[&profile] < most_failures) {
            entry->second =
                build_type(profile, parameters, overrides, *sources_.catalog, *plan_.links[link].driver, diagnostics_);
            if (!entry->second)
                ++failures_[&profile];
            else
                share(profile, parameters, overrides, *entry->second);
        }
        return entry->second ? &*entry->second : nullptr;
    }

    /// The numbers that an adapter gives depend on the profile alone, so one type serves devices on many links.
    void share(const Profile& profile, const Parameters& parameters, const Overrides& overrides, BuiltType& built) {
        auto& shared = shared_[key_of(profile, no_link, parameters, overrides)];
        if (shared && same_numbers(*shared, *built.type))
            built.type = shared;
        else
            shared = built.type;
    }
    static bool same_numbers(const DeviceType& a, const DeviceType& b) {
        const auto index = [](const Step& step) -> int {
            if (const auto* write = std::get_if<WriteStep>(&step)) return write->index;
            if (const auto* expect = std::get_if<ExpectStep>(&step)) return expect->index;
            return -1;
        };
        return std::equal(a.points.begin(), a.points.end(), b.points.begin(), b.points.end(),
                          [](const PointSpec& p, const PointSpec& q) {
                              return p.index == q.index && p.write_index == q.write_index;
                          }) &&
               std::equal(a.actions.begin(), a.actions.end(), b.actions.begin(), b.actions.end(),
                          [&](const Action& p, const Action& q) {
                              return std::equal(p.steps.begin(), p.steps.end(), q.steps.begin(), q.steps.end(),
                                                [&](const Step& s, const Step& t) { return index(s) == index(t); });
                          });
    }

    void read_device(const Node& node, const std::string& what) {
        Fields device(node, what, diagnostics_);
        if (!device.valid()) return;
        Device made;
        made.at = node.at();
        read_id(device, made);
        read_prefix(device, made);
        made.name = device.text("name").value_or("");
        if (made.name.size() > longest_id)
            device.error("name", "a name of this length cannot be", fmt::format("write up to {} bytes", longest_id));
        device.need("profile", "say what it is: profile: maker/model@1");
        const Profile* profile = nullptr;
        if (const auto reference = device.text("profile"))
            profile = library_.find(*reference, device.find("profile")->at(), diagnostics_);
        std::optional<Parameters> parameters;
        Overrides overrides;
        if (profile != nullptr) {
            const std::size_t before = diagnostics_.count();
            parameters = set_parameters(*profile, device, sources_.secret);
            overrides = read_overrides(device, *profile);
            if (diagnostics_.count() != before) parameters.reset();
        } else {
            device.known("set");
            device.known("points");
        }
        const auto link = link_of(device, profile);
        const BuiltType* built = parameters && link ? type_of(*profile, *link, *parameters, overrides) : nullptr;
        if (built == nullptr) {  // the adapter's keys cannot be told from wrong ones
            device.known("unit");
            device.known("address");
            device.done();
            return;
        }
        const auto number = plan_.links[*link].driver->add_device(built->shape, device);
        device.done();
        if (!number) return;
        made.link = *link;
        made.number = *number;
        made.type = built->type;
        plan_.devices.push_back(std::move(made));
    }

    void read_rule(const Node& node) {
        const RuleContext context{library_, sources_.secret, plan_.links, [this](Fields& rule) { return named_link(rule); }};
        auto rule = mapping::read_rule(node, context, diagnostics_);
        if (!rule) return;
        const auto [entry, fresh] = rules_.try_emplace(rule->name, rule->at);
        if (!fresh)
            diagnostics_.error(rule->at, fmt::format("there is a rule '{}' already", rule->name),
                               fmt::format("see {}; give it another name", place(entry->second)));
        plan_.rules.push_back(std::move(*rule));
    }

    const Sources& sources_;
    Diagnostics& diagnostics_;
    Library library_;
    Plan plan_;
    std::map<std::string, std::size_t, std::less<>> links_;
    std::unordered_map<std::string, std::size_t> addresses_;
    std::unordered_map<std::string, base::SourceLoc> ids_, prefixes_, rules_;
    std::unordered_map<std::string, std::optional<BuiltType>> types_;
    std::unordered_map<std::string, std::shared_ptr<const DeviceType>> shared_;
    std::unordered_map<const Profile*, int> failures_;
};

}  // namespace

std::optional<Plan> compile(const Sources& sources, Diagnostics& diagnostics) {
    const std::size_t before = diagnostics.count();
    return Compiler(sources, diagnostics).run(before);
}

}  // namespace mapping
