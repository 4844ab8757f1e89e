#include "lwm2m/transaction.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>
#include <memory>

namespace lwm2m {

namespace {

struct Transaction : std::enable_shared_from_this<Transaction> {
    Transaction(ObjectTree& of, Target where, std::vector<Entry> values, WriteMode how, Done<void> then)
        : tree(of), at(std::move(where)), entries(std::move(values)), mode(how), done(std::move(then)) {
        for (const Entry& entry : entries) targets.push_back(entry.target);
        before.resize(targets.size());
    }

    void read_before() {
        missing = targets.size() + 1;
        for (std::size_t i = 0; i < targets.size(); ++i)
            tree.read(targets[i], [self = shared_from_this(), i](Result<std::vector<Entry>> found) {
                if (found && !found->empty() && found->front().target == self->targets[i])
                    self->before[i] = std::move(found->front().value);
                if (--self->missing == 0) self->write();
            });
        if (--missing == 0) write();
    }
    void write() {
        tree.write(at, std::move(entries), mode, [self = shared_from_this()](Result<void> written) {
            if (written) {
                self->done({});
                return;
            }
            self->error = std::move(written.error());
            self->undo_next();
        });
    }
    // One by one and from the last to the first, each by itself: one that fails must not hold up the others.
    void undo_next() {
        if (targets.empty()) {
            if (!whole) {
                base::log().warn("a write of several values failed half-way and could not be undone: {}",
                                 base::printable(error.message));
                error.code = Errc::internal;
            }
            done(tl::unexpected(std::move(error)));
            return;
        }
        const Target target = std::move(targets.back());
        Value old = std::move(before.back());
        targets.pop_back();
        before.pop_back();
        if (old.index() == 0) {  // never read: it cannot be told whether it was written
            undo_next();
            return;
        }
        tree.read(target, [self = shared_from_this(), target, old = std::move(old)](Result<std::vector<Entry>> found) mutable {
            const bool same = found && !found->empty() && found->front().value == old;
            if (same || !found) {  // a device that says nothing has taken nothing, as far as can be told
                self->undo_next();
                return;
            }
            self->tree.write(target, {{target, std::move(old), {}}}, WriteMode::partial, [self](const Result<void>& undone) {
                if (!undone) self->whole = false;
                self->undo_next();
            });
        });
    }

    ObjectTree& tree;
    Target at;
    std::vector<Entry> entries;
    WriteMode mode;
    Done<void> done;
    std::vector<Target> targets;
    std::vector<Value> before;
    std::size_t missing = 0;
    bool whole = true;
    Error error;
};

}  // namespace

void write_whole(ObjectTree& tree, const Target& at, std::vector<Entry> entries, WriteMode mode, Done<void> done) {
    const bool plain = entries.size() < 2 ||
                       std::all_of(entries.begin(), entries.end(), [](const Entry& e) { return e.target.prefix.empty(); });
    if (plain) {
        tree.write(at, std::move(entries), mode, std::move(done));
        return;
    }
    std::make_shared<Transaction>(tree, at, std::move(entries), mode, std::move(done))->read_before();
}

}  // namespace lwm2m
