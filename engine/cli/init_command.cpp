// init: looks at the folder and writes a first trilock.toml. It never writes over anything.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/first_pipeline.hpp"
#include "schemas/json.hpp"
#include "schemas/utf8.hpp"

namespace trilock::cli {
namespace {

constexpr const char* file = "trilock.toml";

std::unexpected<Error> exists_already(const std::string& path) {
  return fail(ErrorKind::invalid, fmt::format("`{}` exists already", path),
              "`trilock init` writes over nothing; remove or rename it first, or go on with `trilock check`");
}

// A new file or none: O_EXCL refuses what is there, a symlink to nowhere too, however late it appeared.
Status write_new(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST) return exists_already(path);
  if (fd < 0) return fail_errno(fmt::format("cannot write `{}`", path), errno);
  int error = 0;
  while (!text.empty() && error == 0) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count >= 0)
      text.remove_prefix(static_cast<std::size_t>(count));
    else if (errno != EINTR)
      error = errno;
  }
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0) return {};
  ::unlink(path.c_str());
  return fail_errno(fmt::format("cannot write `{}`", path), error);
}

JsonArray remarks_json(const std::vector<DraftRemark>& remarks) {
  JsonArray array;
  for (const DraftRemark& remark : remarks) {
    JsonObject object;
    object.set("path", remark.path);
    object.set("text", remark.text);
    array.emplace_back(std::move(object));
  }
  return array;
}

JsonArray labels_json(const std::vector<std::string>& labels) {
  JsonArray array;
  for (const std::string& label : labels) array.emplace_back(label);
  return array;
}

void print_json(const FirstPipeline& first) {
  JsonObject document;
  document.set("version", 1);
  document.set("path", file);
  document.set("nodes", labels_json(first.nodes));
  document.set("switched_off", labels_json(first.switched_off));
  document.set("found", remarks_json(first.found));
  document.set("left_out", remarks_json(first.left_out));
  document.set("next", "trilock check");
  write_json_out(Json(std::move(document)), 2);
}

void print_remarks(std::string_view title, const std::vector<DraftRemark>& remarks) {
  if (remarks.empty()) return;
  std::size_t width = 0;
  for (const DraftRemark& remark : remarks)
    if (const std::size_t length = count_code_points(escape_controls(remark.path)); length <= 40)
      width = std::max(width, length);
  print_out("{}\n", title);
  for (const DraftRemark& remark : remarks) {
    const std::string path = escape_controls(remark.path);
    const std::size_t length = count_code_points(path);
    print_out("  {}{}  {}\n", path, std::string(length < width ? width - length : 0, ' '),
              escape_controls(remark.text));
  }
}

void print_text(const FirstPipeline& first) {
  if (first.found.empty()) print_out("found nothing that trilock knows how to build\n");
  print_remarks("found:", first.found);
  print_remarks("left out:", first.left_out);
  std::string counts = fmt::format("{} node{}", first.nodes.size(), first.nodes.size() == 1 ? "" : "s");
  if (!first.switched_off.empty()) counts += fmt::format(", {} more switched off", first.switched_off.size());
  print_out("wrote {}: {}\n", file, counts);
  for (const std::string& label : first.nodes) print_out("  {}\n", label);
  print_out("next: read it, then `trilock check` and `trilock run{}`\n", first.nodes.empty() ? "" : " --dry-run");
}

int refuse(const Invocation& invocation, Error error, int code) {
  Session session;
  report(session, std::move(error));
  return end_without_result(invocation, session, code);
}

}  // namespace

int init_command(const Invocation& invocation) {
  const Result<std::string> cwd = working_directory(invocation);
  if (!cwd) return refuse(invocation, cwd.error(), usage_code(cwd.error()));
  const std::string path = *cwd == "/" ? "/trilock.toml" : fmt::format("{}/{}", *cwd, file);
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) return refuse(invocation, exists_already(path).error(), exit_usage);
  std::vector<std::string> warnings;
  const Result<std::unique_ptr<Workspace>> workspace = Workspace::open(*cwd, Workspace::State::use, warnings);
  for (const std::string& warning : warnings) print_err("warning: {}\n", warning);
  if (!workspace) return refuse(invocation, workspace.error(), exit_environment);
  const FirstPipeline first = draft_pipeline(**workspace);
  if (const Status written = write_new(path, first.text); !written)
    return refuse(invocation, written.error(),
                  written.error().kind == ErrorKind::invalid ? exit_usage : exit_environment);
  const std::string above = *cwd == "/" ? std::string() : find_workspace(cwd->substr(0, cwd->rfind('/')));
  if (!above.empty())
    print_err(
        "warning: `{}` has a pipeline too; commands in this folder use the new one\n  = help: remove it if this "
        "folder belongs to that pipeline\n",
        above);
  if (invocation.json)
    print_json(first);
  else
    print_text(first);
  return exit_done;
}

}  // namespace trilock::cli
