#include "lwm2m/dispatch_job.hpp"
#include "lwm2m/dispatcher.hpp"
#include "lwm2m/transaction.hpp"

#include <algorithm>

/// Write, Create: what carries values (OMA Core 1.2 6.3.3, 6.3.6; core digest 5, rules 4-10).
namespace lwm2m {

namespace {

using Level = Path::Level;

// What a plain Write or Create may come in; ETCH belongs to the composites (OMA Core 1.2 7.5).
Result<ContentFormat> payload_format(const Request& request) {
    const auto format = static_cast<ContentFormat>(request.content_format.value_or(0));
    if (!codec::can_decode(format) || format == ContentFormat::link || format == ContentFormat::senml_etch_json ||
        format == ContentFormat::senml_etch_cbor)
        return fail(Errc::unsupported_format, fmt::format("format {}", number(format)));
    return format;
}

bool carries_names(ContentFormat format) {
    return format != ContentFormat::text && format != ContentFormat::opaque && format != ContentFormat::cbor;
}

}  // namespace

Result<void> Dispatcher::check_value(const ResourceDef& definition, const Entry& entry) const {
    if (!in_range(definition, entry.value))
        return fail(Errc::bad_request, fmt::format("{} is out of range", entry.target.str()));
    const auto* link = std::get_if<ObjectLink>(&entry.value);
    if (link == nullptr || *link == ObjectLink{}) return {};
    // OMA Core 1.2 6.3.3: the null link, an object, or an instance that exists, in the same tree (gateway digest 10).
    const bool there =
        link->object != 65535 &&
        (link->instance == 65535 ? tree_.object(entry.target.prefix, link->object) != nullptr
                                 : tree_.exists({entry.target.prefix, Path::of({link->object, link->instance})}));
    if (!there) return fail(Errc::bad_request, fmt::format("{} links to nothing", entry.target.str()));
    return {};
}

Result<std::vector<Entry>> Dispatcher::checked_entries(const Target& at, std::vector<Entry> entries) const {
    std::vector<Entry> kept;
    kept.reserve(entries.size());
    for (Entry& entry : entries) {
        if (!at.covers(entry.target))
            return fail(Errc::bad_request, fmt::format("{} is not below {}", entry.target.str(), at.str()));
        const ResourceDef* definition = tree_.definition(entry.target);
        // Rule 6: in a whole instance, what this tree does not serve is no error.
        const Path resource = entry.target.path.ancestor(Level::resource);
        if (at.path.level() <= Level::instance &&
            (definition == nullptr || (!at.prefix.empty() && !tree_.exists({at.prefix, resource}))))
            continue;
        if (definition == nullptr) return fail(Errc::not_found, "no such resource");
        if (!definition->writable) return fail(Errc::not_allowed, fmt::format("{} is not writable", entry.target.str()));
        if (definition->multiple != (entry.target.path.level() == Level::resource_instance))
            return fail(Errc::bad_request, fmt::format("{} is a {} resource", entry.target.path.ancestor(Level::resource).str(),
                                                       definition->multiple ? "multiple" : "single"));
        if (auto checked = check_value(*definition, entry); !checked) return tl::unexpected(checked.error());
        kept.push_back(std::move(entry));
    }
    return kept;
}

Result<void> Dispatcher::need_mandatory(const Target& instance, const std::vector<Entry>& entries) const {
    const ObjectDef* object = tree_.object(instance.prefix, instance.path.object());
    if (object == nullptr) return {};
    for (const ResourceDef& resource : object->resources) {
        if (!resource.mandatory || !resource.writable) continue;
        const Target target{instance.prefix, *instance.path.child(resource.id)};
        if (!tree_.exists(target)) continue;  // not served here
        const bool given = std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return target.covers(e.target); });
        if (!given) return fail(Errc::bad_request, fmt::format("{} is mandatory", target.str()));
    }
    return {};
}

Result<void> Dispatcher::write(const JobPtr& job, WriteMode mode) {
    const Target& at = job->target;
    const Level level = at.path.level();
    if (auto there = need_node({at.prefix, at.path.ancestor(Level::instance)}); !there) return there;
    if (auto may = need_right(*job, right::write); !may) return may;
    const ResourceDef* definition = nullptr;
    if (level >= Level::resource) {
        const auto found = need_resource(at);
        if (!found) return tl::unexpected(found.error());
        definition = *found;
        if (!definition->writable) return fail(Errc::not_allowed, "not writable");
        if (mode == WriteMode::partial && !definition->multiple)
            return fail(Errc::not_allowed, "a partial write of a single resource");
    }
    const auto format = payload_format(job->request);
    if (!format) return tl::unexpected(format.error());
    const bool named = carries_names(*format);
    if (!named && !is_single(at, definition)) return fail(Errc::bad_request, "the format holds one value only");
    if (named && job->request.payload.empty()) return fail(Errc::bad_request, "no values");

    auto decoded = codec::decode(*format, at, job->request.payload, lookup_);
    if (!decoded) return tl::unexpected(decoded.error());
    if (!decoded->removed.empty()) return fail(Errc::bad_request, "a value is missing");
    auto entries = checked_entries(at, std::move(decoded->entries));
    if (!entries) return tl::unexpected(entries.error());
    if (is_single(at, definition) && entries->size() != 1) return fail(Errc::bad_request, "one value is needed");
    if (level == Level::instance && mode == WriteMode::replace)
        if (auto complete = need_mandatory(at, *entries); !complete) return complete;
    write_whole(tree_, at, std::move(*entries), mode, [job](Result<void> done) { job->finish(done); });
    return {};
}

Result<void> Dispatcher::create(const JobPtr& job) {
    const Target& at = job->target;
    const ObjectDef* object = tree_.object(at.prefix, at.path.object());
    if (object == nullptr) return fail(Errc::not_found, "no such object");
    if (auto may = need_right(*job, right::create); !may) return may;
    if (!object->multiple && tree_.exists({at.prefix, *at.path.child(0)}))
        return fail(Errc::not_allowed, "the object has one instance only");

    codec::Decoded decoded;
    decoded.no_instance = true;
    if (job->request.content_format) {
        const auto format = payload_format(job->request);
        if (!format) return tl::unexpected(format.error());
        if (!carries_names(*format)) return fail(Errc::unsupported_format, "a format that holds one value only");
        // The instance is not there yet, so the object itself says what its resources are.
        const codec::Lookup lookup = [object](const Target& target) { return object->resource(target.path.resource()); };
        if (!job->request.payload.empty()) {
            auto result = codec::decode(*format, at, job->request.payload, lookup);
            if (!result) return tl::unexpected(result.error());
            decoded = std::move(*result);
        }
    } else if (!job->request.payload.empty()) {
        return fail(Errc::bad_request, "values without Content-Format");
    }

    Target wanted = at;
    std::vector<Entry> entries;
    for (Entry& entry : decoded.entries) {
        if (!at.covers(entry.target) || entry.target.path.level() < Level::resource)
            return fail(Errc::bad_request, fmt::format("{} is not below {}", entry.target.str(), at.str()));
        const Path instance = entry.target.path.ancestor(Level::instance);
        if (!decoded.no_instance) {
            if (wanted.path != at.path && wanted.path != instance) return fail(Errc::bad_request, "more than one instance");
            wanted.path = instance;
        }
        const ResourceDef* definition = object->resource(entry.target.path.resource());
        if (definition == nullptr || !definition->writable) continue;  // rules 6 and 10: ignored
        if (definition->multiple != (entry.target.path.level() == Level::resource_instance))
            return fail(Errc::bad_request, fmt::format("{} has the wrong form", entry.target.str()));
        if (auto checked = check_value(*definition, entry); !checked) return checked;
        entries.push_back(std::move(entry));
    }
    if (!object->multiple) wanted.path = *at.path.child(0);
    if (wanted.path != at.path && tree_.exists(wanted)) return fail(Errc::bad_request, "the instance exists");
    const bool chosen = wanted.path == at.path;  // the id is ours to choose, so the server is told
    tree_.create(wanted, std::move(entries), [this, job, chosen](Result<InstanceId> id) {
        if (!id) {
            job->refuse(id.error());
            return;
        }
        const Target& object_at = job->target;
        const bool ours = !job->alive.expired() && object_at.prefix.empty();
        if (ours) access_.created(job->peer->id, object_at.path.object(), *id);
        Response response{job->success};
        if (chosen) {
            if (!job->target.prefix.empty()) response.location.push_back(job->target.prefix);
            response.location.push_back(std::to_string(job->target.path.object()));
            response.location.push_back(std::to_string(*id));
        }
        job->answer(std::move(response));
        if (ours && on_instances) on_instances(object_at.path);
    });
    return {};
}

}  // namespace lwm2m
