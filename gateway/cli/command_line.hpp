#pragma once

#include "gateway/cli/cli.hpp"

#include <functional>
#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace gateway::cli {

/// What can be said on the command line, and what it comes to.
class CommandLine {
public:
    explicit CommandLine(std::string version);
    ~CommandLine();

    /// Nothing: go on with run(). Else the exit status: help was printed, or the command line is wrong and it was said why.
    std::optional<int> parse(int argc, char** argv);
    /// The verb that was asked for.
    int run() { return verb_(); }
    /// The script that completes verbs, options and their values in bash.
    std::string completion() const;

private:
    struct Words;  // what the options write to

    CLI::App* add(const std::string& name, const std::string& what, const std::string& example);
    CLI::App* add(CLI::App* parent, const std::string& name, const std::string& what, const std::string& example);
    void site(CLI::App*, bool needed);
    void common(CLI::App*);
    void socket(CLI::App*);
    void json(CLI::App*);
    void on_files();
    void on_devices();
    void on_links();
    void on_gateway();

    std::unique_ptr<CLI::App> program_;
    std::unique_ptr<Words> words_;
    Options options_;
    std::string secrets_;
    std::function<int()> verb_;
};

}  // namespace gateway::cli
