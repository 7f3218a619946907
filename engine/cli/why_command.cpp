#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cache/output_check.hpp"
#include "engine/cli/documents.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/cli/terminal_text.hpp"
#include "engine/result_cache.hpp"
#include "schemas/json.hpp"
#include "schemas/utf8.hpp"

namespace trilock::cli {
namespace {

std::string reason_of(const Forecast& forecast) {
  const Decision& decision = forecast.decision;
  if (forecast.open) return "may run: " + forecast.open->because;
  if (decision.not_known) return decision.reason;
  const std::string because = decision.reason.empty() ? "" : ": " + decision.reason;
  switch (decision.next) {
    case Next::nothing:
      return "unchanged since its last successful run";
    case Next::restore:
      return "would be restored from the cache" + because;
    case Next::run:
      return "would run" + because;
    case Next::skip:
      return "would be skipped" + because;
    case Next::fail:
      return "would fail: " + decision.error.message;
  }
  return {};
}

// --- outputs that are not what the last run left ---

struct OutputChange {
  FieldChange change;
  std::string text;  // "output bin/app: missing"
};

std::string state_of(const OutputEntry& entry) {
  if (entry.type == EntryType::symlink) return "-> " + entry.symlink_target;
  return entry.type == EntryType::directory ? "directory" : fmt::format("{:o} {}", entry.mode, entry.blob.hex());
}

OutputChange output_change(const Difference& difference, SourceTree& tree) {
  OutputChange found;
  found.change.field = "output " + difference.path;
  if (difference.entry != nullptr) found.change.was = state_of(*difference.entry);
  const Result<InputState> now = look_at(tree, difference.path, Symlinks::as_text);
  const Result<ContentDigests> digests = tree.strong_digest(difference.path);
  if (now)
    found.change.now = state_of({.path = difference.path,
                                 .type = now->type,
                                 .mode = now->mode,
                                 .size = 0,
                                 .blob = digests ? digests->strong : StrongDigest{},
                                 .content = {},
                                 .symlink_target = now->symlink_target});
  found.change.added = difference.entry == nullptr;
  found.change.removed = !now;
  switch (difference.kind) {
    case Difference::Kind::missing:
      found.text = found.change.field + ": missing";
      break;
    case Difference::Kind::content:
      found.text = found.change.field + ": content changed";
      break;
    case Difference::Kind::extra:
      found.text = found.change.field + ": not made by its last run";
      break;
    case Difference::Kind::mode:
      found.text = fmt::format("{}: mode {:o} -> {:o}", found.change.field, difference.entry->mode, difference.mode);
      break;
    case Difference::Kind::type:
    case Difference::Kind::target:
      found.text = fmt::format("{}: {} -> {}", found.change.field, found.change.was, found.change.now);
      break;
  }
  return found;
}

std::vector<OutputChange> output_changes(Session& session, const Forecast& forecast) {
  std::vector<OutputChange> changes;
  const Node& node = session.planned.graph.node(forecast.id);
  SourceTree& tree = session.workspace->tree();
  const auto recorded = session.workspace->db().result(node.label);
  if (!recorded || !*recorded) return changes;
  const std::vector<OutputEntry>& entries = (*recorded)->outputs;
  if (!unusable_entry(node.outputs, entries).empty()) return changes;
  static_cast<void>(each_difference(tree, node.outputs, entries, [&](const Difference& difference) {
    changes.push_back(output_change(difference, tree));
    return true;
  }));
  return changes;
}

// What a node before it gives is not known before that has run; what it gave last is.
void add_upstream_change(const Forecast& forecast, std::vector<OutputChange>& changes) {
  if (!forecast.open) return;
  const std::string& label = forecast.open->label;
  OutputChange unknown;
  unknown.change = {.field = "from " + label, .was = {}, .now = {}, .added = true, .removed = true};
  unknown.text = fmt::format("from {}: not known before it has run", label);
  for (const Field& field : forecast.decision.upstream)
    if (field.name == label || field.name.starts_with(label + ".")) {
      unknown.change.was = field.value;
      unknown.change.added = false;
    }
  changes.push_back(std::move(unknown));
}

// --- text ---

class Page {
 public:
  explicit Page(const Environment& environment) {
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    color_ = use_color(environment.all(), terminal);
    winsize size{};
    if (terminal) columns_ = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  }

  void heading(std::string_view text) const { print_out("\n{}\n", paint(text, "1")); }

  // On a terminal cut to its width; elsewhere whole, since a program may read it.
  void line(std::string_view name, std::string_view value, std::string_view code = {}) const {
    std::string text = shown(name);
    const std::size_t name_end = text.size();
    if (!value.empty()) text += " = " + shown(value);
    std::string cut;
    if (columns_ > 0 && count_code_points(text) + 2 > columns_) {
      text.resize(code_point_offset(text, columns_ - 3));
      cut = "…";
    }
    const std::size_t split = std::min(name_end, text.size());
    print_out("  {}{}{}\n", paint(text.substr(0, split), code), paint(text.substr(split), "2"), cut);
  }

  [[nodiscard]] Painted paint(std::string_view text, std::string_view code) const {
    std::string plain = shown(text);
    if (!color_ || code.empty() || plain.empty()) return {std::move(plain)};
    return {fmt::format("\x1b[{}m{}\x1b[0m", code, plain)};
  }

 private:
  bool color_ = false;
  std::size_t columns_ = 0;  // 0: not cut
};

std::string_view class_name(EnvClass kind) {
  switch (kind) {
    case EnvClass::base:
      return "base";
    case EnvClass::declared:
      return "declared";
    case EnvClass::passed:
      return "passed";
    case EnvClass::ambient:
      return "ambient";
    case EnvClass::secret:
      return "secret";
  }
  return {};
}

// What the processes of the node see, each variable with its class; of a secret the name alone.
void print_environment(const Forecast& forecast, const Node& node, const Environment& environment,
                       const Redactor& secrets, const Page& page) {
  std::vector<EnvVar> variables = environment.base();
  for (const EnvVar& variable : forecast.decision.action.env) {
    std::erase_if(variables, [&](const EnvVar& other) { return other.name == variable.name; });
    variables.push_back(variable);
  }
  page.heading("environment of its processes:");
  for (const EnvVar& variable : variables)
    page.line(fmt::format("{:<8} {}", class_name(variable.kind), variable.name),
              variable.kind == EnvClass::secret ? std::string() : secrets(variable.value));
  for (const Process& process : forecast.decision.action.processes)
    for (const EnvVar& variable : process.env)
      page.line(fmt::format("{:<8} {} of {}", class_name(variable.kind), variable.name, process.name),
                variable.kind == EnvClass::secret ? std::string() : secrets(variable.value));
  for (const auto& [names, kind] : {std::pair{&node.pass_env, EnvClass::passed}, {&node.secret_env, EnvClass::secret}})
    for (const std::string& name : *names)
      if (!environment.get(name)) page.line(fmt::format("{:<8} {} (not set)", class_name(kind), name), "");
}

void print_text(const Forecast& forecast, const std::vector<OutputChange>& outputs, Session& session) {
  const Environment& environment = session.workspace->environment();
  const Page page(environment);
  const Node& node = session.planned.graph.node(forecast.id);
  const Decision& decision = forecast.decision;
  const std::string_view code = forecast.open                    ? "33"
                                : decision.next == Next::nothing ? "32"
                                : decision.next == Next::fail    ? "31"
                                                                 : "33";
  print_out("{}: {}\n", page.paint(node.label, "1"), page.paint(reason_of(forecast), code));
  if (forecast.open)
    print_out("whether it runs depends on what comes out; what is shown here takes the last result of {}\n",
              forecast.open->label);
  if (!decision.changes.empty() || !outputs.empty()) {
    page.heading("changed since the last successful run:");
    for (const FieldChange& change : decision.changes) page.line(describe(change), "", "33");
    for (const OutputChange& change : outputs) page.line(change.text, "", "33");
  }
  if (!decision.has_key) return;
  print_environment(forecast, node, environment, secrets_of(session.planned.graph, environment), page);
  page.heading(fmt::format("key {}, made of:", decision.key.hex()));
  for (const Field& field : forecast.fields) page.line(field.name, field.value);
}

void print_json(const Forecast& forecast, const std::vector<OutputChange>& outputs, const std::string& label) {
  JsonObject document = versioned_document();
  document.set("label", label);
  document.set("key", forecast.decision.has_key ? Json(forecast.decision.key.hex()) : Json(nullptr));
  JsonArray fields;
  for (const Field& field : forecast.fields) {
    JsonObject object;
    object.set("name", field.name);
    object.set("value", field.value);
    fields.emplace_back(std::move(object));
  }
  document.set("fields", std::move(fields));
  std::vector<FieldChange> changes = forecast.decision.changes;
  for (const OutputChange& change : outputs) changes.push_back(change.change);
  document.set("changes", to_json(changes));
  document.set("reason", reason_of(forecast));
  print_document(std::move(document));
}

}  // namespace

int why_command(const Invocation& invocation) {
  Session session;
  std::vector<NodeId> selected;
  if (const int code = prepare(invocation, session, selected); code != 0) return code;
  if (selected.size() != 1) {
    std::string choices;
    for (const NodeId id : selected)
      choices += fmt::format("{}{}", choices.empty() ? "" : ", ", session.planned.graph.node(id).label);
    report(session, {ErrorKind::invalid, fmt::format("`{}` means {} nodes", invocation.labels[0], selected.size()),
                     fmt::format("choose one of {}", choices)});
    return end_without_result(invocation, session, exit_usage);
  }
  const std::vector<Forecast> forecasts = forecast(*session.workspace, session.planned, selected, {});
  const auto asked = std::ranges::find(forecasts, selected.front(), &Forecast::id);
  std::vector<OutputChange> outputs = output_changes(session, *asked);
  add_upstream_change(*asked, outputs);
  const auto unasked = unasked_server(*session.workspace, session.planned.pipeline.cache);
  if (unasked && asked->decision.next == Next::run)
    print_err("warning: {}\n  = help: {}\n", unasked->message, unasked->help);
  if (invocation.json)
    print_json(*asked, outputs, session.planned.graph.node(asked->id).label);
  else
    print_text(*asked, outputs, session);
  return exit_done;
}

}  // namespace trilock::cli
