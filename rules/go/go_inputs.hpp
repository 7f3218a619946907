// The files that decide what a go command does, as inputs and fields of its action.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "rules/go/go_environment.hpp"
#include "rules/go/go_modules.hpp"
#include "rules/rule.hpp"

namespace trilock {

// What is to be built or tested, as `go` is told it.
struct GoPackages {
  std::vector<std::string> patterns;  // "./...", "./cmd/api", "example.com/x"
  std::vector<std::string> flags;     // build flags, which decide what files there are: "-tags=netgo", "-race"
  GoUse use = GoUse::build;           // `test` takes in the tests of the packages
  bool reads_testdata = false;        // their testdata directories too
};

// Asks `go list` and adds what it says. Files named by flags (-modfile=, -overlay=, -pgo=) count as well. Returns what
// the process of the action needs in its environment on top of the action's.
Result<std::vector<EnvVar>> add_go_inputs(const Node& node, const GoPackages& packages, const GoModules& modules,
                                          const GoEnvironment& environment, const GoSettings& settings,
                                          ResolveContext& context, Action& action);

// go.mod, go.sum and their like, as far as they exist.
Status add_module_files(const GoModules& modules, SourceTree& tree, Action& action);

}  // namespace trilock
