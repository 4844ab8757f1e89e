#pragma once

#include "adapters/mqtt/message.hpp"

#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace adapters::mqtt {

/// Messages on their way from the library's thread to the core loop. Bounded: when more come than are taken, a new message
/// replaces the one of the same topic that still waits; when even the topics are too many, the oldest goes. Both are counted.
class Inbox {
public:
    static constexpr std::size_t plenty = 2'048;  ///< messages; from then on a topic has one
    static constexpr std::size_t most = 8'192;    ///< messages
    static constexpr std::size_t most_bytes = 16 * 1024 * 1024;
    static constexpr std::size_t longest = 4 * 1024 * 1024;  ///< payload of one message; a longer one is dropped

    /// True when the loop must be told: it does not come by itself, since it found nothing when it last came.
    bool put(Message message) {
        const std::lock_guard lock(mutex_);
        if (message.payload.size() > longest) {
            ++dropped_;
            return false;
        }
        const std::size_t size = size_of(message);
        keep_index(waiting_.size() >= plenty);
        const auto twin = indexed_ ? latest_.find(message.topic) : latest_.end();
        if (twin != latest_.end()) {
            ++dropped_;
            bytes_ = bytes_ - size_of(*twin->second) + size;
            twin->second->payload = std::move(message.payload);
            twin->second->retained = message.retained;
        } else {
            bytes_ += size;
            waiting_.push_back(std::move(message));
            if (indexed_) latest_.emplace(waiting_.back().topic, std::prev(waiting_.end()));
        }
        while (waiting_.size() > most || bytes_ > most_bytes) {
            ++dropped_;
            pop();
        }
        return !std::exchange(told_, true);
    }

    /// At most `count`. Who got something must come again, at once when there is `more`, else after a moment: so that a
    /// stream of messages costs the library's thread no system call for each. After nothing the next put() tells.
    std::vector<Message> take(std::size_t count, bool& more) {
        const std::lock_guard lock(mutex_);
        std::vector<Message> taken;
        while (!waiting_.empty() && taken.size() < count) taken.push_back(pop());
        more = !waiting_.empty();
        told_ = !taken.empty();
        return taken;
    }

    std::size_t dropped() {
        const std::lock_guard lock(mutex_);
        return std::exchange(dropped_, 0);
    }

private:
    static std::size_t size_of(const Message& message) { return message.topic.size() + message.payload.size() + 100; }
    /// The newest message of each topic, looked for only while many wait.
    void keep_index(bool wanted) {
        if (std::exchange(indexed_, wanted) == wanted) return;
        latest_.clear();
        if (wanted)
            for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
                latest_.erase(at->topic);  // its key lies in an older message
                latest_.emplace(at->topic, at);
            }
    }
    Message pop() {
        const auto first = waiting_.begin();
        bytes_ -= size_of(*first);
        if (indexed_)
            if (const auto entry = latest_.find(first->topic); entry != latest_.end() && entry->second == first)
                latest_.erase(entry);
        Message message = std::move(*first);
        waiting_.pop_front();
        return message;
    }

    std::mutex mutex_;
    std::list<Message> waiting_;
    std::unordered_map<std::string_view, std::list<Message>::iterator> latest_;  // keys live in the list
    std::size_t bytes_ = 0, dropped_ = 0;
    bool told_ = false, indexed_ = false;
};

}  // namespace adapters::mqtt
