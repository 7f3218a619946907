#!/usr/bin/env bash
# Writes the same graph as a trilock pipeline, a ninja file and a makefile, so that all do the same work:
# `generate.sh DIRECTORY NODES [LAYERS] [FAN_IN]`. Each node runs /bin/true, has one source file and takes its turn after
# FAN_IN nodes of the layer before; with LAYERS equal to NODES and a FAN_IN of 1 it is one chain.
set -euo pipefail
directory=$1
nodes=$2
layers=${3:-1}
fan_in=${4:-2}

mkdir -p "$directory/src"
awk -v nodes="$nodes" -v layers="$layers" -v fan_in="$fan_in" -v toml="$directory/trilock.toml" \
  -v ninja="$directory/build.ninja" -v makefile="$directory/Makefile" -v sources="$directory/src" '
BEGIN {
  width = int((nodes + layers - 1) / layers)
  printf "[pipeline]\nname = \"bench\"\nversion = 1\n" >toml
  printf "rule run\n  command = /bin/true\n" >ninja
  printf ".PHONY:" >makefile
  for (i = 0; i < nodes; i++) printf " n%d", i >makefile
  printf "\nall:" >makefile
  for (i = 0; i < nodes; i++) printf " n%d", i >makefile
  printf "\n" >makefile
  for (i = 0; i < nodes; i++) {
    layer = int(i / width)
    printf "%d\n", i >(sources "/" i)
    close(sources "/" i)
    after = ""
    order = ""
    if (layer > 0)
      for (k = 0; k < fan_in; k++) {
        before = (layer - 1) * width + (i * 7 + k * 13) % width
        after = after (k ? ", " : "") "\"command.n" before "\""
        order = order " n" before
      }
    printf "\n[command.n%d]\nrun = [\"/bin/true\"]\ninputs = [\"src/%d\"]\n", i, i >toml
    if (after != "") printf "after = [%s]\n", after >toml
    printf "build n%d: run src/%d%s\n", i, i, (order == "" ? "" : " ||" order) >ninja
    printf "n%d: src/%d%s\n\t@/bin/true\n", i, i, (order == "" ? "" : " |" order) >makefile
  }
}'
