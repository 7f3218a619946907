// A workspace looked at once more at the end of a run, as the next run would find it.
#pragma once

#include "engine/cli/session.hpp"
#include "engine/process.hpp"
#include "engine/workspace.hpp"

namespace trilock::cli {

// A session over the same state database that has looked at nothing yet, and that starts no process. It is not loaded.
class SecondLook {
 public:
  // Waits until what was written by now is no longer young: stats tell what is written later from it. `first` outlives
  // it.
  SecondLook(Session& first, Workspace::Recall recall);

  [[nodiscard]] Session& session() { return session_; }
  // Keeps what it learned of files. False when it would have had to ask a tool what every run asks, or when nothing
  // could be kept: then what it found is not what the next run will find.
  [[nodiscard]] bool keep();

 private:
  class NoProcesses final : public ProcessRunner {
   public:
    Result<ProcessResult> run(const ProcessSpec& spec) override;
    void stop(Stop) override {}
    bool pause(std::uint64_t) override { return false; }
  };
  NoProcesses runner_;
  Session session_;
};

}  // namespace trilock::cli
