#include "lwm2m/codec/core_link.hpp"
#include "lwm2m/dispatch_job.hpp"
#include "lwm2m/dispatcher.hpp"

#include <algorithm>

/// Discover (OMA Core 1.2 6.3.2; core digest 5.1).
namespace lwm2m {

namespace {

using Level = Path::Level;

Result<int> depth_of(const Request& request, Level level) {
    int depth = level == Level::object ? 2 : 1;
    bool given = false;
    for (const std::string& option : request.query) {
        if (!option.starts_with("depth")) continue;  // "if not supported, ignore the parameter"
        if (given || option.size() != 7 || option[5] != '=' || option[6] < '0' || option[6] > '3')
            return fail(Errc::bad_request, "depth is 0, 1, 2 or 3");
        depth = option[6] - '0';
        given = true;
    }
    return depth;
}

}  // namespace

Result<void> Dispatcher::discover(const JobPtr& job) {
    const Target& target = job->target;
    const Level level = target.path.level();
    if (level == Level::resource)
        if (const auto found = need_resource(target); !found) return tl::unexpected(found.error());
    if (auto there = need_node(target); !there) return there;
    const auto depth = depth_of(job->request, level);
    if (!depth) return tl::unexpected(depth.error());

    std::vector<Path> nodes = tree_.list(target);
    nodes.insert(nodes.begin(), target.path);
    std::vector<codec::Link> links;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const Path& path = nodes[i];
        if (path.ids().size() - target.path.ids().size() > static_cast<std::size_t>(*depth)) continue;
        const Target node{target.prefix, path};
        codec::Link link{path.str(), {}};  // never with the prefix (Gateway 1.1 8.3.1)
        if (path.level() == Level::object) {
            const ObjectDef* object = tree_.object(target.prefix, path.object());
            if (object != nullptr && object->version != Version{1, 0})
                link.attributes.emplace_back("ver", object->version.str());
        }
        if (path.level() == Level::resource) {
            const ResourceDef* definition = tree_.definition(node);
            if (definition != nullptr && definition->multiple) {
                const auto end = std::find_if(nodes.begin() + static_cast<std::ptrdiff_t>(i) + 1, nodes.end(),
                                              [&](const Path& next) { return !path.covers(next); });
                link.attributes.emplace_back("dim", std::to_string(end - nodes.begin() - static_cast<std::ptrdiff_t>(i) - 1));
            }
        }
        // What counts for the target itself, with what it inherits; below it only what is attached there.
        Attributes shown;
        if (i == 0)
            shown = attributes_.inherited(job->peer->id, node);
        else if (const Attributes* attached = attributes_.attached(job->peer->id, node); attached != nullptr)
            shown = *attached;
        for (auto& attribute : link_attributes(shown)) link.attributes.push_back(std::move(attribute));
        links.push_back(std::move(link));
    }
    const std::string text = codec::encode_links(links);
    const ByteView bytes = base::as_bytes(text);
    job->answer({job->success, number(ContentFormat::link), Bytes(bytes.begin(), bytes.end())});
    return {};
}

}  // namespace lwm2m
