#pragma once

#include "lwm2m/codec/codec.hpp"

namespace lwm2m::codec {

/// Takes the values of one payload as a codec finds them, and checks what is the same for all formats: the prefix rules
/// (gateway digest 8), that a value stands at or below the request's path, its type, duplicates, the bound on records.
/// All errors are Errc::bad_request.
class Collector {
public:
    static constexpr std::size_t most_records = 10'000;

    /// Both outlive the collector. A base without prefix and path is that of a composite request: every tree is allowed.
    Collector(const Target& base, const Lookup& lookup) : base_(&base), lookup_(&lookup) {}

    const Target& base() const { return *base_; }
    /// A name from the payload, with the request's prefix where it has none.
    Result<Target> place(Target named) const;
    /// Null: unknown. `target` comes from place().
    const ResourceDef* definition(const Target& target) const { return *lookup_ ? (*lookup_)(target) : nullptr; }
    Result<void> add(Target target, const ResourceDef* definition, Value value, std::optional<WallTime> at = std::nullopt);
    Result<void> add(Target target, Value value, std::optional<WallTime> at = std::nullopt);
    /// SenML-ETCH null: only a resource instance can be removed (OMA Core 1.2 7.5.6).
    Result<void> remove(Target target);
    void without_instance() { decoded_.no_instance = true; }
    /// Refuses a target that is there twice (at the same time), and a resource with a value and with instances.
    Result<Decoded> finish();

private:
    Result<void> check_room() const;

    const Target* base_;
    const Lookup* lookup_;
    Decoded decoded_;
};

/// Errors of paths and types inside a payload are the payload's fault, whatever they would be in a Uri-Path.
Error in_payload(Error error);

}  // namespace lwm2m::codec
