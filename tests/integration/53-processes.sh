#!/usr/bin/env bash
# What a node leaves behind, however it hides it; what a forged journal can do, which is nothing; and old outputs, which
# outlive a kill at any system call. What can end processes runs as the first process of a PID namespace.
. "$(dirname "$0")/lib.sh"
kill_at=$root/build/tests/support/kill_at
mkdir -p "$work/w" && cd "$work/w" || exit

# Runs `$work/inside`, a script of bash, as the first process of a PID namespace, where there is nobody but its shell.
# It has a cgroup of its own where that is possible, and with `bare` it sees none.
space=(unshare -mpf --kill-child --mount-proc)
"${space[@]}" true 2>/dev/null || space=(unshare -rmpf --kill-child --mount-proc)
can_be_apart=$("${space[@]}" true 2>/dev/null && echo yes)
cgroup_mount=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
apart() { # [bare]
  [ "$can_be_apart" = yes ] || return 77
  local code
  rm -rf "$XDG_CACHE_HOME"
  own_cgroup=$cgroup_mount/test-trilock-$$
  mkdir "$own_cgroup" 2>/dev/null || own_cgroup=
  OUTSIDE=$(readlink /proc/self/ns/pid) TRILOCK=$TRILOCK CGROUP=$own_cgroup timeout -k 5 120 "${space[@]}" bash -c '
    [ $$ = 1 ] && [ -n "$OUTSIDE" ] && [ "$(readlink /proc/self/ns/pid)" != "$OUTSIDE" ] || exit 77
    alive() { [ -e "/proc/$1" ] && ! grep -q "^State:.[ZX]" "/proc/$1/status" 2>/dev/null; }
    { echo $$ >"$CGROUP/cgroup.procs"; } 2>/dev/null || CGROUP=
    [ "$1" != bare ] || { mount -t tmpfs none /sys/fs/cgroup && CGROUP= || exit 77; }
    cgroups() { [ -z "$CGROUP" ] || find "$CGROUP" -mindepth 1 -type d; }
    . "$0"' "$work/inside" "${1:-}"
  code=$?
  [ -z "$own_cgroup" ] || wait_for 10 rmdir "$own_cgroup"
  return $code
}
skip() { # what
  skipped=$((skipped + 1))
  echo "skip - $1"
}
# The lines that a script inside wrote to `$work/found` are findings: "what|expected|found".
report() { # what
  local what expected found lines=0
  while IFS='|' read -r what expected found; do
    lines=$((lines + 1))
    expect_equal "$1: $what" "$expected" "$found"
  done <"$work/found"
  [ $lines -gt 0 ] || fail "$1: the script inside came to an end" "$(cat "$work/inside.log")"
  rm -f "$work/found"
}

# --- processes that hide ---
cat >trilock.toml <<'TOML'
[command.hides]
# A shell that has `ulimit -x`; each process says who it is, and lives longer than the test.
script = '''
in_file() { "$@" >/dev/null 2>&1 </dev/null & echo $! >pids/$name; }
name=raised; bash -c 'ulimit -x unlimited; echo $$ >pids/raised; exec setsid sleep 600' >/dev/null 2>&1 </dev/null &
bash -c '(ulimit -x unlimited; (setsid nohup bash -c "echo \$\$ >pids/twice; exec -a sleeper sleep 600" &) &)' >/dev/null 2>&1 </dev/null
bash -c 'ulimit -S -x 12345; echo $$ >pids/plain; setsid sleep 600 & echo $! >pids/plain; exit' >/dev/null 2>&1 </dev/null
bash -c 'exec 3<&- 4<&- </dev/null >/dev/null 2>&1; cd /; ulimit -x unlimited; setsid sleep 600 & echo $! >"$OLDPWD/pids/closed"' </dev/null
if [ "$(id -u)" = 0 ]; then
  setsid setpriv --reuid=65534 --clear-groups bash -c 'echo $$; exec sleep 600' >pids/user 2>/dev/null </dev/null &
  setsid su -s /bin/bash nobody -c 'ulimit -S -x unlimited; echo $$; exec sleep 600' >pids/su 2>/dev/null </dev/null &
  until test -s pids/user && test -s pids/su; do sleep 0.02; done
fi
until test -s pids/twice && test -s pids/raised; do sleep 0.02; done
cp pids/* said/
'''
TOML
for kind in cgroup bare; do
  cat >"$work/inside" <<SH
cd $work/w && rm -rf .trilock pids said && mkdir -m 777 pids said
setsid sleep 600 </dev/null >/dev/null 2>&1 &
bystander=\$!
"\$TRILOCK" run >$work/inside.log 2>&1
echo "ends well|0|\$?" >>$work/found
for file in said/*; do
  if alive \$(cat \$file); then echo "\${file#said/} is gone|gone|alive"; else echo "\${file#said/} is gone|gone|gone"; fi
done >>$work/found
alive \$bystander; echo "a bystander lives|0|\$?" >>$work/found
SH
  apart $kind >>"$work/inside.log" 2>&1
  if [ $? = 77 ]; then skip "hidden processes ($kind): no PID namespace"; else report "hidden processes ($kind)"; fi
done

# The shell that becomes trilock has children, which may have children that become trilock's: none of them is its own.
cat >"$work/inside" <<SH
cd $work/w && rm -rf .trilock pids said && mkdir -m 777 pids said
bash -c 'sleep 600 </dev/null >/dev/null 2>&1 & echo \$! >$work/child
  (sh -c "sleep 0.2; sleep 600 & echo \\\$! >$work/grandchild" </dev/null >/dev/null 2>&1 &)
  sh -c "sleep 600 & echo \\\$! >$work/later; sleep 0.3" </dev/null >/dev/null 2>&1 &
  exec "\$TRILOCK" run' >$work/inside.log 2>&1
for name in child grandchild later; do
  alive \$(cat $work/\$name); echo "its \$name lives|0|\$?" >>$work/found
done
SH
sed -i 's/^cp pids/sleep 0.6; &/' trilock.toml
apart bare >>"$work/inside.log" 2>&1
if [ $? = 77 ]; then skip 'children of before: no PID namespace'; else report 'children of before'; fi

# --- of two nodes ---
cat >trilock.toml <<'TOML'
[command.long]
script = '''
bash -c 'ulimit -x unlimited; setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! >long.new; mv long.new long.pid'
until test -e looked; do sleep 0.05; done
'''

[command.short]
script = '''
until test -s long.pid; do sleep 0.02; done
bash -c 'ulimit -x unlimited; setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! >short.pid'
# The tag of another node is not one to hide behind, nor one to give away.
prlimit --pid $PPID --locks >/dev/null 2>&1 || true
setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! >other.pid
prlimit --pid $! --locks=$(prlimit --pid $(cat long.pid.shell) --locks --output=SOFT --noheadings): >/dev/null 2>&1
sleep 0.2
'''

[command.marker]
after = ["command.short"]
script = "touch short-ended; until test -e looked; do sleep 0.05; done"
TOML
sed -i 's/^until test -e looked; do sleep 0.05; done$/echo $$ >long.pid.shell; &/' trilock.toml
for kind in cgroup bare; do
  cat >"$work/inside" <<SH
cd $work/w && rm -rf .trilock *.pid *.pid.shell short-ended looked
(until test -e short-ended; do sleep 0.05; done; sleep 0.2
alive \$(cat long.pid); echo "a daemon of a node that runs is left to it|0|\$?" >>$work/found
alive \$(cat long.pid.shell); echo "the node goes on|0|\$?" >>$work/found
if [ $kind = cgroup ] && [ -n "\$(cgroups)" ]; then
  alive \$(cat short.pid); echo "one of a node that has ended is gone|1|\$?" >>$work/found
  alive \$(cat other.pid); echo "with another node's tag as well|1|\$?" >>$work/found
fi
touch looked) &
"\$TRILOCK" run -j3 >$work/inside.log 2>&1
echo "ends well|0|\$?" >>$work/found
for name in long short other; do alive \$(cat \$name.pid); echo "\$name's is gone|1|\$?" >>$work/found; done
[ -z "\$(cgroups)" ]; echo "no cgroup is left|0|\$?" >>$work/found
SH
  apart $kind >>"$work/inside.log" 2>&1
  if [ $? = 77 ]; then skip "two nodes ($kind): no PID namespace"; else report "two nodes ($kind)"; fi
done

# --- a killed run ---
cat >trilock.toml <<'TOML'
[command.a]
script = '''
bash -c 'ulimit -x unlimited; setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! >raised.pid'
setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! >tagged.new; mv tagged.new tagged.pid
until test -e go; do sleep 0.05; done
'''
TOML
cat >"$work/inside" <<SH
cd $work/w && rm -rf .trilock *.pid go
setsid sleep 600 </dev/null >/dev/null 2>&1 & bystander=\$!
sleep 0.1 # /proc counts hundredths of a second
"\$TRILOCK" run >$work/inside.log 2>&1 & run=\$!
until test -s tagged.pid; do sleep 0.05; done
kill -KILL \$run; wait \$run 2>/dev/null
had_cgroups=\$(cgroups)
# A process that somebody gave a tag of the run, and that was there before it.
prlimit --pid \$bystander --locks=\$(prlimit --pid \$(cat tagged.pid) --locks --output=SOFT --noheadings | tr -d ' '):
# A copy of the workspace is not the workspace.
cp -r . $work/copy; touch $work/copy/go; (cd $work/copy; "\$TRILOCK" run >/dev/null 2>&1)
alive \$(cat tagged.pid); echo "a run elsewhere leaves it|0|\$?" >>$work/found
touch go
"\$TRILOCK" run >>$work/inside.log 2>$work/said
echo "the next run: ends well|0|\$?" >>$work/found
alive \$(cat tagged.pid); echo "the next run: what has a tag is gone|1|\$?" >>$work/found
[ -z "\$had_cgroups" ] || { alive \$(cat raised.pid); echo "the next run: what has none is gone|1|\$?" >>$work/found; }
alive \$bystander; echo "the next run: a bystander with its tag lives|0|\$?" >>$work/found
grep -q "processes that it left have been ended: .*\$(cat tagged.pid)" $work/said; echo "the next run: says so|0|\$?" >>$work/found
[ -z "\$(cgroups)" ]; echo "no cgroup is left|0|\$?" >>$work/found
SH
apart >>"$work/inside.log" 2>&1
if [ $? = 77 ]; then skip 'a killed run: no PID namespace'; else report 'a killed run'; fi

# --- journals that no trilock wrote ---
printf '[command.a]\nscript = "echo new >out"\noutputs = ["out"]\n' >trilock.toml
rm -rf .trilock go ./*.pid
forge() { # name: its text is read; `$work/forged/NAME`
  mkdir -p "$work/forged" && cat >"$work/forged/$1"
}
trilock run
state=$(dirname "$(find .trilock -name lock)")
start=$(awk '{ print $22 }' /proc/1/stat)
ours="\"process\":1,\"started\":$start,\"boot\":\"$(cat /proc/sys/kernel/random/boot_id)\",\"user\":$(id -u)"
forge infinity <<<'{"run":18446744073692774400}'
forge infinity-again <<<"{\"run\":18446744073692774400,$ours,\"workspace\":\"x\"}"
forge zero <<<"{\"run\":0,$ours,\"workspace\":\"x\"}"
forge negative <<<"{\"run\":-16777216,$ours}"
forge half <<<"{\"run\":9223372036854775808,$ours}"
forge float <<<"{\"run\":1.8446744073709552e19,$ours}"
forge twice <<<"{\"run\":4611686018427387904,\"run\":18446744073692774400,$ours}"
forge foreign-workspace <<<"{\"run\":4611686018427387904,$ours,\"workspace\":\"00000000000000000000000000000000\"}"
forge deep < <(head -c 1000000 /dev/zero | tr '\0' '[')
forge long < <(head -c 10000000 /dev/zero | tr '\0' 'x')
forge zeros < <(head -c 100000 /dev/zero)
forge aside <<<'{"aside":1,"label":"command.a","outputs":[["victim","1-1.old-0"],["../outside",""],["trilock.toml",""]]}'
forge cut <<<'{"run":46116'
cat >"$work/inside" <<SH
cd $work/w
setsid sleep 600 </dev/null >/dev/null 2>&1 & bystander=\$!
for forged in $work/forged/*; do
  name=\${forged##*/}
  rm -rf out; cp \$forged $state/journal
  echo mine >victim; echo outside >../outside; before=\$(cat trilock.toml)
  timeout 30 "\$TRILOCK" run >$work/inside.log 2>&1
  echo "\$name: ends well|0|\$?" >>$work/found
  alive \$bystander; echo "\$name: a bystander lives|0|\$?" >>$work/found
  echo "\$name: files are as they were|mine outside|\$(cat victim) \$(cat ../outside)" >>$work/found
  [ "\$before" = "\$(cat trilock.toml)" ]; echo "\$name: the pipeline as well|0|\$?" >>$work/found
  [ ! -e $state/journal ]; echo "\$name: is gone|0|\$?" >>$work/found
done
SH
apart >>"$work/inside.log" 2>&1
if [ $? = 77 ]; then skip 'forged journals: no PID namespace'; else report 'forged journals'; fi
rm -f ../outside victim

# --- old outputs ---
. "$root/tests/kills/old-outputs.sh"
kill_sample=${TRILOCK_TEST_KILLS:-40}
old_outputs "$kill_sample"
expect_equal "killed at $kills of $calls system calls, and then a run that fails: the old outputs are there" '' "$lost"
[ "$kills" -ge $((kill_sample / 2)) ] && pass 'kills happened' || fail 'kills happened' "$kills"
