// Answers of tools, remembered. A question (rules/rule.hpp) starts a process only when it is new, or when something
// that its answer depends on has changed. Commands that run nothing ask quietly. Thread rule: any thread; equal
// questions at once start one process.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cache/source_tree.hpp"
#include "cache/state_db.hpp"
#include "engine/environment.hpp"
#include "engine/outside.hpp"
#include "engine/process.hpp"
#include "rules/rule.hpp"

namespace trilock {

class Questions {
 public:
  Questions(SourceTree& tree, ProcessRunner& runner, const Environment& environment);

  // What earlier runs were answered.
  void remember(std::vector<StoredAnswer> answers);
  // Answers that are new since, for the caller to store. Each is given once.
  [[nodiscard]] std::vector<StoredAnswer> take_new_answers();

  // Whether what this run has seen of `Question::stat_of` may stand for how these files are now.
  enum class Look : std::uint8_t { once, again };
  Result<Answer> ask(const Question& question, Look look = Look::once);
  // From now on for a command that runs nothing: tools are started in the manner of Question::Quiet, and none that lies
  // in the workspace. What is remembered is answered as ever. To be called before the first question.
  void ask_quietly() { quiet_ = true; }
  // Removes what quiet questions left; also done at the end of the object.
  void clear_scratch() { scratch_.reset(); }
  // Whether there was a question that every run asks its tool anew.
  [[nodiscard]] bool asked_for_this_run();

 private:
  struct Known {
    Answer answer;
    std::vector<std::string> learned;
    std::string fingerprint;
    bool of_this_run = false;
  };
  Result<Answer> answer_locked(const Question& question, Look look, const FastDigest& name,
                               std::unique_lock<std::mutex>& lock);
  Result<Known> ask_tool(const Question& question, const std::string& executable);
  Status check_quiet(const Question& question, const std::string& executable) const;
  [[nodiscard]] std::vector<EnvVar> quiet_environment(const Question& question) const;
  Result<std::string> scratch_for(const std::vector<EnvVar>& env);
  std::string fingerprint(const Question& question, const std::string& executable,
                          const std::vector<std::string>& learned);

  SourceTree& tree_;
  ProcessRunner& runner_;
  const Environment& environment_;
  bool quiet_ = false;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::unordered_map<FastDigest, Known, DigestHash<FastDigest>> known_;       // guarded by mutex_
  std::unordered_map<FastDigest, bool, DigestHash<FastDigest>> being_asked_;  // guarded by mutex_
  std::vector<StoredAnswer> fresh_;                                           // guarded by mutex_
  std::optional<PrivateDirectory> scratch_;                                   // guarded by mutex_; of quiet questions
  bool asked_for_this_run_ = false;                                           // guarded by mutex_
};

}  // namespace trilock
