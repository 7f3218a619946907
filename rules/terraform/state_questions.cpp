#include "rules/terraform/state_questions.hpp"

#include <fmt/format.h>

#include "rules/terraform/environment.hpp"

namespace trilock {
namespace {

// A question has the base environment alone; the backend may need what the pipeline declares.
void add_declared(const Node& node, ResolveContext& context, std::vector<EnvVar>& env) {
  for (const auto& [name, value] : node.env) env.push_back({name, context.fill(value, node.dir)});
  const auto pass = [&](const std::string& name, EnvClass kind) {
    if (auto value = context.environment(name)) env.push_back({name, std::move(*value), kind});
  };
  for (const auto& name : node.pass_env) pass(name, EnvClass::passed);
  for (const auto& name : node.secret_env) pass(name, EnvClass::secret);
}

void ask_for_state(const Node& node, const TerraformRequest& request, ResolveContext& context, Question& question) {
  question.env = terraform_environment(node, {request.workspace}, context.tree().absolute(".trilock"), context);
  add_declared(node, context, question.env);
  question.every_run = true;
  question.quiet.refused = "the state is behind a backend that the configuration names";
}

}  // namespace

Result<StateVersion> local_state(const std::string& path, ResolveContext& context) {
  const auto text = context.tree().read(path);
  if (!text && text.error().kind == ErrorKind::not_found) return StateVersion{};
  if (!text) return std::unexpected(text.error());
  return read_state(*text);
}

Result<StateVersion> pulled_state(const Node& node, const TerraformRequest& request, ResolveContext& context) {
  Question question{{"terraform", "state", "pull"}, node.dir};
  ask_for_state(node, request, context, question);
  const auto answer = context.ask(question);
  if (!answer) return std::unexpected(answer.error());
  if (answer->exit_code != 0) return fail(ErrorKind::tool_failed, "`terraform state pull` failed: " + answer->err);
  return read_state(answer->out);
}

std::string lock_file_of(const std::string& state_path) {
  const std::size_t name = state_path.rfind('/') + 1;
  return fmt::format("{}.{}.lock.info", state_path.substr(0, name), state_path.substr(name));
}

// The lock itself was the operating system's, and ended with the process.
Result<std::vector<Leftover>> lock_file_left(const std::string& path, ResolveContext& context) {
  if (!context.tree().exists(path)) return std::vector<Leftover>{};
  return std::vector{Leftover{fmt::format("the lock file `{}` of its state", path),
                              fmt::format("the next terraform command takes it over, or `rm {}`", path)}};
}

// A command that takes the lock and changes nothing: it untaints a resource that does not exist, and may be missing.
Result<std::vector<Leftover>> lock_left(const Node& node, const TerraformRequest& request, ResolveContext& context) {
  Question question{
      {"terraform", "untaint", "-no-color", "-lock-timeout=0s", "-allow-missing", "terraform_data.trilock"}, node.dir};
  ask_for_state(node, request, context, question);
  const auto answer = context.ask(question);
  if (!answer) return std::unexpected(answer.error());
  std::vector<Leftover> left;
  const auto id = held_lock(answer->err);
  if (!id) return left;
  left.push_back(
      {fmt::format("the lock {} on its state", *id),
       fmt::format("if nobody else works with the state, `cd {} && TF_DATA_DIR={} terraform force-unlock {}` "
                   "gives it back",
                   context.tree().absolute(node.dir), data_dir(context.tree().absolute(".trilock"), node.label), *id)});
  return left;
}

// The backends say it in a block `Lock Info:` with a line `  ID:        …`. The http backend writes into that block the
// lock that was asked for, and the held one before it, as `ID=…`.
std::optional<std::string> held_lock(std::string_view messages) {
  const std::size_t start = messages.find("Error acquiring the state lock");
  if (start == std::string_view::npos) return std::nullopt;
  for (const std::string_view mark : {"\nID=", "\n  ID:"}) {
    std::size_t at = messages.find(mark, start);
    if (at == std::string_view::npos) continue;
    at = messages.find_first_not_of(' ', at + mark.size());
    if (at == std::string_view::npos) continue;
    return std::string(messages.substr(at, messages.find_first_of(" \r\n", at) - at));
  }
  return std::nullopt;
}

}  // namespace trilock
