#include "gateway/own_objects/portfolio.hpp"

#include "gateway/base/bytes.hpp"

#include <charconv>

namespace gateway::own_objects {

namespace {
enum : ResourceId { identity = 0 };
}

std::vector<InstanceId> Portfolio::instances() const {
    std::vector<InstanceId> all;
    for (const auto& [instance, values] : identities_) all.push_back(instance);
    return all;
}

const std::vector<ResourceId>& Portfolio::resources() const {
    static const std::vector<ResourceId> all{identity};
    return all;
}

Values Portfolio::read_multiple(InstanceId instance, ResourceId) const { return identities_.at(instance); }

Result<void> Portfolio::may_write_multiple(InstanceId, ResourceId resource, const Values& whole) const {
    if (resource != identity) return fail(Errc::not_allowed, "this resource is kept by the gateway");
    if (whole.size() > most_identities) return fail(Errc::bad_request, fmt::format("over {} identities", most_identities));
    for (const auto& [number, value] : whole)
        if (const auto* text = std::get_if<std::string>(&value); text == nullptr || text->size() > most_octets)
            return fail(Errc::bad_request, fmt::format("an identity has at most {} octets", most_octets));
    return {};
}

void Portfolio::write_multiple(InstanceId instance, ResourceId, Values whole) {
    identities_[instance] = std::move(whole);
    changed();
}

Result<InstanceId> Portfolio::create(std::optional<InstanceId> wanted, const std::vector<lwm2m::Entry>& entries) {
    if (identities_.size() >= most_instances) return fail(Errc::bad_request, fmt::format("over {} instances", most_instances));
    Values values;
    for (const auto& entry : entries) {
        const auto number = entry.target.path.resource_instance();
        const auto place =
            std::lower_bound(values.begin(), values.end(), number, [](const auto& v, auto n) { return v.first < n; });
        values.insert(place, {number, entry.value});
    }
    if (values.empty()) return fail(Errc::bad_request, "an identity is mandatory");
    if (auto may = may_write_multiple(0, identity, values); !may) return tl::unexpected(may.error());
    InstanceId id = wanted.value_or(0);
    while (!wanted && identities_.contains(id)) ++id;
    identities_[id] = std::move(values);
    changed();
    return id;
}

Result<void> Portfolio::remove(InstanceId instance) {
    if (identities_.erase(instance) == 0) return fail(Errc::not_found, "no such instance");
    changed();
    return {};
}

std::string Portfolio::export_state() const {
    std::string text;
    for (const auto& [instance, values] : identities_)
        for (const auto& [number, value] : values)
            text += fmt::format("{} {} {}\n", instance, number, base::to_hex(base::as_bytes(std::get<std::string>(value))));
    return text;
}

void Portfolio::import_state(std::string_view text) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        std::uint16_t instance = 0, number = 0;
        const char* const end = line.data() + line.size();
        const auto first = std::from_chars(line.data(), end, instance);
        if (first.ec != std::errc{} || first.ptr == end) continue;
        const auto second = std::from_chars(first.ptr + 1, end, number);
        if (second.ec != std::errc{} || second.ptr == end || instance == 65535 || number == 65535) continue;
        const auto bytes = base::from_hex({second.ptr + 1, static_cast<std::size_t>(end - second.ptr - 1)});
        if (!bytes || (!identities_.contains(instance) && identities_.size() >= most_instances)) continue;
        Values values = identities_[instance];
        const std::string identity_text(base::as_text(*bytes));
        if (base::is_utf8(identity_text) && (values.empty() || values.back().first < number))
            values.emplace_back(number, identity_text);
        if (may_write_multiple(instance, identity, values)) identities_[instance] = std::move(values);
        if (identities_[instance].empty()) identities_.erase(instance);
    }
}

}  // namespace gateway::own_objects
