#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace adapters::mqtt {

/// One thread for the calls of a library that may block: Paho takes a lock of the whole process, under which it also asks
/// for names and writes to sockets.
class Worker {
public:
    using Task = std::function<void()>;

    Worker() : thread_([this] { run(); }) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    /// Runs what is left, later tasks too, but soon.
    ~Worker() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        news_.notify_one();
        thread_.join();
    }

    void post(Task task, std::chrono::milliseconds later = {}) {
        {
            const std::lock_guard lock(mutex_);
            tasks_.emplace(Clock::now() + later, std::move(task));
        }
        news_.notify_one();
    }

private:
    using Clock = std::chrono::steady_clock;

    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            if (tasks_.empty()) {
                if (ending_) return;
                news_.wait(lock);
                continue;
            }
            const auto due = tasks_.begin()->first;
            if (due > Clock::now() && !ending_) {
                news_.wait_until(lock, due);
                continue;
            }
            // A client that was just told to end gets a moment for the library's last steps with it.
            if (due > Clock::now())
                news_.wait_for(lock, std::min<Clock::duration>(due - Clock::now(), std::chrono::milliseconds(100)));
            auto node = tasks_.extract(tasks_.begin());
            lock.unlock();
            node.mapped()();
            node = {};
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable news_;
    std::multimap<Clock::time_point, Task> tasks_;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace adapters::mqtt
