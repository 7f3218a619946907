// Prints what an image's context holds below a directory, one path a line: for comparison with a real docker.
// Usage: dockerignore_list DIRECTORY; the rules are DIRECTORY/.dockerignore.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cache/source_tree.hpp"
#include "rules/image/context.hpp"

int main(int argc, char** argv) {
  using namespace trilock;
  if (argc != 2) return 2;
  const auto disk = make_real_disk();
  SourceTree tree(*disk, argv[1]);
  const auto rules = read_ignore_rules(tree, "no-such-dockerfile", "");
  if (!rules) return std::puts(("error: " + rules.error().message).c_str()), 1;
  const auto listing = list_context(tree, "", *rules, {}, "");
  if (!listing) return std::puts(("error: " + listing.error().message).c_str()), 1;
  for (const auto& path : listing->inputs) std::puts(path.c_str());
  return 0;
}
