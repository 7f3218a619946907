// How git is kept from starting anything. Expectations come from git itself where it can be asked: how it reads a
// configuration, which keys it has, what its index looks like.
#include "engine/git.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "engine/git_config.hpp"
#include "engine/git_index.hpp"
#include "engine/outside.hpp"
#include "tests/support/real_tools.hpp"
#include "tests/support/temporary_directory.hpp"

namespace trilock {
namespace {

using Strings = std::vector<std::string>;

// A home directory and repositories below it.
struct World {
  test::TemporaryDirectory box;
  std::string root = std::filesystem::canonical(box.path());
  std::map<std::string, std::string> variables = {
      {"HOME", root + "/home"}, {"PATH", std::getenv("PATH") == nullptr ? "/usr/bin" : std::getenv("PATH")}};

  World() { std::filesystem::create_directories(root + "/home"); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((std::filesystem::path(root) / path).parent_path());
    std::ofstream(root + "/" + path, std::ios::binary) << text;
  }
  Answer git(const std::string& dir, Strings arguments) const {
    arguments.insert(arguments.begin(), {"git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c",
                                         "protocol.file.allow=always"});
    return test::run_tool(
        arguments, root + "/" + dir,
        {{"HOME", root + "/home", EnvClass::declared}, {"GIT_CONFIG_NOSYSTEM", "1", EnvClass::declared}});
  }
  void repository(const std::string& dir) const {
    std::filesystem::create_directories(root + "/" + dir);
    REQUIRE(git(dir, {"init", "-q", "-b", "main"}).exit_code == 0);
    write(dir + "/f", "one\n");
    REQUIRE(git(dir, {"add", "-A"}).exit_code == 0);
    REQUIRE(git(dir, {"commit", "-q", "-m", "one"}).exit_code == 0);
  }
  [[nodiscard]] Result<Git> find(const std::string& dir, Git::Reach reach = Git::Reach::repository) const {
    return Git::find(dir.empty() ? root : root + "/" + dir, Environment(variables), reach);
  }
  // As a process of trilock runs it.
  [[nodiscard]] Answer run(const Git& git, Strings arguments) const {
    Git::Command command = git.command(std::move(arguments));
    command.argv[0] = command.executable;
    command.env.push_back({"HOME", root + "/home", EnvClass::declared});
    return test::run_tool(command.argv, command.dir, command.env);
  }
};

bool is_off(const Git& git, const std::string& setting) {
  return std::ranges::count(git.command({"status"}).argv, setting) == 1;
}

}  // namespace

TEST_CASE("git's configuration is read as git reads it") {
  const World world;
  const char* const texts[] = {
      "[core]\n\tfsmonitor = \"echo ran >>f; false\"\n  bare=false # no\n",
      "[CORE]\nHooksPath=/h ; no\n[filter \"A b.C\\\"d\\\\\"] Clean = x\n[branch.Main]\nremote = o\n",
      ("\xEF\xBB\xBF[a]b\n[a] c = d e\t \n e = \" f \" g\n h = i\\\n  j\n k = \"l\\n\\t\\\"\\\\\"\n m = a\"b c\"d\n"
       " n =\n"),
      "[a]\r\nb = c\r\nd = e\\\r\nf\r\n\r\n# x\r\n[g \"\"]\r\nh = i;j",
      "before = any\n[a]\nb = 'c # d'\n[a \"x.y\"]\nc-d1 = true\n[a]\nb = again\n",
      "[alias]\n\n  ; c\n#d\nx = !echo [b]\n[remote \"r\"]\n\turl = ext::sh -c 'x y'\n",
  };
  for (const std::string text : texts) {
    CAPTURE(text);
    world.write("config", text);
    const Answer told = world.git("", {"config", "--file", world.root + "/config", "--list", "-z"});
    REQUIRE(told.exit_code == 0);
    std::string expected;
    std::istringstream entries(told.out);
    for (std::string entry; std::getline(entries, entry, '\0');) expected += entry + "|";
    const auto settings = parse_git_config(text, "config");
    REQUIRE(settings);
    std::string found;
    // Git writes a key without `=` without a line.
    for (const GitSetting& setting : *settings)
      found += setting.key + (expected.contains(setting.key + "|") ? "" : "\n" + setting.value) + "|";
    CHECK(found == expected);
  }
  for (const std::string text : {"= b\n", "[a\n", "[a]\nb c\n", "[a \"b\nc\"]\nd = e\n", "[a]\nb = \"c\n",
                                 "[a b]\nc = d\n", "[a]\nb = \\x\n", "[a]\n_ = 1\n"}) {
    CAPTURE(text);
    world.write("config", text);
    CHECK(world.git("", {"config", "--file", world.root + "/config", "--list"}).exit_code != 0);
    const auto settings = parse_git_config(text, "config");
    REQUIRE_FALSE(settings);
    CHECK(settings.error().message.starts_with("cannot read `config`: bad line "));
  }
}

TEST_CASE("git's configuration: includes are followed, whatever their condition") {
  const World world;
  world.write("config", "[include]\npath = more/one\n[includeIf \"onbranch:other\"]\npath = " + world.root + "/two\n");
  world.write("more/one", "[include]\npath = three\npath = none\n[filter \"one\"]\nclean = x\n");
  world.write("more/three", "[filter \"three\"]\nclean = x\n[include]\npath = ~/four\n");
  world.write("two", "[filter \"two\"]\nclean = x\n");
  world.write("home/four", "[core]\nfsmonitor = y\n");
  std::vector<GitSetting> settings;
  REQUIRE(read_git_config(world.root + "/config", world.root + "/home", settings));
  std::set<std::string> keys;
  for (const GitSetting& setting : settings) keys.insert(setting.key);
  for (const char* const key : {"filter.one.clean", "filter.two.clean", "filter.three.clean", "core.fsmonitor"})
    CHECK(keys.contains(key));

  const auto fault = [&](const std::string& text) {
    world.write("config", text);
    std::vector<GitSetting> none;
    const Status read = read_git_config(world.root + "/config", world.root + "/home", none);
    return read ? std::string() : read.error().message;
  };
  const std::string file = "` of `" + world.root + "/config` cannot be followed";
  CHECK(fault("[include]\npath = ~other/x\n") == "`include.path" + file);
  CHECK(fault("[includeIf \"gitdir:/\"]\npath = %(prefix)/x\n") == "`includeif.gitdir:/.path" + file);
  CHECK(fault("[include]\npath = config\n") == "`include.path" + file);  // in a circle
  REQUIRE(::mkfifo((world.root + "/fifo").c_str(), 0600) == 0);
  CHECK(fault("[include]\npath = fifo\n") == "`" + world.root + "/fifo` is no regular file");
  CHECK(fault("[include]\npath = none\n").empty());
}

TEST_CASE("git: every key of git that names a program is switched off") {
  const World world;
  const Answer told = world.git("", {"help", "--config"});
  REQUIRE(told.exit_code == 0);
  // What ends like a program's name, and names none, or one of commands that trilock does not ask.
  const std::set<std::string> none = {"add.interactive.usebuiltin", "commit.cleanup", "clean.requireforce"};
  const auto names_program = [](const std::string& name) {
    for (const char* const word :
         {"command",  "cmd",        "program",     "helper", "pager",      "editor",    "external",
          "textconv", "driver",     "process",     "smudge", "hook",       "hookspath", "fsmonitor",
          "askpass",  "uploadpack", "receivepack", "vcs",    "difffilter", "gitproxy"})
      if (name.ends_with(word)) return true;
    return name == "clean" || name == "tool";
  };
  std::istringstream lines(told.out);
  std::size_t count = 0;
  for (std::string key; std::getline(lines, key);) {
    std::ranges::transform(key, key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool is_key = key.contains('.') && !key.contains(' ');
    if (!is_key || none.contains(key) || !names_program(key.substr(key.rfind('.') + 1))) continue;
    CAPTURE(key);
    CHECK(git_program_off(key).has_value());
    ++count;
  }
  CHECK(count > 30);
  CHECK(git_program_off("core.fsmonitor") == "false");
  CHECK(git_program_off("core.hookspath") == "/dev/null");
  CHECK(git_program_off("filter.a.b.process") == "");
  CHECK(git_program_off("filter.a.required") == "false");
  CHECK(git_program_off("protocol.ext.allow") == "never");
  CHECK(git_program_off("hook.x.command") == "");
  CHECK(git_program_off("pager.log") == "false");
  for (const char* const key : {"core.bare", "core.autocrlf", "user.name", "remote.origin.url", "branch.main.merge",
                                "extensions.worktreeconfig", "core.excludesfile", "alias.x", "safe.directory"})
    CHECK_FALSE(git_program_off(key));
}

TEST_CASE("git: submodules of an index, in each of its versions") {
  const World world;
  world.repository("library");
  world.repository("top");
  world.write("top/a/long/way/to/a/file", "x\n");
  world.write("top/intended", "x\n");
  REQUIRE(world.git("top", {"submodule", "-q", "add", world.root + "/library", "deep/lib"}).exit_code == 0);
  REQUIRE(world.git("top", {"add", "a"}).exit_code == 0);
  REQUIRE(world.git("top", {"add", "-N", "intended"}).exit_code == 0);  // flags of version 3
  for (const char* const version : {"2", "4"}) {
    REQUIRE(world.git("top", {"update-index", "--index-version", version}).exit_code == 0);
    const std::string index = test::read_whole(world.root + "/top/.git/index");
    CHECK(index.at(7) == (*version == '2' ? 3 : 4));
    CHECK(submodules_in_index(index, 20).value() == Strings{"deep/lib"});
    CHECK_FALSE(submodules_in_index(std::string_view(index).substr(0, 100), 20));
  }
  CHECK_FALSE(submodules_in_index("", 20));
  CHECK_FALSE(submodules_in_index(std::string("DIRC\0\0\0\5\0\0\0\0", 12), 20));
  CHECK(submodules_in_index(std::string("DIRC\0\0\0\2\0\0\0\0", 12) + std::string(20, 'x'), 20).value().empty());
}

TEST_CASE("git: the nearest repository, and no bare one among the files") {
  const World world;
  world.repository("top");
  std::filesystem::create_directories(world.root + "/top/a/b");
  // A bare repository among the files, as a clone can have one.
  for (const char* const part : {"HEAD", "objects", "refs"})
    std::filesystem::copy(world.root + "/top/.git/" + part, world.root + "/top/a/" + part,
                          std::filesystem::copy_options::recursive);
  world.write("top/a/config", "[core]\nfsmonitor = touch ran\n");
  const Git found = world.find("top/a/b").value();
  CHECK(found.top() == world.root + "/top");
  CHECK(found.directory() == world.root + "/top/.git");
  CHECK(found.command({"status"}).dir == world.root + "/top");

  std::filesystem::create_directories(world.root + "/top/a/b/.git");  // no repository: git goes on above
  CHECK(world.find("top/a/b")->top() == world.root + "/top");
  REQUIRE(world.git("top", {"worktree", "add", "-q", "../other"}).exit_code == 0);
  const Git other = world.find("other").value();
  CHECK(other.top() == world.root + "/other");
  CHECK(other.directory() == world.root + "/top/.git/worktrees/other");
  CHECK(world.run(other, {"symbolic-ref", "--short", "HEAD"}).out == "other\n");

  CHECK(world.find("").error().kind == ErrorKind::not_found);
  world.write("bad/.git", "gitdir: /nowhere\n");
  CHECK(world.find("bad").error().message.contains("which is no repository"));
  world.write("bad/.git", "whatever\n");
  CHECK(world.find("bad").error().message.contains("does not say where its repository is"));
}

TEST_CASE("git: what the settings name is off, in included files, work trees and submodules too") {
  const World world;
  world.repository("library");
  world.repository("top");
  REQUIRE(world.git("top", {"submodule", "-q", "add", world.root + "/library", "lib"}).exit_code == 0);
  REQUIRE(world.git("top", {"commit", "-q", "-m", "submodule"}).exit_code == 0);
  world.write("home/.gitconfig", "[filter \"lfs\"]\nclean = git-lfs clean\nrequired = true\n");
  world.write("home/.config/git/config", "[diff \"pdf\"]\ntextconv = pdftotext\n");
  world.write("top/more", "[filter \"more\"]\nprocess = touch ran\n");
  REQUIRE(world.git("top", {"config", "includeIf.gitdir:/.path", "../more"}).exit_code == 0);
  REQUIRE(world.git("top", {"config", "remote.o.uploadpack", "touch ran"}).exit_code == 0);
  world.write("top/.git/config.worktree", "[filter \"tree\"]\nsmudge = touch ran\n");
  REQUIRE(world.git("top/lib", {"config", "filter.inner.clean", "touch ran"}).exit_code == 0);

  const Git git = world.find("top", Git::Reach::submodules).value();
  for (const char* const setting : {"core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never",
                                    "filter.lfs.clean=", "filter.lfs.required=false",
                                    "diff.pdf.textconv=", "filter.more.process=", "filter.more.required=false",
                                    "remote.o.uploadpack=", "filter.tree.smudge=", "filter.inner.clean="}) {
    CAPTURE(setting);
    CHECK(is_off(git, setting));
  }
  CHECK_FALSE(is_off(world.find("top").value(), "filter.inner.clean="));  // such commands do not look there

  REQUIRE(world.git("top", {"config", "filter.a=b.clean", "touch ran"}).exit_code == 0);
  const Result<Git> refused = world.find("top");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message ==
        "`filter.a=b.clean` of `" + world.root +
            "/top/.git/config` names a program that git would run, and cannot be switched off");
  CHECK(refused.error().help ==
        "remove it: `git config --file " + world.root + "/top/.git/config --unset 'filter.a=b.clean'`");
}

TEST_CASE("git: nothing runs and nothing is written") {
  const World world;
  world.repository("top");
  REQUIRE(world.git("top", {"tag", "v1"}).exit_code == 0);
  const std::string ran = "echo ran >>" + world.root + "/ran; cat";
  world.write("top/.gitattributes", "* filter=x\n");
  REQUIRE(world.git("top", {"add", "-A"}).exit_code == 0);
  REQUIRE(world.git("top", {"commit", "-q", "-m", "attributes"}).exit_code == 0);
  for (const char* const key : {"core.fsmonitor", "filter.x.clean", "filter.x.smudge"})
    REQUIRE(world.git("top", {"config", key, ran}).exit_code == 0);
  world.write("top/.git/hooks/post-index-change", "#!/bin/sh\necho ran >>" + world.root + "/ran\n");
  std::filesystem::permissions(world.root + "/top/.git/hooks/post-index-change", std::filesystem::perms::all);
  std::filesystem::last_write_time(world.root + "/top/f", std::filesystem::file_time_type::clock::now());
  const Git git = world.find("top", Git::Reach::submodules).value();
  const std::unique_ptr<Disk> disk = make_real_disk();
  const Environment environment(world.variables);
  const std::string before = test::read_whole(world.root + "/top/.git/index");
  std::string copied;
  {
    const GitIndexCopy index = GitIndexCopy::of(git, *disk, environment).value();
    copied = index.file();
    Git::Command command = git.command({"describe", "--tags", "--always", "--dirty"}, copied);
    const Answer answer = test::run_tool(command.argv, command.dir, command.env);
    CHECK(answer.exit_code == 0);
    CHECK(answer.out.starts_with("v1-1-g"));
    CHECK_FALSE(answer.out.ends_with("-dirty\n"));
  }
  CHECK_FALSE(std::filesystem::exists(copied));
  CHECK(test::read_whole(world.root + "/top/.git/index") == before);
  CHECK_FALSE(std::filesystem::exists(world.root + "/ran"));
  // The same without all this, so that the test can fail.
  static_cast<void>(world.git("top", {"describe", "--always", "--dirty"}));
  CHECK(std::filesystem::exists(world.root + "/ran"));
}

TEST_CASE("git: an object that is missing is not fetched") {
  const World world;
  world.repository("top");
  const std::string missing = "1234567890123456789012345678901234567890";
  const std::string url = "ext::sh -c echo% ran% >>" + world.root + "/ran";
  for (const auto& [key, value] : std::map<std::string, std::string>{{"core.repositoryFormatVersion", "1"},
                                                                     {"extensions.partialClone", "origin"},
                                                                     {"remote.origin.promisor", "true"},
                                                                     {"remote.origin.url", url},
                                                                     {"protocol.ext.allow", "always"}})
    REQUIRE(world.git("top", {"config", key, value}).exit_code == 0);
  const Git git = world.find("top").value();
  CHECK(world.run(git, {"cat-file", "-e", missing}).exit_code != 0);
  CHECK_FALSE(std::filesystem::exists(world.root + "/ran"));
  static_cast<void>(world.git("top", {"cat-file", "-e", missing}));
  CHECK(std::filesystem::exists(world.root + "/ran"));
}

TEST_CASE("programs and folders outside of the workspace") {
  const World world;
  std::filesystem::create_directories(world.root + "/ws/bin");
  std::filesystem::create_directories(world.root + "/out");
  std::filesystem::create_symlink(world.root + "/ws/bin", world.root + "/link-in");
  std::filesystem::create_symlink(world.root + "/out", world.root + "/ws/link-out");
  const std::string ws = world.root + "/ws";
  CHECK(is_outside(world.root + "/out", ws));
  CHECK(is_outside(world.root + "/ws-other", ws));
  for (const std::string path : {"/ws", "/ws/bin", "/link-in", "/ws/link-out", "/out/../ws/bin", "/ws/none/x"}) {
    CAPTURE(path);
    CHECK_FALSE(is_outside(world.root + path, ws));
  }
  const std::string path =
      ".::bin:/usr/bin:" + ws + "/bin:" + world.root + "/link-in:" + world.root + "/out:" + ws + "/link-out";
  CHECK(path_outside(path, {ws}) == "/usr/bin:" + world.root + "/out");
  CHECK(path_outside("", {ws}).empty());
}

}  // namespace trilock
