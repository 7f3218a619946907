#!/bin/sh
# Prints a file as a C++ raw string literal, so that schema.sql can be compiled in and still be read as SQL.
set -eu
printf 'R"~~~('
cat "$1"
printf ')~~~"\n'
