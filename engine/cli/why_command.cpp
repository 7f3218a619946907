#include <fmt/format.h>

#include <cstdio>

#include "engine/cli/session.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {
namespace {

std::string reason_of(const Forecast& forecast) {
  const Decision& decision = forecast.decision;
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

void print_text(const Forecast& forecast, const std::string& label) {
  fmt::print("{}: {}\n", label, reason_of(forecast));
  if (!forecast.after.empty())
    fmt::print("{} would run before it; what is shown here takes its last result\n", forecast.after);
  if (!forecast.decision.changes.empty()) {
    fmt::print("\nchanged since the last successful run:\n");
    for (const FieldChange& change : forecast.decision.changes) fmt::print("  {}\n", describe(change));
  }
  if (!forecast.decision.has_key) return;
  fmt::print("\nkey {}, made of:\n", forecast.decision.key.hex());
  for (const Field& field : forecast.fields)
    fmt::print("  {}{}{}\n", field.name, field.value.empty() ? "" : " = ", field.value);
}

void print_json(const Forecast& forecast, const std::string& label) {
  JsonObject document;
  document.set("version", 1);
  document.set("label", label);
  document.set("key", forecast.decision.has_key ? Json(forecast.decision.key.hex()) : Json(nullptr));
  JsonArray field_list;
  for (const Field& field : forecast.fields) {
    JsonObject object;
    object.set("name", field.name);
    object.set("value", field.value);
    field_list.emplace_back(std::move(object));
  }
  document.set("fields", std::move(field_list));
  JsonArray change_list;
  for (const FieldChange& change : forecast.decision.changes) {
    JsonObject object;
    object.set("field", change.field);
    object.set("was", change.added ? Json(nullptr) : Json(change.was));
    object.set("now", change.removed ? Json(nullptr) : Json(change.now));
    change_list.emplace_back(std::move(object));
  }
  document.set("changes", std::move(change_list));
  document.set("reason", reason_of(forecast));
  fmt::print("{}\n", write_json(Json(std::move(document)), 2));
}

}  // namespace

int why_command(const Invocation& invocation) {
  Session session;
  if (const int code = open_workspace(invocation, Workspace::State::use, session); code != 0) return code;
  const int loaded = load(invocation, session);
  print_diagnostics(session);
  if (loaded != 0) return loaded;
  std::vector<NodeId> selected;
  if (const int code = select(invocation, session, selected); code != 0) return code;
  if (selected.size() != 1) {
    std::string choices;
    for (const NodeId id : selected)
      choices += fmt::format("{}{}", choices.empty() ? "" : ", ", session.planned.graph.node(id).label);
    print_error({ErrorKind::invalid, fmt::format("`{}` means {} nodes", invocation.labels[0], selected.size()),
                 fmt::format("choose one of {}", choices)});
    return exit_usage;
  }
  const std::vector<Forecast> forecasts = forecast(*session.workspace, session.planned, selected, {});
  const Forecast& last = forecasts.back();
  const std::string& label = session.planned.graph.node(last.id).label;
  invocation.json ? print_json(last, label) : print_text(last, label);
  return exit_done;
}

}  // namespace trilock::cli
