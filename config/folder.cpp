#include "config/folder.hpp"

#include "config/yaml_reader.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>
#include <system_error>

namespace config {

namespace {

namespace fs = std::filesystem;

class Finder {
public:
    Finder(Below below, base::Diagnostics& diagnostics) : below_(below), diagnostics_(diagnostics) {}

    struct Found {
        std::string path, shown;
    };
    std::vector<Found> found;
    bool full = false;

    void look(const std::string& path, const std::string& shown, int depth) {
        std::error_code problem;
        std::vector<fs::directory_entry> entries;
        for (fs::directory_iterator at(path, problem), end; !problem && at != end; at.increment(problem)) {
            if (entries.size() > 4 * folder_most_files) break;  // found to be too many below
            entries.push_back(*at);
        }
        if (problem) {
            diagnostics_.error({shown, 0, 0}, fmt::format("cannot be read: {}", problem.message()),
                               "check the folder and its permissions");
            return;
        }
        std::sort(entries.begin(), entries.end());
        for (const auto& entry : entries) {
            const std::string name = entry.path().filename();
            if (name.starts_with('.')) continue;
            std::error_code ignored;
            if (entry.is_directory(ignored)) {
                if (below_ == Below::folders) look_below(entry, shown + "/" + name, depth);
                continue;
            }
            if (name.ends_with(".yml"))
                diagnostics_.error({shown + "/" + name, 0, 0}, "would not be read", "rename it to end with .yaml");
            if (!name.ends_with(".yaml") || full) continue;
            if (found.size() >= folder_most_files) {
                full = true;
                diagnostics_.error({shown, 0, 0}, fmt::format("over {} files", folder_most_files),
                                   "put several devices or profiles into one file");
                return;
            }
            found.push_back({entry.path(), shown + "/" + name});
        }
    }

private:
    void look_below(const fs::directory_entry& entry, const std::string& shown, int depth) {
        if (full) return;
        if (depth >= folder_most_depth) {
            diagnostics_.error({shown, 0, 0}, fmt::format("folders nest deeper than {}", folder_most_depth),
                               "write profiles/<maker>/<model>.yaml");
            return;
        }
        look(entry.path(), shown, depth + 1);
    }

    Below below_;
    base::Diagnostics& diagnostics_;
};

}  // namespace

bool exists(const std::string& path) {
    std::error_code problem;
    return !path.empty() && fs::symlink_status(path, problem).type() != fs::file_type::not_found;
}

std::vector<base::Node> read_folder(const std::string& path, const std::string& shown, Below below,
                                    base::Diagnostics& diagnostics) {
    Finder finder(below, diagnostics);
    finder.look(path, shown, 1);
    std::vector<base::Node> nodes;
    for (const auto& file : finder.found)
        if (auto node = read_yaml_file(file.path, file.shown, diagnostics)) nodes.push_back(std::move(*node));
    return nodes;
}

}  // namespace config
