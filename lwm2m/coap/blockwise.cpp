#include "lwm2m/coap/blockwise.hpp"

#include <algorithm>

namespace lwm2m::coap {

namespace {

void put(std::string& key, char kind, std::string_view text) {
    key += kind;
    key += static_cast<char>(text.size());  // at most 255: makes the parts unambiguous
    key += text;
}

void put(std::string& key, char kind, const std::optional<std::uint16_t>& number) {
    if (!number) return;
    const char bytes[] = {kind, static_cast<char>(*number >> 8), static_cast<char>(*number & 0xff)};
    key.append(bytes, sizeof bytes);
}

std::size_t hash_of(ByteView body) { return body.empty() ? 0 : std::hash<std::string_view>{}(base::as_text(body)); }

}  // namespace

std::string resource_key(const Request& request) {
    std::string key(1, static_cast<char>(request.method));
    for (const std::string& segment : request.path) put(key, '/', segment);
    for (const std::string& option : request.query) put(key, '?', option);
    put(key, 'c', request.content_format);
    put(key, 'a', request.accept);
    return key;
}

std::string body_key(const Request& request, ByteView request_tag) {
    std::string key = resource_key(request);
    put(key, 't', base::as_text(request_tag));
    return key;
}

RequestBodies::Outcome RequestBodies::add(const std::string& key, const Block& block, ByteView payload,
                                          std::optional<std::uint32_t> total, base::Instant now, Bytes& body) {
    auto found = std::ranges::find(bodies_, key, &Body::key);
    if (found != bodies_.end() && found->until < now) {
        bodies_.erase(found);
        found = bodies_.end();
    }
    if (block.more && payload.size() != block.size) return Outcome::malformed;
    if (payload.size() > block.size) return Outcome::malformed;
    if (block.offset() + payload.size() > largest_ || total.value_or(0) > largest_) {
        if (found != bodies_.end()) bodies_.erase(found);
        return Outcome::too_large;
    }
    if (block.number == 0) {
        if (found != bodies_.end()) bodies_.erase(found);
        if (!block.more) {
            body.assign(payload.begin(), payload.end());
            return Outcome::complete;
        }
        if (bodies_.size() >= most_) bodies_.pop_back();
        bodies_.push_front({key, {}, {}});
    } else {
        if (found == bodies_.end() || block.offset() > found->bytes.size()) return Outcome::incomplete;
        bodies_.splice(bodies_.begin(), bodies_, found);
    }
    Body& joined = bodies_.front();
    joined.until = now + lifetime_;
    if (block.offset() < joined.bytes.size()) {
        // Seen before. The bytes must be the same, else two transfers are being mixed up.
        const std::size_t known = std::min(payload.size(), joined.bytes.size() - block.offset());
        const auto at = joined.bytes.begin() + static_cast<std::ptrdiff_t>(block.offset());
        if (known < payload.size() || !std::equal(payload.begin(), payload.end(), at)) {
            bodies_.pop_front();
            return Outcome::incomplete;
        }
        return Outcome::more;
    }
    joined.bytes.insert(joined.bytes.end(), payload.begin(), payload.end());
    if (block.more) return Outcome::more;
    body = std::move(joined.bytes);
    bodies_.pop_front();
    return Outcome::complete;
}

void RequestBodies::forget_old(base::Instant now) {
    bodies_.remove_if([now](const Body& body) { return body.until < now; });
}

const Snapshots::Snapshot* Snapshots::keep(std::string key, ByteView request_body, Response response, std::uint64_t etag,
                                           base::Instant now) {
    const std::size_t hash = hash_of(request_body);
    const auto same = [&](const Snapshot& s) { return s.key == key && s.body_hash == hash; };
    if (const auto old = std::ranges::find_if(snapshots_, same); old != snapshots_.end()) {
        snapshots_.splice(snapshots_.end(), snapshots_, old);
        drop_last();
    }
    if (response.payload.size() > most_bytes_) return nullptr;
    while (!snapshots_.empty() && (snapshots_.size() >= most_ || bytes_ + response.payload.size() > most_bytes_)) drop_last();
    bytes_ += response.payload.size();
    snapshots_.push_front({std::move(key), hash, std::move(response), etag, now + lifetime_});
    return &snapshots_.front();
}

const Snapshots::Snapshot* Snapshots::find(const std::string& key, ByteView request_body, base::Instant now) {
    const std::size_t hash = hash_of(request_body);
    const auto found = std::ranges::find_if(snapshots_, [&](const Snapshot& s) {
        return s.key == key && (request_body.empty() || s.body_hash == hash) && s.until >= now;
    });
    if (found == snapshots_.end()) return nullptr;
    snapshots_.splice(snapshots_.begin(), snapshots_, found);
    found->until = now + lifetime_;
    return &*found;
}

void Snapshots::drop_last() {
    bytes_ -= snapshots_.back().response.payload.size();
    snapshots_.pop_back();
}

void Snapshots::forget_old(base::Instant now) {
    for (auto it = snapshots_.begin(); it != snapshots_.end();) {
        if (it->until >= now) {
            ++it;
            continue;
        }
        bytes_ -= it->response.payload.size();
        it = snapshots_.erase(it);
    }
}

void Snapshots::clear() {
    snapshots_.clear();
    bytes_ = 0;
}

}  // namespace lwm2m::coap
