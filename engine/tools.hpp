// The executables that actions start, as they count for a key: by content, whatever the path. A script stands for its
// interpreter too, and `#!/usr/bin/env NAME` for the NAME that is found in PATH.
//
// What a name means, and the content of what lies outside the workspace, is looked up once a run: a run starts the
// same few programs over and over. Thread rule: any thread.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/source_tree.hpp"
#include "cache/state_db.hpp"
#include "schemas/action.hpp"

namespace trilock {

class Tools {
 public:
  explicit Tools(SourceTree& tree) : tree_(tree) {}

  // Which interpreters scripts name was learned in earlier runs, so that nothing is read when nothing changed. Answers
  // to other questions are passed over.
  void remember(const std::vector<StoredAnswer>& answers);
  [[nodiscard]] std::vector<StoredAnswer> take_new_answers();  // each is given once

  // The first executable of that name in `path_variable`; ErrorKind::tool_missing when there is none. `name` has no
  // slash.
  Result<Tool> find(const std::string& name, const std::string& path_variable);

  // The interpreter of the script at `path` (absolute), and the interpreter of that one, as far as they are scripts
  // and are there. Named "sh of lint". Empty for a program that the machine runs itself.
  std::vector<Tool> interpreters(const std::string& name, const std::string& path, const std::string& path_variable);

 private:
  std::string first_line(const std::string& path);
  Result<Tool> identify(const std::string& name, std::string path);

  SourceTree& tree_;
  std::mutex mutex_;
  std::unordered_map<std::string, Tool> found_;                                     // by name and PATH; guarded
  std::unordered_map<std::string, std::vector<Tool>> interpreters_;                 // by path and PATH; guarded
  std::unordered_map<FastDigest, std::string, DigestHash<FastDigest>> of_content_;  // "" for no script; guarded
  std::vector<StoredAnswer> fresh_;                                                 // guarded
};

}  // namespace trilock
