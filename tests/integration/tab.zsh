# Types into an interactive shell on a terminal of its own, as a person does: `zsh tab.zsh SHELL SCRIPT LINE`. LINE ends
# where TAB is pressed. Prints the words that the shell would then hand to the command, each in <>, so that what counts is
# the meaning of what was inserted and not its spelling. Needs the module zsh/zpty.
zmodload zsh/zpty || exit 2
shell=$1 script=$2 line=$3

case $shell in
bash) start=(bash --noprofile --norc -i) ;;
zsh) start=(zsh -f -i) ;;
esac
zpty -b terminal env TERM=vt100 COLUMNS=500 "${start[@]}"

seen=
read_until() { # pattern
  local text tries
  for ((tries = 0; tries < 200; tries++)); do
    while zpty -r -t terminal text 2>/dev/null; do seen+=$text; done
    [[ $seen == ${~1} ]] && return 0
    sleep 0.05
  done
  print -u2 "no answer: ${(V)seen}"
  exit 1
}

zpty -w terminal 'stty cols 500 -echo'
[[ $shell == zsh ]] && zpty -w terminal 'unsetopt zle_bracketed_paste prompt_sp beep; autoload -Uz compinit; compinit -u -D; bindkey -e'
[[ $shell == bash ]] && zpty -w terminal "bind 'set enable-bracketed-paste off'; bind 'set bell-style none'"
zpty -w terminal 'show() { printf "%s" "words:"; printf "<%s>" "$@"; echo ":end"; }'
zpty -w terminal "source $script"
zpty -w terminal 'echo set-""up'
read_until '*set-up*'
seen=
zpty -w -n terminal "$line"$'\t'
# Nothing says that a completion is done: wait until the terminal is quiet.
quiet=0 before=
while ((quiet < 6)); do
  while zpty -r -t terminal text 2>/dev/null; do seen+=$text; done
  if [[ $seen == $before ]]; then quiet=$((quiet + 1)); else quiet=0; fi
  before=$seen
  sleep 0.05
done
zpty -w -n terminal $'\x01show \r'
read_until '*words:*:end*'
seen=${seen##*words:}
print -r -- "${seen%%:end*}"
zpty -d terminal
