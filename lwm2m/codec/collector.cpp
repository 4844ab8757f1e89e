#include "lwm2m/codec/collector.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace lwm2m::codec {

Error in_payload(Error error) {
    error.code = Errc::bad_request;
    return error;
}

Result<Target> Collector::place(Target named) const {
    const bool everything = base_->prefix.empty() && base_->path.level() == Path::Level::root;
    if (everything) return named;
    if (named.prefix.empty())
        named.prefix = base_->prefix;
    else if (named.prefix != base_->prefix)
        return fail(Errc::bad_request, fmt::format("the payload names {}, the request {}", named.str(), base_->str()));
    if (!base_->path.covers(named.path))
        return fail(Errc::bad_request, fmt::format("the payload names {}, the request {}", named.str(), base_->str()));
    return named;
}

Result<void> Collector::check_room() const {
    if (decoded_.entries.size() + decoded_.removed.size() < most_records) return {};
    return fail(Errc::bad_request, fmt::format("over {} records", most_records));
}

Result<void> Collector::add(Target target, Value value, std::optional<WallTime> at) {
    const ResourceDef* known = definition(target);
    return add(std::move(target), known, std::move(value), at);
}

Result<void> Collector::add(Target target, const ResourceDef* definition, Value value, std::optional<WallTime> at) {
    if (auto room = check_room(); !room) return room;
    if (target.path.level() < Path::Level::resource)
        return fail(Errc::bad_request, fmt::format("{} has a value, but is no resource", target.str()));
    if (const auto* number = std::get_if<double>(&value); number != nullptr && !(*number - *number == 0))
        return fail(Errc::bad_request, fmt::format("{}: NaN and infinity are no values of a resource", target.str()));
    // A value for an executable is handed on: that it cannot be written is not the codec's to say (4.05).
    if (definition != nullptr && definition->type != Type::none) {
        auto typed = coerce(std::move(value), definition->type);
        if (!typed) return tl::unexpected(in(target.str(), std::move(typed.error())));
        value = std::move(*typed);
    }
    decoded_.entries.push_back({std::move(target), std::move(value), at});
    return {};
}

Result<void> Collector::remove(Target target) {
    if (auto room = check_room(); !room) return room;
    if (target.path.level() != Path::Level::resource_instance)
        return fail(Errc::bad_request, fmt::format("null for {}: only a resource instance can be removed", target.str()));
    decoded_.removed.push_back(std::move(target));
    return {};
}

Result<Decoded> Collector::finish() {
    struct Key {
        const Target* target;
        std::optional<WallTime> at;
    };
    std::vector<Key> keys;
    keys.reserve(decoded_.entries.size() + decoded_.removed.size());
    for (const Entry& entry : decoded_.entries) keys.push_back({&entry.target, entry.at});
    for (const Target& target : decoded_.removed) keys.push_back({&target, std::nullopt});
    std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
        if (const auto order = *a.target <=> *b.target; order != 0) return order < 0;
        return a.at < b.at;
    });
    for (std::size_t i = 1; i < keys.size(); ++i) {
        const Target& above = *keys[i - 1].target;
        const Target& below = *keys[i].target;
        if (!above.covers(below) || (above == below && keys[i - 1].at != keys[i].at)) continue;
        if (above == below) return fail(Errc::bad_request, fmt::format("{} is there twice", above.str()));
        return fail(Errc::bad_request, fmt::format("{} has a value and instances", above.str()));
    }
    return std::move(decoded_);
}

}  // namespace lwm2m::codec
