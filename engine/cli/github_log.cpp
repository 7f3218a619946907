#include "engine/cli/github_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "engine/cli/standard_output.hpp"

namespace trilock::cli {
namespace {

constexpr std::size_t shown_annotations = 10;       // of a level in a step; GitHub drops the rest
constexpr std::size_t summary_bytes = 1024 * 1024;  // of a step; GitHub refuses more

// Others' words in it are harmless_line(), a group_of() or escaped.
void put(std::string_view text) {
  write_commands(text);
}

// 128 random bits, anew for each group: nothing that a process writes, or has read of the log, can name it. "" where
// the system gives none.
std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  std::string token = "trilock-";
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

// A path of the workspace as the repository has it, where that is above it.
std::string path_in(std::string_view repository, std::string_view workspace, std::string_view file) {
  const std::filesystem::path path = (std::filesystem::path(workspace) / file).lexically_normal();
  const std::filesystem::path top(repository.empty() ? workspace : repository);
  const std::string relative = path.lexically_relative(top.lexically_normal()).string();
  return relative.empty() || relative == "." || relative.starts_with("..") ? std::string() : relative;
}

}  // namespace

bool in_github_actions(const Environment& environment) {
  return environment.get("GITHUB_ACTIONS").value_or("") == "true";
}

GithubLog::GithubLog(const Graph& graph, const SourceMap& sources, GithubOptions options)
    : graph_(graph), sources_(sources), options_(std::move(options)) {}

void GithubLog::run_started(std::int64_t, std::size_t nodes) {
  const std::lock_guard lock(mutex_);
  total_ = nodes;
}

void GithubLog::node_finished(NodeId id, const NodeReport& report) {
  const std::string& label = graph_.node(id).label;
  const std::lock_guard lock(mutex_);
  ++done_;
  rows_.push_back({label, report.outcome, report.duration_ms, report.reason});
  const bool troubled = report.outcome == Outcome::failed || report.outcome == Outcome::waiting;
  const bool has_output = shows_output(options_.output, report.outcome) && !(report.out.empty() && report.err.empty());
  if (report.outcome == Outcome::unchanged && !options_.verbose && !has_output) return;
  const Wording wording{.dry = options_.dry};
  std::string text;
  if (troubled) {
    const std::string head = failure_head(label, report, wording);
    for (std::size_t start = 0; start < head.size(); start = head.find('\n', start) + 1)
      text += harmless_line(std::string_view(head).substr(start, head.find('\n', start) - start)) + "\n";
    if (!report.help.empty()) text += "  = help: " + harmless_line(report.help) + "\n";
  } else {
    text = harmless_line(finished_line(done_, total_, label, report, wording)) + "\n";
  }
  if (const std::string token = has_output ? random_token() : std::string(); !token.empty())
    text += group_of(label, output_text(report, "", options_.color ? Colors::keep : Colors::strip), token);
  else if (has_output)
    text += "  = help: its output is left out, since the system gives no random numbers to keep it apart by\n";
  if (report.outcome == Outcome::failed) text += failure(id, report);
  put(text);
}

std::string GithubLog::failure(NodeId id, const NodeReport& report) {
  const Node& node = graph_.node(id);
  const ResolveFile resolve = [&](std::string_view file, std::string_view package) {
    return in_repository(node.dir, file, package);
  };
  std::vector<Annotation> found = annotations_in(report, node.label, resolve);
  in_output_.insert(in_output_.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  if (errors_ == shown_annotations) return {};
  ++errors_;
  Annotation annotation{.title = node.label, .message = report.reason};
  if (node.place.source != SourceId::none) {
    annotation.file = path_in(options_.repository, options_.workspace, sources_.path(node.place.source));
    annotation.line = node.place.line;
    annotation.column = node.place.column;
  }
  return annotation_command(annotation);
}

// Tools name files relative to where they run; `go test` relative to the package, whose import path ends in its
// directory.
std::string GithubLog::in_repository(std::string_view dir, std::string_view file, std::string_view package) const {
  std::string path;
  const auto exists = [&](const std::string& candidate) {
    std::error_code code;
    path = path_in(options_.repository, options_.workspace, candidate);
    return !path.empty() &&
           std::filesystem::is_regular_file(std::filesystem::path(options_.workspace) / candidate, code);
  };
  const std::string base = dir.empty() ? std::string() : fmt::format("{}/", dir);
  if (file.starts_with('/')) return exists(std::string(file)) ? path : std::string();
  while (!package.empty()) {
    if (exists(fmt::format("{}{}/{}", base, package, file))) return path;
    const std::size_t slash = package.find('/');
    package = slash == std::string_view::npos ? std::string_view() : package.substr(slash + 1);
  }
  if (exists(base + std::string(file)) || exists(std::string(file))) return path;
  return {};
}

void GithubLog::warning(std::string_view text) {
  const std::lock_guard lock(mutex_);
  put(annotation_command({.level = Annotation::Level::warning, .message = std::string(text)}));
}

void GithubLog::run_finished(const RunSummary& summary) {
  const std::lock_guard lock(mutex_);
  std::string text;
  std::size_t warnings = 0;
  for (const Annotation& annotation : in_output_) {
    std::size_t& count = annotation.level == Annotation::Level::error ? errors_ : warnings;
    if (count == shown_annotations) continue;
    ++count;
    text += annotation_command(annotation);
  }
  put(text + summary_line(summary) + "\n");
  if (!options_.summary_file.empty() && !options_.dry) write_summary(summary);
}

void GithubLog::write_summary(const RunSummary& summary) {
  const int fd = ::open(options_.summary_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0) {
    if (fd >= 0) ::close(fd);
    put(annotation_command({.level = Annotation::Level::warning,
                            .message = fmt::format("cannot write the step summary `{}`", options_.summary_file)}));
    return;
  }
  const auto used = std::min<std::size_t>(static_cast<std::size_t>(info.st_size), summary_bytes);
  const std::string text = without_secrets(step_summary(summary, rows_, summary_bytes - used));
  [[maybe_unused]] const ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
}

std::string diagnostic_annotations(const Diagnostics& diagnostics, const SourceMap& sources,
                                   const Environment& environment, std::string_view workspace) {
  std::string text;
  constexpr std::array levels = {Annotation::Level::notice, Annotation::Level::warning, Annotation::Level::error};
  std::array<std::size_t, levels.size()> counts{};
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    const auto severity = static_cast<std::size_t>(diagnostic.severity);
    if (++counts[severity] > shown_annotations) continue;
    Annotation annotation{.level = levels[severity], .title = "trilock", .message = diagnostic.message};
    if (!diagnostic.help.empty()) annotation.message += fmt::format("\nhelp: {}", diagnostic.help);
    if (diagnostic.place.source != SourceId::none) {
      annotation.file =
          path_in(environment.get("GITHUB_WORKSPACE").value_or(""), workspace, sources.path(diagnostic.place.source));
      annotation.line = diagnostic.place.line;
      annotation.column = diagnostic.place.column;
    }
    text += annotation_command(annotation);
  }
  return text;
}

}  // namespace trilock::cli
