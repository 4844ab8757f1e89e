#include "lwm2m/composite.hpp"

#include "lwm2m/dispatch_job.hpp"

#include <iterator>
#include <set>

namespace lwm2m {

namespace {

using Level = Path::Level;

struct Reads {
    std::vector<Gathered> parts;
    std::vector<std::size_t> missing_of;  // reads under way, for each part
    std::vector<char> any_of;
    std::size_t missing = 0;
    std::function<void(std::vector<Gathered>)> done;
    void arrived(std::size_t part, Result<std::vector<Entry>> entries) {
        if (entries) {
            any_of[part] = 1;
            std::move(entries->begin(), entries->end(), std::back_inserter(parts[part].entries));
        }
        if (--missing_of[part] == 0 && any_of[part] == 0) parts[part].why = Gathered::Why::failed;
        if (--missing == 0) done(std::move(parts));
    }
};

/// The nodes to read for one path; empty with the reason why.
std::vector<Target> nodes_of(const ObjectTree& tree, const AccessControl& access, ServerId server, const Target& path,
                             Gathered::Why& why) {
    why = Gathered::Why::absent;
    const Level level = path.path.level();
    std::vector<Target> nodes;
    if (level == Level::root) {
        if (!tree.has(path.prefix)) return nodes;
        std::set<ObjectId> objects;
        for (const Path& node : tree.list(path)) objects.insert(node.object());
        for (const ObjectId id : objects)
            if (!path.prefix.empty() || !is_closed(id)) nodes.push_back({path.prefix, Path::of({id})});
    } else {
        if (path.prefix.empty() && is_closed(path.path.object())) return nodes;
        const bool there = level == Level::object ? tree.object(path.prefix, path.path.object()) != nullptr : tree.exists(path);
        if (!there) return nodes;
        if (level >= Level::resource) {
            const ResourceDef* definition = tree.definition(path);
            if (definition == nullptr || !definition->readable) return nodes;
            if (level == Level::resource_instance && !definition->multiple) return nodes;
        }
        nodes.push_back(path);
    }
    if (nodes.empty()) return nodes;
    std::erase_if(nodes, [&](const Target& node) {
        return !(node.path.level() == Level::object ? access.allows_some(server, node, tree, right::read)
                                                    : access.allows(server, node, right::read));
    });
    if (nodes.empty()) why = Gathered::Why::forbidden;
    return nodes;
}

}  // namespace

void gather(ObjectTree& tree, const AccessControl& access, ServerId server, std::vector<Target> paths,
            std::function<void(std::vector<Gathered>)> done) {
    auto reads = std::make_shared<Reads>();
    reads->parts.resize(paths.size());
    reads->missing_of.resize(paths.size());
    reads->any_of.resize(paths.size());
    std::vector<std::pair<std::size_t, Target>> wanted;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        for (Target& node : nodes_of(tree, access, server, paths[i], reads->parts[i].why))
            wanted.emplace_back(i, std::move(node));
    }
    for (const auto& [part, node] : wanted) {
        ++reads->missing_of[part];
        reads->parts[part].why = Gathered::Why::there;
    }
    reads->missing = wanted.size() + 1;  // one for this function, so that the end is reached once in any case
    reads->done = std::move(done);
    for (const auto& [part, node] : wanted)
        tree.read(node, [reads, part = part](Result<std::vector<Entry>> entries) { reads->arrived(part, std::move(entries)); });
    if (--reads->missing == 0) reads->done(std::move(reads->parts));
}

std::vector<Entry> joined(std::vector<Gathered> parts) {
    std::vector<Entry> entries;
    std::set<Target> seen;  // overlapping paths: each value once
    for (Gathered& part : parts)
        for (Entry& entry : part.entries)
            if (seen.insert(entry.target).second) entries.push_back(std::move(entry));
    return entries;
}

}  // namespace lwm2m
