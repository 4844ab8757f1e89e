#include "lwm2m/dispatch_job.hpp"
#include "lwm2m/dispatcher.hpp"

#include <algorithm>
#include <iterator>
#include <set>

/// Read-Composite and Write-Composite over our own and the devices' trees (OMA Core 1.2 6.3.8, 6.3.9; Gateway 1.1 8.3.2).
namespace lwm2m {

namespace {

using Level = Path::Level;

bool is_closed_target(const Target& target) {
    return target.prefix.empty() && target.path.level() != Level::root && is_closed(target.path.object());
}

// The reads of one Read-Composite, each with its place in the answer.
struct Gathering {
    std::vector<std::vector<Entry>> parts;
    std::size_t missing = 0;
};

// One after the other, as each may wait for a device; the first failure ends it.
void remove_next(ObjectTree& tree, const std::shared_ptr<std::vector<Target>>& targets, const Done<void>& done) {
    if (targets->empty()) {
        done({});
        return;
    }
    const Target target = std::move(targets->back());
    targets->pop_back();
    tree.remove(target, [&tree, targets, done](const Result<void>& removed) {
        if (!removed)
            done(removed);
        else
            remove_next(tree, targets, done);
    });
}

}  // namespace

Result<void> Dispatcher::read_composite(const JobPtr& job) {
    const Request& request = job->request;
    if (request.observe != Observe::none) return fail(Errc::not_allowed, "Observe-Composite is not offered");
    if (!request.content_format) return fail(Errc::bad_request, "paths without Content-Format");
    const auto format = static_cast<ContentFormat>(*request.content_format);
    if (format != ContentFormat::senml_json && format != ContentFormat::senml_cbor &&
        format != ContentFormat::senml_etch_json && format != ContentFormat::senml_etch_cbor)
        return fail(Errc::unsupported_format, fmt::format("format {}", *request.content_format));
    job->format = static_cast<ContentFormat>(request.accept.value_or(number(ContentFormat::senml_cbor)));
    if (job->format != ContentFormat::senml_json && job->format != ContentFormat::senml_cbor &&
        job->format != ContentFormat::lwm2m_cbor)
        return fail(Errc::not_acceptable, fmt::format("not in format {}", *request.accept));
    const auto named = codec::decode_targets(format, request.payload);
    if (!named) return tl::unexpected(named.error());
    if (named->size() > most_targets) return fail(Errc::bad_request, fmt::format("over {} paths", most_targets));

    // Best effort (rule 13): what is absent, unreadable or closed is left out.
    std::vector<Target> targets;
    for (const Target& target : *named) {
        if (is_closed_target(target)) continue;
        if (target.path.level() == Level::root) {  // a whole tree; "/" is ours alone (gateway digest 7)
            if (!tree_.has(target.prefix)) continue;
            std::set<ObjectId> objects;
            for (const Path& path : tree_.list(target)) objects.insert(path.object());
            for (const ObjectId id : objects)
                if (Target object{target.prefix, Path::of({id})}; !is_closed_target(object))
                    targets.push_back(std::move(object));
            continue;
        }
        if (!need_node(target)) continue;
        if (target.path.level() >= Level::resource) {
            const auto definition = need_resource(target);
            if (!definition || !(*definition)->readable) continue;
        }
        targets.push_back(target);
    }

    auto gathering = std::make_shared<Gathering>();
    gathering->parts.resize(targets.size());
    gathering->missing = targets.size() + 1;  // one for this function, so that the end is reached once in any case
    const auto arrived = [this, job, gathering] {
        if (--gathering->missing != 0 || job->alive.expired()) return;
        std::vector<Entry> entries;
        std::set<Target> seen;  // overlapping paths: each value once
        for (auto& part : gathering->parts)
            for (Entry& entry : part)
                if (seen.insert(entry.target).second) entries.push_back(std::move(entry));
        auto payload = codec::encode_composite(job->format, entries, lookup_);
        if (!payload)
            job->refuse(payload.error());
        else
            job->answer({job->success, number(job->format), std::move(*payload)});
    };
    for (std::size_t i = 0; i < targets.size(); ++i)
        tree_.read(targets[i], [gathering, arrived, i](Result<std::vector<Entry>> entries) {
            if (entries) gathering->parts[i] = std::move(*entries);
            arrived();
        });
    arrived();
    return {};
}

Result<void> Dispatcher::write_composite(const JobPtr& job) {
    const Request& request = job->request;
    if (!request.content_format) return fail(Errc::bad_request, "values without Content-Format");
    const auto format = static_cast<ContentFormat>(*request.content_format);
    if (format != ContentFormat::senml_json && format != ContentFormat::senml_cbor &&
        format != ContentFormat::senml_etch_json && format != ContentFormat::senml_etch_cbor &&
        format != ContentFormat::lwm2m_cbor)
        return fail(Errc::unsupported_format, fmt::format("format {}", *request.content_format));
    auto decoded = codec::decode(format, Target{}, request.payload, lookup_);
    if (!decoded) return tl::unexpected(decoded.error());
    if (decoded->entries.size() + decoded->removed.size() > most_targets)
        return fail(Errc::bad_request, fmt::format("over {} values", most_targets));

    // All targets are looked at before any is touched (rule 14).
    const auto check = [&](const Target& target) -> Result<const ResourceDef*> {
        if (is_closed_target(target)) return fail(Errc::unauthorized, "closed to servers");
        if (target.path.level() < Level::resource) return fail(Errc::bad_request, "a value for a whole instance");
        if (auto there = need_node({target.prefix, target.path.ancestor(Level::instance)}); !there)
            return tl::unexpected(there.error());
        auto definition = need_resource(target);
        if (definition && !(*definition)->writable)
            return fail(Errc::not_allowed, fmt::format("{} is not writable", target.str()));
        return definition;
    };
    for (const Entry& entry : decoded->entries) {
        const auto definition = check(entry.target);
        if (!definition) return tl::unexpected(definition.error());
        if ((*definition)->multiple != (entry.target.path.level() == Level::resource_instance))
            return fail(Errc::bad_request, fmt::format("{} has the wrong form", entry.target.str()));
        if (auto checked = check_value(**definition, entry); !checked) return checked;
    }
    for (const Target& target : decoded->removed) {
        const auto definition = check(target);
        if (!definition) return tl::unexpected(definition.error());
        if (target.path.level() != Level::resource_instance)
            return fail(Errc::bad_request, "only a resource instance can be null");
        if (auto there = need_node(target); !there) return there;
    }

    auto removed = std::make_shared<std::vector<Target>>(std::move(decoded->removed));
    tree_.write(Target{}, std::move(decoded->entries), WriteMode::partial, [this, job, removed](const Result<void>& written) {
        if (!written || job->alive.expired())
            job->finish(written);
        else
            remove_next(tree_, removed, [job](const Result<void>& done) { job->finish(done); });
    });
    return {};
}

}  // namespace lwm2m
