// Which programs a script starts, by its text. What is expected is what POSIX says of the text.
#include "rules/command/shell_programs.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace trilock;

namespace {

std::string of(std::string_view script) {
  return fmt::format("{}", fmt::join(programs_of_script(script), " "));
}

std::string of_command(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(programs_of_command(words), " "));
}

}  // namespace

TEST_CASE("shell: the first word of each command") {
  CHECK(of("a x\nb; c & d && e || f | g |& h\n\n") == "a b c d e f g h");
  CHECK(of("a # b\n#c\n  d#e") == "a d#e");
  CHECK(of("a \\\n  b\n\\\nc") == "a c");
  CHECK(of("a; a; a x") == "a");
  CHECK(of("(a; b) ; { c; d; }\n! e") == "a b c d e");
  CHECK(of("/opt/x/a; ./b; c/d") == "/opt/x/a ./b c/d");
}

TEST_CASE("shell: assignments and redirections come before a command, too") {
  CHECK(of("X=1 Y='a b' a x") == "a");
  CHECK(of("X=1\nX+=2; X[1]=3") == "");
  CHECK(of("X=(b c d) ; a") == "a");
  CHECK(of(">out a <in 2>&1 | >x 2>/dev/null b &>c") == "a b");
  CHECK(of("a <<<b; c >|d; e 3<&-") == "a c e");
}

TEST_CASE("shell: compound commands") {
  CHECK(of("if a; then b; elif c; then d; else e; fi >x | f") == "a b c d e f");
  CHECK(of("while a; do b; done <c; until d\ndo\ne\ndone") == "a b d e");
  CHECK(of("for x in a b $(c) d; do e; done; for y do f; done\nfor z\ndo g; done") == "c e f g");
  CHECK(of("for ((i = 0; i < 3; i++)); do a; done; ((i > 1)) && b; (( x )); c") == "a b c");
  CHECK(of("case $x in a|b) c ;; (d) e ;& *) if f; then g; fi ;; esac; h") == "c e f g h");
  CHECK(of("case x in\n a)\n b\n ;;\nesac\nc") == "b c");
  CHECK(of("[[ a && b || ( c < d ) ]] && e; [ f ] && g") == "e g");
  CHECK(of("time -p a; time b; ! c") == "a b c");
}

TEST_CASE("shell: functions of the script are no programs, what they start is") {
  CHECK(of("f() { a; }\nf x; g () ( b )\ng; function h { c; }; h; function k() { d; }; k") == "a b c d");
  CHECK(of("f x\nf() { a; }") == "a");
}

TEST_CASE("shell: substitutions, however they are nested") {
  CHECK(of("x=$(a | b) y=`c` d \"$(e \"$(f)\")\" '$(g)' \"\\$(h)\"") == "a b c f e d");
  CHECK(of("a $((1 + (2 * 3))) $( (b) ) ${x:-$(c)} \"${y:-'}'}\" d") == "b c a");
  CHECK(of("a <(b) >(c | d)") == "b c d a");
  CHECK(of("a `b \\`c\\``") == "c b a");
}

TEST_CASE("shell: words that are known only when they are expanded are not named") {
  CHECK(of("$CC x; \"$X\"/a; ${Y} b; `c` d; ~/e; f*g") == "c");
  CHECK(of("'a' x; \"b\"; c'd'\"e\"; \\f") == "a b cde f");
}

TEST_CASE("shell: here-documents and quoted text are data") {
  CHECK(of("a <<END\nb\n$(c)\nEND\nd <<-'E F' | e\n\tf\n\tE F\ng") == "a d e g");
  CHECK(of("x=$(a <<E\nb; c)\nE\n)\nd") == "a d");
  CHECK(of("a 'b\nc' \"d\ne\" $'f\\'\ng'\nh") == "a h");
}

TEST_CASE("shell: what is builtin is no program; what starts a program leads to it") {
  CHECK(of("cd x; echo y; set -e; export A=1; test -f z || exit; [ a ]; : ; . ./lib; true; printf x") == "");
  CHECK(of("exec a; command b; env -i -u X A=1 c; exec -a name d; exec >log; command -v e") == "a b env c d");
  CHECK(of("nice -n 5 a; timeout -k 5 10 b; nohup c; find . -exec d {} \\; -o -exec sh -c 'k' +; f | xargs -0 -n 1 g "
           "-x") == "nice a timeout b nohup c find d sh k f xargs g");
  CHECK(of("sh -c 'a; b'; bash -euo pipefail -c \"c\" d; eval 'e f'; trap 'g' EXIT; sh ./script") ==
        "sh a b bash c e g");
}

TEST_CASE("shell: a command that is started directly") {
  CHECK(of_command({"a", "b"}) == "a");
  CHECK(of_command({"sh", "-euc", "a | b"}) == "sh a b");
  CHECK(of_command({"bash", "--norc", "-o", "pipefail", "-c", "a", "b"}) == "bash a");
  CHECK(of_command({"env", "X=1", "dash", "-c", "a"}) == "env dash a");
  CHECK(of_command({}) == "");
}

TEST_CASE("shell: any text is read to its end") {
  for (const std::string_view part :
       {"(",      ")",           "((",    "$(",         "$((",  "`",   "\"", "'",    "${",  "$'",
        "<<",     "<(",          "case ", "case x in ", "for ", "[[ ", "\\", "f() ", "X=(", "env ",
        "xargs ", "find -exec ", "eval ", "sh -c ",     "{ ",   "&",   ";;", "|",    "$",   "2>"}) {
    std::string text;
    for (int i = 0; i < 30000; ++i) text += part;
    static_cast<void>(programs_of_script(text));
    static_cast<void>(programs_of_script("a " + text + " b\nc"));
    static_cast<void>(programs_of_script("x=$(" + text));
  }
  CHECK(of("a") == "a");
}
