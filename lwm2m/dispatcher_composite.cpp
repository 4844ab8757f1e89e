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

// The values of one Write-Composite, one tree after the other.
struct Batch {
    struct Part {
        Target at;
        std::vector<Entry> entries;
    };
    std::vector<Part> parts;
    std::vector<Target> removed;
    std::size_t next_part = 0, next_removed = 0;
};

void write_next(ObjectTree& tree, const std::shared_ptr<Batch>& batch, const std::function<void(Result<void>)>& done) {
    const auto go_on = [&tree, batch, done](const Result<void>& result) {
        if (!result)
            done(result);
        else
            write_next(tree, batch, done);
    };
    if (batch->next_part < batch->parts.size()) {
        auto& part = batch->parts[batch->next_part++];
        tree.write(part.at, std::move(part.entries), WriteMode::partial, go_on);
    } else if (batch->next_removed < batch->removed.size()) {
        tree.remove(batch->removed[batch->next_removed++], go_on);
    } else {
        done({});
    }
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

    auto batch = std::make_shared<Batch>();
    for (Entry& entry : decoded->entries) {
        const auto part = std::find_if(batch->parts.begin(), batch->parts.end(),
                                       [&](const Batch::Part& p) { return p.at.prefix == entry.target.prefix; });
        auto& home = part != batch->parts.end() ? *part : batch->parts.emplace_back(Batch::Part{{entry.target.prefix, {}}, {}});
        home.entries.push_back(std::move(entry));
    }
    batch->removed = std::move(decoded->removed);
    write_next(tree_, batch, [job](const Result<void>& done) { job->finish(done); });
    return {};
}

}  // namespace lwm2m
