#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

namespace config {

/// A folder of its own for one test, gone with it.
class SiteFolder {
public:
    SiteFolder() {
        const auto base = std::filesystem::temp_directory_path();
        do path_ = (base / ("site-" + std::to_string(std::random_device{}()))).string();
        while (!std::filesystem::create_directory(path_));
    }
    SiteFolder(const SiteFolder&) = delete;
    SiteFolder& operator=(const SiteFolder&) = delete;
    ~SiteFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }
    std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }
    /// Makes the folders on the way.
    void write(std::string_view name, std::string_view content, unsigned mode = 0600) const {
        const std::filesystem::path file = path(name);
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << content;
        std::filesystem::permissions(file, std::filesystem::perms(mode));
    }
    void folder(std::string_view name) const { std::filesystem::create_directories(path(name)); }

private:
    std::string path_;
};

}  // namespace config
