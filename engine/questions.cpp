#include "engine/questions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "cache/hash.hpp"
#include "engine/outside.hpp"

namespace trilock {
namespace {

void append(std::string& to, std::string_view text) {
  to += fmt::format("{}:", text.size());
  to += text;
}

bool take(std::string_view& from, std::string& text) {
  std::size_t length = 0;
  std::size_t i = 0;
  while (i < from.size() && from[i] >= '0' && from[i] <= '9' && length < from.size())
    length = length * 10 + static_cast<std::size_t>(from[i++] - '0');
  if (i == 0 || i >= from.size() || from[i] != ':' || from.size() - i - 1 < length) return false;
  text = from.substr(i + 1, length);
  from.remove_prefix(i + 1 + length);
  return true;
}

// The question as a name: everything in it that is known before it is asked.
FastDigest name_of(const Question& question) {
  std::string text;
  append(text, question.dir);
  for (const std::string& argument : question.argv) append(text, argument);
  text += '|';
  for (const EnvVar& variable : question.env) {
    append(text, variable.name);
    append(text, variable.value);
  }
  text += '|';
  append(text, question.also);
  for (const auto* list : {&question.content_of, &question.stat_of, &question.listing_of}) {
    text += '|';
    for (const std::string& path : *list) append(text, path);
  }
  return fast_digest(text);
}

}  // namespace

Questions::Questions(SourceTree& tree, ProcessRunner& runner, const Environment& environment)
    : tree_(tree), runner_(runner), environment_(environment) {}

void Questions::remember(std::vector<StoredAnswer> answers) {
  const std::lock_guard lock(mutex_);
  for (StoredAnswer& stored : answers) {
    Known known;
    std::string_view rest = stored.answer;
    if (!take(rest, known.answer.out) || !take(rest, known.answer.err)) continue;
    std::string path;
    while (take(rest, path)) known.learned.push_back(path);
    known.fingerprint = std::move(stored.fingerprint);
    known_.insert_or_assign(stored.question, std::move(known));
  }
}

std::vector<StoredAnswer> Questions::take_new_answers() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fresh_, {});
}

bool Questions::asked_for_this_run() {
  const std::lock_guard lock(mutex_);
  return asked_for_this_run_;
}

Result<Answer> Questions::ask(const Question& question, Look look) {
  const FastDigest name = name_of(question);
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [&] { return !being_asked_.contains(name); });
  being_asked_.emplace(name, true);
  Result<Answer> answer = answer_locked(question, look, name, lock);
  being_asked_.erase(name);
  lock.unlock();
  answered_.notify_all();
  return answer;
}

Result<Answer> Questions::answer_locked(const Question& question, Look look, const FastDigest& name,
                                        std::unique_lock<std::mutex>& lock) {
  Known known;
  if (const auto found = known_.find(name); found != known_.end()) known = found->second;
  lock.unlock();  // looking at files and asking the tool are slow; being_asked_ keeps others off this question

  if (look == Look::again)
    for (const std::string& path : question.stat_of) tree_.look_again(path);
  const auto own_path = std::ranges::find(question.env, "PATH", &EnvVar::name);
  const std::string executable = find_executable(tree_, question.argv.empty() ? "" : question.argv[0],
                                                 own_path == question.env.end() ? environment_.path() : own_path->value,
                                                 tree_.absolute(question.dir));
  Result<Known> fresh;
  const bool usable = !known.fingerprint.empty() &&
                      (!question.every_run || (known.of_this_run && look == Look::once)) &&
                      known.fingerprint == fingerprint(question, executable, known.learned);
  if (!usable) fresh = ask_tool(question, executable);
  lock.lock();
  if (question.every_run || (!usable && (!fresh || fresh->answer.exit_code != 0))) asked_for_this_run_ = true;
  if (usable) {
    known_[name].of_this_run = true;
    return known.answer;
  }
  if (!fresh) return std::unexpected(fresh.error());
  known_.insert_or_assign(name, *fresh);
  if (fresh->answer.exit_code == 0 && !question.every_run) {
    StoredAnswer stored{.question = name, .fingerprint = fresh->fingerprint, .answer = {}};
    append(stored.answer, fresh->answer.out);
    append(stored.answer, fresh->answer.err);
    for (const std::string& path : fresh->learned) append(stored.answer, path);
    fresh_.push_back(std::move(stored));
  }
  return fresh->answer;
}

Result<Questions::Known> Questions::ask_tool(const Question& question, const std::string& executable) {
  if (executable.empty())
    return fail(ErrorKind::tool_missing,
                fmt::format("`{}` is not in PATH", question.argv.empty() ? "" : question.argv[0]));
  if (quiet_)
    if (Status allowed = check_quiet(question, executable); !allowed) return std::unexpected(allowed.error());
  // Taken before the tool looks, so that what changes while it looks makes the answer stale.
  const std::string before = fingerprint(question, executable, {});
  const std::vector<EnvVar> base = environment_.base();
  const std::vector<EnvVar> own = quiet_ ? quiet_environment(question) : question.env;
  const Result<std::string> scratch = quiet_ ? scratch_for(own) : Result<std::string>();
  if (!scratch) return std::unexpected(scratch.error());
  ProcessSpec spec{.executable = executable,
                   .argv = question.argv,
                   .env = compose_environment({&base, &own}, {tree_.root(), *scratch}),
                   .dir = tree_.absolute(question.dir),
                   .timeout_ms = 0,
                   .on_output = {}};
  for (std::string& argument : spec.argv) argument = replace_markers(argument, {tree_.root(), ""});
  Result<ProcessResult> run = runner_.run(spec);
  if (!run) return std::unexpected(run.error());
  if (run->end == ProcessEnd::cancelled) return fail(ErrorKind::interrupted, "interrupted");
  Known known;
  known.answer = {.exit_code = run->exit_code, .out = std::move(run->out), .err = std::move(run->err), .quiet = quiet_};
  if (question.learn && known.answer.exit_code == 0) known.learned = question.learn(known.answer.out);
  known.fingerprint = known.learned.empty() ? before : fingerprint(question, executable, known.learned);
  known.of_this_run = true;
  return known;
}

// Whatever the way to it: a link of the workspace that leads out of it may lead elsewhere in the next commit.
Status Questions::check_quiet(const Question& question, const std::string& executable) const {
  const auto refuse = [](std::string_view why) {
    return fail(ErrorKind::not_known, fmt::format("not known before a run: {}", why));
  };
  if (!question.quiet.refused.empty()) return refuse(question.quiet.refused);
  if (is_outside(executable, tree_.root())) return {};
  return refuse(fmt::format("`{}` is a program of the workspace, which only a run starts", executable));
}

// One for all questions: go has a cache there.
Result<std::string> Questions::scratch_for(const std::vector<EnvVar>& env) {
  const auto names_it = [](const EnvVar& variable) { return variable.value.contains(scratch_marker); };
  if (std::ranges::none_of(env, names_it)) return std::string();
  const std::lock_guard lock(mutex_);
  if (!scratch_) {
    Result<PrivateDirectory> made = PrivateDirectory::make(environment_);
    if (!made) return std::unexpected(made.error());
    scratch_.emplace(std::move(*made));
  }
  return scratch_->path();
}

std::vector<EnvVar> Questions::quiet_environment(const Question& question) const {
  std::vector<EnvVar> env;
  std::string path = environment_.path();
  for (const EnvVar& variable : question.env) {
    if (variable.name == "PATH")
      path = variable.value;
    else if (question.quiet.keeps_environment || variable.kind != EnvClass::declared)
      env.push_back(variable);
  }
  env.insert(env.end(), question.quiet.set.begin(), question.quiet.set.end());
  env.push_back({"PATH", path_outside(path, {tree_.root()}), EnvClass::declared});
  return env;
}

std::string Questions::fingerprint(const Question& question, const std::string& executable,
                                   const std::vector<std::string>& learned) {
  std::string text;
  const auto content = [&](const std::string& path) {
    const Result<FastDigest> digest = tree_.digest(path);
    append(text, digest ? digest->view() : std::string_view("absent"));
  };
  content(executable);
  for (const std::string& path : question.content_of) content(path);
  for (const std::string& path : learned) content(path);
  for (const std::string& path : question.stat_of) {
    const Result<FileStat> stat = tree_.stat(path);
    append(text, stat ? fmt::format("{} {} {} {}", stat->size, stat->mtime_ns, stat->ctime_ns, stat->inode) : "absent");
  }
  for (const std::string& path : question.listing_of) {
    const Result<std::vector<DirEntry>> entries = tree_.list(path);
    std::string names;
    if (entries)
      for (const DirEntry& entry : *entries)
        append(names, fmt::format("{}{}", static_cast<int>(entry.type), entry.name));
    append(text, names);
  }
  const FastDigest digest = fast_digest(text);
  return std::string(digest.view());
}

}  // namespace trilock
