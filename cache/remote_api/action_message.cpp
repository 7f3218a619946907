#include <unordered_set>

#include "cache/hash.hpp"
#include "cache/remote_api/directories.hpp"

namespace trilock {

using namespace remote_api;

namespace {

pb::Command command_of(const PortableAction& action) {
  pb::Command command;
  for (const std::string& argument : action.arguments) command.add_arguments(argument);
  for (const Field& variable : action.environment) {
    pb::Command::EnvironmentVariable& to = *command.add_environment_variables();
    to.set_name(variable.name);
    to.set_value(variable.value);
  }
  for (const Field& property : action.properties) {
    pb::Platform::Property& to = *command.mutable_platform()->add_properties();
    to.set_name(property.name);
    to.set_value(property.value);
  }
  for (const std::string& path : action.output_paths) command.add_output_paths(path);
  command.set_working_directory(action.working_directory);
  return command;
}

template <class Parsed>
Result<Parsed> fetch_message(const pb::Digest& digest, const FetchBlob& fetch, std::string_view what) {
  const Result<BlobReference> reference = read_digest(digest);
  if (!reference) return std::unexpected(reference.error());
  const Result<std::string> bytes = fetch(reference->digest, reference->size);
  if (!bytes) return std::unexpected(bytes.error());
  return parse<Parsed>(*bytes, what);
}

}  // namespace

ActionMessages encode_action(const PortableAction& action) {
  ActionMessages encoded;
  encoded.messages.resize(1);
  Message command = make_message(command_of(action));
  pb::Action top;
  set_digest(*top.mutable_command_digest(), command.digest, command.bytes.size());
  encoded.messages.push_back(std::move(command));

  std::unordered_set<StrongDigest, DigestHash<StrongDigest>> seen;
  BlobReference root;
  build_directories(action.inputs, [&](pb::Directory&& directory) {
    Message message = make_message(directory);
    root = {message.digest, message.bytes.size()};
    if (seen.insert(message.digest).second) encoded.messages.push_back(std::move(message));
    return root;
  });
  set_digest(*top.mutable_input_root_digest(), root.digest, root.size);
  top.set_salt(action.salt);
  encoded.messages.front() = make_message(top);
  encoded.digest = encoded.messages.front().digest;
  return encoded;
}

Result<PortableAction> decode_action(const StrongDigest& digest, const FetchBlob& fetch) {
  const Result<std::string> bytes = fetch(digest, 0);
  if (!bytes) return std::unexpected(bytes.error());
  const Result<pb::Action> top = parse<pb::Action>(*bytes, "no action");
  if (!top) return std::unexpected(top.error());
  const Result<pb::Command> command = fetch_message<pb::Command>(top->command_digest(), fetch, "no command");
  if (!command) return std::unexpected(command.error());
  const Result<pb::Directory> root = fetch_message<pb::Directory>(top->input_root_digest(), fetch, "no directory");
  if (!root) return std::unexpected(root.error());

  PortableAction action;
  action.arguments.assign(command->arguments().begin(), command->arguments().end());
  for (const auto& variable : command->environment_variables())
    action.environment.push_back({variable.name(), variable.value()});
  for (const auto& property : command->platform().properties())
    action.properties.push_back({property.name(), property.value()});
  action.output_paths.assign(command->output_paths().begin(), command->output_paths().end());
  action.working_directory = command->working_directory();
  action.salt = top->salt();
  Result<std::vector<PortableInput>> inputs = flatten(
      *root,
      [&](const BlobReference& reference) -> Result<pb::Directory> {
        const Result<std::string> found = fetch(reference.digest, reference.size);
        if (!found) return std::unexpected(found.error());
        return parse<pb::Directory>(*found, "no directory");
      },
      BareDirectories::drop);
  if (!inputs) return std::unexpected(inputs.error());
  action.inputs = std::move(*inputs);
  return action;
}

}  // namespace trilock
