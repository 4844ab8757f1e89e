#pragma once

#include "lwm2m/access.hpp"
#include "lwm2m/attributes.hpp"
#include "lwm2m/codec/codec.hpp"
#include "lwm2m/composite.hpp"
#include "lwm2m/object_tree.hpp"
#include "lwm2m/observer.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace lwm2m {

/// Who asks.
struct Peer {
    ServerId id = 0;
    int minor = 2;            ///< registered with LwM2M 1.minor
    std::size_t waiting = 0;  ///< its requests that wait for a device
};

/// The path of a request as gateway digest 3 reads it: Errc::not_allowed for what cannot be a path, Errc::unauthorized
/// below /0, /21 and /23 of our own tree. Whether the prefix and the nodes exist is not asked here. One empty segment at
/// the end (a trailing slash) is let pass.
Result<Target> resolve(std::span<const std::string> segments);

/// Which operation a request is (core digest 5): Errc::not_allowed, not_supported, bad_request, unsupported_format.
/// GET with Observe is a read. `empty path` belongs to the composites.
Result<Operation> classify(const Request& request, const Target& target);

/// `0,1='text'` (OMA Core 1.2 6.3.5): each digit once, at most 4,096 characters. Errc::bad_request.
Result<void> check_arguments(std::string_view text);

/// Whether a value lies in the range of its definition; length in octets for strings and opaque.
bool in_range(const ResourceDef& definition, const Value& value);

/// Turns a whole request into calls of the ObjectTree and its outcome into one answer (OMA Core 1.2 6.3, 6.4.1-6.4.3).
/// Knows no registration, time or transport; the client asks it only on behalf of registered servers.
class Dispatcher {
public:
    /// Requests of one server that wait for devices; one more is answered 5.03 with Max-Age 1.
    static constexpr std::size_t most_waiting = 64;
    /// Targets of one composite request; more is 4.00.
    static constexpr std::size_t most_targets = 256;

    Dispatcher(ObjectTree&, AttributeStore&, Observer&, AccessControl&, const codec::Lookup&);
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    /// `peer` must live as long as the dispatcher.
    void dispatch(Peer& peer, Request request, Reply reply);

    /// A server made or deleted an instance of our own tree.
    std::function<void(const Path& object)> on_instances;
    /// Attributes changed.
    std::function<void()> on_attributes;

private:
    struct Job;
    using JobPtr = std::shared_ptr<Job>;

    Result<void> perform(const JobPtr&);
    Result<void> read(const JobPtr&);
    Result<void> discover(const JobPtr&);
    Result<void> write(const JobPtr&, WriteMode);
    Result<void> write_attributes(const JobPtr&);
    Result<void> execute(const JobPtr&);
    Result<void> create(const JobPtr&);
    Result<void> remove(const JobPtr&);
    Result<void> read_composite(const JobPtr&);
    Result<void> write_composite(const JobPtr&);

    Result<void> need_node(const Target&) const;
    Result<void> need_right(const Job&, std::uint8_t) const;
    Result<const ResourceDef*> need_resource(const Target&) const;
    Result<ContentFormat> answer_format(const Target&, const ResourceDef*, std::optional<std::uint16_t> accept) const;
    Result<void> check_value(const ResourceDef&, const Entry&) const;
    Result<std::vector<Entry>> checked_entries(const Target& at, std::vector<Entry>) const;
    Result<void> need_mandatory(const Target& instance, const std::vector<Entry>&) const;
    void answer_read(Job&, Result<std::vector<Entry>>);
    void answer_composite(Job&, std::vector<Target> paths, std::vector<Gathered> parts);

    ObjectTree& tree_;
    AttributeStore& attributes_;
    Observer& observer_;
    AccessControl& access_;
    const codec::Lookup& lookup_;
    std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace lwm2m
