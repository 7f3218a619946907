#!/bin/sh
# Makes the program `trilock` of its front and its engine: `carry.sh FRONT ENGINE TRILOCK`. The engine goes in as a
# section that is never loaded, without the symbols that only a debugger asks for.
set -eu
objcopy --strip-all "$2" "$3.engine"
objcopy --add-section trilock_engine="$3.engine" "$1" "$3"
rm -f "$3.engine"
