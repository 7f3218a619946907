# 10 MB of brackets: valid characters, and a parser that recurses would run out of stack.
{ printf 'a = '; head -c 10000000 /dev/zero | tr '\0' '['; } >trilock.toml
