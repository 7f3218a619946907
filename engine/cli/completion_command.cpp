// The scripts know nothing of trilock but how their shell asks and how it is answered; what can be completed is worked
// out by `trilock __complete` (engine/cli/completion.hpp), so a script never lags behind the tool.
#include <fmt/format.h>

#include <cstdio>

#include "engine/cli/completion.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "rules/rule.hpp"

namespace trilock::cli {
namespace {

// Bash breaks the line into words at `=` and `:` too (COMP_WORDBREAKS), which labels hold, and replaces only the part
// behind the last of them. The words are put together again for the question, and the answer is cut in the same way.
constexpr std::string_view bash_script = R"script(# bash completion of trilock: source <(trilock completion bash)
_trilock() {
  local line=${COMP_LINE:0:COMP_POINT} words=() i piece rest
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    if [[ -z $COMP_LINE ]]; then
      words+=("$piece")
      continue
    fi
    rest=${line#"${line%%[![:space:]]*}"}
    ((i < COMP_CWORD)) || piece=$rest
    if [[ $i == 0 || $rest != "$line" ]]; then words+=("$piece"); else words[-1]+=$piece; fi
    line=${rest#"$piece"}
  done

  local raw=${words[-1]} quote= partial
  case $raw in
  \'* | \"*) quote=${raw:0:1} partial=${raw:1} ;;
  *) partial=${raw//\\/} ;;
  esac
  words[-1]=$partial
  for ((i = 0; i < ${#words[@]} - 1; i++)); do words[i]=${words[i]//[\\\'\"]/}; done
  words[0]=${words[0]/#\~\//$HOME/}

  local breaks= character value description text
  for character in = : @; do
    [[ $COMP_WORDBREAKS != *"$character"* ]] || breaks+=$character
  done
  local tail=${COMP_WORDS[COMP_CWORD]}
  [[ -z ${tail//["${breaks:-=}"]/} ]] && tail=
  local cuts=${raw%"$tail"}
  cuts=${cuts//[!"${breaks:-=}"]/}
  [[ -z $quote && -n $breaks ]] || cuts=

  COMPREPLY=()
  while IFS=$'\t' read -r value description; do
    case $value in
    :files | :directories)
      compopt -o filenames 2>/dev/null
      local kind=-f
      [[ $value == :files ]] || kind=-d
      mapfile -t COMPREPLY < <(compgen "$kind" -- "${partial#--*=}")
      return
      ;;
    "$partial"*)
      text=$value
      # What is put on the line is read by the shell again, which must take nothing of it for its own.
      case $quote in
      \") text=${text//\\/\\\\} text=${text//\"/\\\"} text=${text//\$/\\\$} text=${text//\`/\\\`} ;;
      \') text=${text//\'/\'\\\'\'} ;;
      *) printf -v text %q "$value" ;;
      esac
      for ((i = 0; i < ${#cuts}; i++)); do text=${text#*["$breaks"]}; done
      COMPREPLY+=("$text")
      ;;
    esac
  done < <("${words[@]:0:1}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _trilock trilock
)script";

constexpr std::string_view zsh_script = R"script(#compdef trilock
# zsh completion of trilock: source <(trilock completion zsh), or a file _trilock in a folder of $fpath
_trilock() {
  local line value
  local -a described
  for line in "${(@f)$("${(Q)words[1]/#\~\//$HOME/}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    value=${line%%$'\t'*}
    case $value in
    '') ;;
    :files) compset -P '--*='; _files; return ;;
    :directories) compset -P '--*='; _files -/; return ;;
    *) described+=("${value//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  (( $#described )) && _describe -t trilock trilock described
}
if [[ $funcstack[1] == _trilock ]]; then
  _trilock "$@"
else
  compdef _trilock trilock
fi
)script";

constexpr std::string_view fish_script = R"script(# fish completion of trilock: trilock completion fish | source
function __trilock_complete
    set -l words (commandline -opc)
    set -l partial (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] "$partial" 2>/dev/null)
        switch $line
            case ':files*'
                __fish_complete_path (string replace -r -- '^--[^=]*=' '' "$partial")
            case ':directories*'
                __fish_complete_directories (string replace -r -- '^--[^=]*=' '' "$partial") ''
            case '*'
                echo $line
        end
    end
end
complete -c trilock -f -a '(__trilock_complete)'
)script";

// Read without planning: labels are known once the file is expanded, and a pipeline with mistakes has some too.
std::vector<Completions::Candidate> labels_of(const Invocation& invocation) {
  std::vector<Completions::Candidate> labels;
  Session session;
  if (open_workspace(invocation, Workspace::State::use, session) != exit_done) return labels;
  read_load_options(invocation, session);
  WorkspaceWorld world(*session.workspace);
  const std::vector<RuleKeys> rules = rule_keys();
  const Pipeline pipeline = load_pipeline(session.load_options, rules, world, session.sources, session.diagnostics);
  hide_secrets(pipeline, session.workspace->environment());
  for (const Target& target : pipeline.targets) {
    const Config* description = target.table.find("description");
    const std::string text =
        description != nullptr && description->text() != nullptr ? description->text()->literal : "";
    const std::string table(target.title());
    if (table != target.label && (labels.empty() || !labels.back().value.starts_with(table + "[")))
      labels.push_back({table, text});
    labels.push_back({target.label, text});
  }
  return labels;
}

}  // namespace

int completion_command(const Invocation& invocation) {
  const std::string& shell = invocation.labels.front();
  const std::string_view script = shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script;
  write_out(script);
  return exit_done;
}

int complete_command(const Invocation& invocation) {
  const Completions found = complete(invocation.labels, labels_of);
  for (const auto& [value, description] : found.candidates)
    print_out("{}\t{}\n", value, description.substr(0, description.find_first_of("\t\n")));
  if (found.paths == Completions::Paths::files) print_out(":files\t\n");
  if (found.paths == Completions::Paths::directories) print_out(":directories\t\n");
  return exit_done;
}

}  // namespace trilock::cli
