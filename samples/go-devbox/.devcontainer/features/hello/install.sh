#!/bin/sh
# Runs as root while the container is built; options arrive as variables in upper case.
set -eu
mkdir -p /etc/profile.d
echo "echo '${GREETING:-hello} from go-devbox'" >/etc/profile.d/hello.sh
