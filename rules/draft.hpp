// A draft: the first pipeline of a folder, as `trilock init` writes it. Each rule looks for what it could build and
// adds nodes; the engine writes them down and sees to it that they load. Nothing is run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/source_tree.hpp"

namespace trilock {

// Something of the folder and what there is to say of it: ("go.mod", "module example.com/app, go 1.22").
struct DraftRemark {
  std::string path;
  std::string text;
};

// The files of a workspace, listed once. Passed over: `.git`, `.trilock`, `vendor`, `node_modules`, `testdata`, folders
// that begin with a dot (but for `.devcontainer`) and folders with a pipeline of their own.
struct Folder {
  SourceTree& tree;
  std::vector<std::string> files;     // files and symlinks, relative to the workspace, sorted
  std::vector<DraftRemark> left_out;  // folders that cannot be read or that have a pipeline of their own
  [[nodiscard]] bool has(std::string_view path) const;
  // The text of a file. Error: it is no regular file, too large to be written by a person, unreadable, or no UTF-8.
  [[nodiscard]] Result<std::string> read(const std::string& path) const;
};

[[nodiscard]] Folder list_folder(SourceTree& tree);

struct DraftKey {
  std::string name;
  std::string value;        // in TOML
  std::string comment;      // what stands behind it; "" for nothing
  bool switched_on = true;  // else it is written as `#name = value`
};

struct DraftNode {
  std::string rule;
  std::string name;
  std::vector<std::string> comments;  // lines above the table
  std::vector<DraftKey> keys;
  std::vector<std::string> tables;  // lines of tables below it: "[devcontainer.dev.config]"
  bool switched_on = true;          // else every line is written behind `#`

  [[nodiscard]] std::string label() const { return rule + "." + name; }
  [[nodiscard]] const DraftKey* key(std::string_view wanted) const;
  void set(std::string key, std::string value, std::string comment = {});      // in the place of one of that name
  void suggest(std::string key, std::string value, std::string comment = {});  // switched off
};

struct Draft {
  std::string project;                                    // a name, from the folder
  std::vector<std::pair<std::string, std::string>> vars;  // name and value in TOML
  std::vector<DraftNode> nodes;
  std::vector<std::string> outputs;  // what they write, relative to the workspace
  std::vector<DraftRemark> found;
  std::vector<DraftRemark> left_out;

  // Adds a node of that name, or of the next one that is free: "dev", "dev-2". The reference is good until the next.
  DraftNode& add(std::string_view rule, std::string_view name);
  void declare(std::string_view name, std::string_view value);  // a variable, once
  [[nodiscard]] const DraftNode* node(std::string_view label) const;
};

// --- words of TOML and of the pipeline language ---

// As a string of a pipeline that means just this text: `${` is escaped too. The text must be UTF-8.
[[nodiscard]] std::string toml_text(std::string_view text);
[[nodiscard]] std::string toml_list(const std::vector<std::string>& texts);
// The same for text that holds references.
[[nodiscard]] std::string toml_reference(std::string_view text);
[[nodiscard]] std::string toml_key(std::string_view key);  // bare where it can be

// A name for a node that resembles the text: "my app/Ünit" -> "my-app-nit"; `fallback` when nothing is left of it.
[[nodiscard]] std::string valid_name(std::string_view text, std::string_view fallback);

// --- paths ---
[[nodiscard]] std::string parent_path(std::string_view path);                // "a/b" -> "a"; "" at the top
[[nodiscard]] std::string_view file_name(std::string_view path);             // "a/b" -> "b"
[[nodiscard]] bool lies_below(std::string_view path, std::string_view dir);  // "" is above everything

}  // namespace trilock
