// Which files a list of patterns means. SourceTree::select, whose contract this is, is the only user.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "cache/glob.hpp"
#include "cache/source_tree.hpp"

namespace trilock {

// `name` in `dir`; "" is the workspace.
[[nodiscard]] std::string join_path(std::string_view dir, std::string_view name);

class Selection {
 public:
  Selection(SourceTree& tree, std::span<const InputPattern> patterns, std::span<const std::string> skip,
            Symlinks symlinks);
  Result<std::vector<std::string>> run();  // once

 private:
  struct Pattern {
    std::string_view text;
    bool exclude;
    bool literal;
    std::string_view prefix;  // the directory that is written out
    Glob glob;

    [[nodiscard]] bool matches(std::string_view path) const;
    [[nodiscard]] bool may_match_below(std::string_view dir) const;
    [[nodiscard]] bool matches_all_below(std::string_view dir) const;
  };

  // Where a walk begins. Behind a symlink only the patterns that wrote it out select anything.
  struct Start {
    std::string dir;
    bool behind_symlink = false;
    bool is_symlink = false;
  };

  [[nodiscard]] bool counts(const Pattern& pattern, const Start& start) const;
  [[nodiscard]] bool is_selected(std::string_view path, const Start& start) const;
  [[nodiscard]] bool is_skipped(std::string_view path) const;
  [[nodiscard]] bool is_entered(std::string_view dir, const Start& start) const;
  Status begin_literal(const Pattern& pattern);
  Status begin_glob(const Pattern& pattern);
  void add_start(std::string dir, bool is_symlink);
  Status walk(const std::string& dir, const Start& start);
  Status take(std::string path, FileType type);
  Status follow(const std::string& link);
  Status take_all_below(const std::string& dir);
  [[nodiscard]] bool is_left_out(std::string_view path) const;

  SourceTree& tree_;
  const Symlinks symlinks_;
  std::vector<Pattern> patterns_;
  std::unordered_set<std::string_view> skip_;
  std::vector<Start> starts_;
  std::unordered_set<std::string> walked_;
  std::unordered_set<std::string> taken_whole_;  // directories that symlinks lead to, by their names without any
  std::vector<std::string> selected_;
};

}  // namespace trilock
