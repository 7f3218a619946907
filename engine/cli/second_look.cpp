#include "engine/cli/second_look.hpp"

#include <memory>

namespace trilock::cli {

Result<ProcessResult> SecondLook::NoProcesses::run(const ProcessSpec&) {
  return fail(ErrorKind::tool_failed, "nothing is started");
}

SecondLook::SecondLook(Session& first, Workspace::Recall recall) {
  Workspace& workspace = *first.workspace;
  workspace.disk().wait_for_clock(workspace.disk().latest_stamp_ns());
  session_.pipeline_path = first.pipeline_path;
  session_.workspace = std::make_unique<Workspace>(workspace.root(), workspace.place(), Environment::of_process(),
                                                   workspace.disk(), workspace.db(), runner_, recall);
  session_.workspace->tree().keep_account();
}

bool SecondLook::keep() {
  return !session_.workspace->questions().asked_for_this_run() && session_.workspace->save();
}

}  // namespace trilock::cli
