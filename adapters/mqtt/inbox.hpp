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

    /// True when the loop must be told: it has not been since it last took everything.
    bool put(Message message) {
        const std::lock_guard lock(mutex_);
        if (message.payload.size() > longest) {
            ++dropped_;
            return false;
        }
        const std::size_t size = size_of(message);
        const auto twin = latest_.find(message.topic);
        if (twin != latest_.end() && waiting_.size() >= plenty) {
            ++dropped_;
            bytes_ = bytes_ - size_of(*twin->second) + size;
            twin->second->payload = std::move(message.payload);
            twin->second->retained = message.retained;
        } else {
            bytes_ += size;
            if (twin != latest_.end()) latest_.erase(twin);
            waiting_.push_back(std::move(message));
            latest_.emplace(waiting_.back().topic, std::prev(waiting_.end()));
        }
        while (waiting_.size() > most || bytes_ > most_bytes) {
            ++dropped_;
            pop();
        }
        return !std::exchange(told_, true);
    }

    /// At most `count`; `more` says whether to come again (else the next put() tells).
    std::vector<Message> take(std::size_t count, bool& more) {
        const std::lock_guard lock(mutex_);
        std::vector<Message> taken;
        while (!waiting_.empty() && taken.size() < count) taken.push_back(pop());
        more = !waiting_.empty();
        told_ = more;
        return taken;
    }

    std::size_t dropped() {
        const std::lock_guard lock(mutex_);
        return std::exchange(dropped_, 0);
    }

private:
    static std::size_t size_of(const Message& message) { return message.topic.size() + message.payload.size() + 100; }
    Message pop() {
        const auto first = waiting_.begin();
        bytes_ -= size_of(*first);
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
    bool told_ = false;
};

}  // namespace adapters::mqtt
