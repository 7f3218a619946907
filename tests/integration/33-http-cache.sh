#!/usr/bin/env bash
# nginx as a cache: what it keeps, who may write, what a client makes of a server that is slow, full, lying or gone.
# The client is tests/support/cache_client.cpp, which does with a tier what a run does.
. "$(dirname "$0")/lib.sh"
client=$(dirname "$TRILOCK")/../../tests/support/cache_client
[ -x "$client" ] || die "no cache_client at $client: build it first"
unset TRILOCK_CACHE_MODE TRILOCK_CACHE_NAMESPACE TRILOCK_CACHE_TOKEN TRILOCK_CACHE_HOST CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export HOME=$work/home
mkdir -p "$HOME" "$work/server" "$work/files" "$work/got"

# Runs the client; afterwards `code`, `out` and `err` are set.
client() {
  timeout 60 "$client" "$@" >"$work/out" 2>"$work/err"
  code=$?
  out=$(cat "$work/out")
  err=$(cat "$work/err")
}

digest_of() { # file
  sha256sum "$1" | cut -d' ' -f1
}

stored() { # file: where the server keeps it
  local digest
  digest=$(digest_of "$1")
  echo "$work/server/cas/${digest:0:2}/$digest"
}

# A certificate for a name, signed by an authority of this script's own.
make_certificates() {
  (
    cd "$work" || exit 1
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
    for name in localhost elsewhere.example; do
      openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr"
      openssl x509 -req -days 2 -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$name.pem" \
        -extfile <(echo "subjectAltName=DNS:$name")
    done
  ) >"$work/openssl.log" 2>&1 || die "cannot make certificates: $(cat "$work/openssl.log")"
}

# Reading is for everybody, writing takes credentials. The other locations misbehave.
write_configuration() { # directory to serve
  cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes 1;
$([ "$(id -u)" != 0 ] || echo 'user root;')
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 256; }
http {
  access_log $work/access.log;
  client_body_temp_path $work/server/tmp; proxy_temp_path $work/p; fastcgi_temp_path $work/f;
  uwsgi_temp_path $work/u; scgi_temp_path $work/s;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:$port;
    listen 127.0.0.1:$tls_port ssl;
    ssl_certificate $work/localhost.pem; ssl_certificate_key $work/localhost.key;
    location ~ "^/(ac|cas)/(([0-9a-f]{2})[0-9a-f]{62})\$" {
      alias $work/server/\$1/\$3/\$2; dav_methods PUT; create_full_put_path on;
      limit_except GET HEAD { auth_basic w; auth_basic_user_file $work/htpasswd; }
    }
    location ~ "^/slow/(ac|cas)/(([0-9a-f]{2})[0-9a-f]{62})\$" {
      alias $work/server/\$1/\$3/\$2; limit_rate 1000k;
    }
    location ~ "^/full/(ac|cas)/(([0-9a-f]{2})[0-9a-f]{62})\$" {
      alias $work/server/\$1/\$3/\$2; dav_methods PUT; client_max_body_size 1k;
    }
    location ~ "^/zstd/(ac|cas)/(([0-9a-f]{2})[0-9a-f]{62})\$" {
      alias $work/packed/\$1/\$3/\$2; add_header Content-Encoding zstd;
    }
    location ~ "^/gzip/(ac|cas)/(([0-9a-f]{2})[0-9a-f]{62})\$" {
      alias $work/packed-gzip/\$1/\$3/\$2; add_header Content-Encoding gzip;
    }
    location /loop/ { return 302 \$uri; }
    location /moved/ { rewrite ^/moved(/.*)\$ \$scheme://\$http_host\$1 redirect; }
    location /other-scheme/ { rewrite ^/other-scheme(/.*)\$ http://127.0.0.1:$port\$1 redirect; }
    location /drop/ { return 444; }
    location /broken/ { return 500; }
  }
  server {
    listen 127.0.0.1:$wrong_port ssl;
    ssl_certificate $work/elsewhere.example.pem; ssl_certificate_key $work/elsewhere.example.key;
    location / { return 404; }
  }
}
CONF
}

command -v nginx >/dev/null || die "no nginx in PATH: apt-get install nginx-light"
port=$(free_port) tls_port=$(free_port) wrong_port=$(free_port)
url=http://127.0.0.1:$port
make_certificates
printf 'writer:%s\n' "$(openssl passwd -apr1 'pass:word')" >"$work/htpasswd"
write_configuration
nginx -e "$work/nginx.log" -c "$work/nginx.conf" >"$work/nginx.out" 2>&1 &
started+=($!)
wait_for 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || die "nginx does not start: $(cat "$work/nginx.log" "$work/nginx.out")"

head -c 3000000 /dev/urandom >"$work/files/large"
seq 20000 >"$work/files/text"
echo small >"$work/files/small"

# --- who may write -----------------------------------------------------------------------------------------------

client "$url" get build "$work/got"
expect_equal 'what nobody stored is a miss' "miss: the cache \`$url\` has no result" "$out"
client "$url" put build "$work/files/small"
expect_equal 'without read-write nothing is written' '0 ' "$code $err"
export TRILOCK_CACHE_MODE=read-write
client --times 3 "$url" put build "$work/files/small" "$work/files/text"
expect_same 'a refused write is reported once' \
  "error: cannot write to the cache \`$url\`: the server answered 401; nothing more is written to it in this run" "$err"
expect_no_file 'nothing of it was kept' "$(stored "$work/files/small")"

secret=http://writer:pass%3Aword@127.0.0.1:$port/
client "$secret" put build "$work/files/"*
expect_equal 'with the credentials of the URL it is kept' '0 ' "$code $err"
for name in large text small; do
  expect_same "nginx has \`$name\` under its digest" "$(digest_of "$work/files/$name")" \
    "$(digest_of "$(stored "$work/files/$name")")"
done
expect_equal 'the result stands under the digest of its action' 1 \
  "$(find "$work/server/ac" -name "$(printf build | sha256sum | cut -d' ' -f1)" | wc -l)"
client "$url" get build "$work/got"
expect_equal 'everybody reads it' 'hit' "$out"
expect_same 'and gets the bytes' "$(cd "$work/files" && sha256sum ./* | cut -d' ' -f1 | sort)" "$(cd "$work/got" && ls | sort)"
expect_same 'that the names promise' "$(cd "$work/got" && ls)" "$(cd "$work/got" && sha256sum ./* | cut -d' ' -f1)"

client "http://writer:guess-word@127.0.0.1:$port" put other "$work/files/small"
expect_match 'wrong credentials are refused' 'the server answered 401' "$err"
case $err$out in *guess-word*) fail 'no password in a message' "$err" ;; *) pass 'no password in a message' ;; esac
printf 'machine 127.0.0.1 login writer password pass:word\n' >"$HOME/.netrc"
client "$url" put by-netrc "$work/files/small"
expect_equal '~/.netrc has them too' '0 ' "$code $err"
rm "$HOME/.netrc"

# --- signatures --------------------------------------------------------------------------------------------------

openssl genpkey -algorithm ed25519 -out "$work/key" 2>/dev/null
openssl pkey -in "$work/key" -pubout -out "$work/key.pub"
openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout -out "$work/other.pub"
client --sign "$work/key" "$secret" put signed "$work/files/small"
client --trust "$work/key.pub" "$url" get signed "$work/got"
expect_equal 'a signed result passes a server as it is' 'hit ' "$out $err"
client --trust "$work/other.pub" "$url" get signed "$work/got"
expect_match 'a key that is not trusted is a miss' '^miss: .* is signed by a key that is not in `trusted-keys`' "$out"
client --trust "$work/key.pub" "$url" get build "$work/got"
expect_match 'an unsigned result is a miss' '^miss: .* is not signed' "$out"
expect_match 'and said' '^warning: .* is not signed: .*; such results are not used$' "$err"

# --- servers that misbehave --------------------------------------------------------------------------------------

damaged=$(stored "$work/files/text")
cp "$damaged" "$work/whole"
chmod u+w "$damaged"
rm -rf "$work/got" && mkdir "$work/got"
for how in 'another digest:s/^1$/2/' 'too short:$d' 'too long:$a more'; do
  sed "${how#*:}" "$work/whole" >"$damaged"
  client "$url" get build "$work/got"
  expect_match "bytes that are ${how%%:*} are a miss" '^miss: .* gave other bytes than those of blob' "$out"
  expect_match 'and said' "^warning: .*: it (is|has) ${how%%:*}; such bytes are not used\$" "$err"
  expect_no_file 'and are not left lying about' "$work/got/$(digest_of "$work/whole")"
done
cp "$work/whole" "$damaged"

rm -rf "$work/got" && mkdir "$work/got"
client "$url/slow" get build "$work/got"
expect_equal 'what comes slowly comes whole' 'hit' "$out"
rm -rf "$work/got" && mkdir "$work/got"
client "$url/moved" get build "$work/got"
expect_equal 'a redirect is followed' 'hit' "$out"
for fault in loop drop broken; do
  SECONDS=0
  client --times 20 "$url/$fault" get build "$work/got"
  expect_match "a server with \`$fault\` is a miss" "^miss: the cache .$url/$fault. cannot be asked" "$out"
  expect_equal 'said once' 1 "$(grep -c "^warning: the cache .* is not used any more in this run: " "$work/err")"
  if [ "$SECONDS" -lt 10 ]; then pass 'and left alone soon'; else fail 'and left alone soon' "$SECONDS s"; fi
done
client --times 5 "$url/full" put too-large "$work/files/text" "$work/files/small"
expect_equal 'a server without room is said three times' 3 "$(grep -c '^error: cannot write to .*: the server answered 413' "$work/err")"
expect_equal 'and has no result without its blobs' '' \
  "$(find "$work/server/ac" -name "$(printf too-large | sha256sum | cut -d' ' -f1)")"
client --times 5 "http://127.0.0.1:$(free_port)" get build "$work/got"
expect_equal 'nobody there is said once' 1 "$(grep -c 'is not used any more in this run: Failed to connect' "$work/err")"

# --- packed content ----------------------------------------------------------------------------------------------

for tool in zstd gzip; do
  packed=$work/packed
  [ $tool = zstd ] || packed=$work/packed-gzip
  cp -r "$work/server" "$packed"
  find "$packed"/ac "$packed"/cas -type f | while read -r file; do
    $tool -q -c "$file" >"$file.packed" && mv -f "$file.packed" "$file"
  done
  rm -rf "$work/got" && mkdir "$work/got"
  client "$url/$tool" get build "$work/got"
  expect_equal "what comes as $tool is unpacked" 'hit ' "$out $err"
  expect_same 'and verified' "$(cd "$work/got" && ls)" "$(cd "$work/got" && sha256sum ./* | cut -d' ' -f1)"
done
bomb=$work/packed/${damaged#"$work/server/"}
head -c 2000000000 /dev/zero | zstd -q -c >"$bomb"
rm -rf "$work/got" && mkdir "$work/got"
/usr/bin/time -f %M -o "$work/memory" timeout 60 "$client" "$url/zstd" get build "$work/got" >"$work/out" 2>"$work/err"
expect_match 'two gigabytes out of a few bytes are a miss' 'gave other bytes .*: it is too long' "$(cat "$work/out")"
memory=$(tail -n 1 "$work/memory")
if [ "$memory" -lt 150000 ]; then pass 'and are never in memory'; else fail 'and are never in memory' "$memory KB"; fi

# --- TLS ---------------------------------------------------------------------------------------------------------

tls=https://localhost:$tls_port
client --times 3 "$tls" get build "$work/got"
expect_match 'a certificate that nobody vouches for is refused' '^miss: .* cannot be asked: SSL certificate problem' "$out"
expect_equal 'and said once' 1 "$(grep -c '^warning: .*SSL certificate problem' "$work/err")"
for name in SSL_CERT_FILE CURL_CA_BUNDLE; do
  rm -rf "$work/got" && mkdir "$work/got"
  export "$name=$work/ca.pem"
  client "$tls" get build "$work/got"
  expect_equal "$name names who does" 'hit ' "$out $err"
  client "https://localhost:$wrong_port" get build "$work/got"
  expect_match 'a certificate for another name is refused' 'SSL: no alternative certificate subject name matches' "$out"
  client "$tls/other-scheme" get build "$work/got"
  expect_match 'a redirect to another scheme is refused' 'Protocol "http" not supported or disabled' "$out"
  unset "$name"
done

# --- libcurl -----------------------------------------------------------------------------------------------------

expect_equal 'trilock is not linked against libcurl' 0 "$(ldd "$TRILOCK" | grep -c curl)"
library=$(ldconfig -p | awk '$1 == "libcurl.so.4" { print $NF; exit }')
cat >"$work/without.sh" <<'SH'
mount --bind /dev/null "$1" && shift && exec "$@"
SH
unshare -m sh "$work/without.sh" "$library" "$client" --times 3 "$url" get build "$work/got" >"$work/out" 2>"$work/err"
expect_same 'that it is missing is said once' \
  "warning: the cache \`$url\` is not used any more in this run: \`libcurl.so.4\` cannot be loaded: it is in the package libcurl4" \
  "$(cat "$work/err")"

# --- what a run does with it ---------------------------------------------------------------------------------------

# One node in a workspace and with a cache directory of its own.
run_with() { # workspace, URL, mode
  mkdir -p "$work/$1"
  printf '[cache]\nshared = "%s"\nmode = "%s"\n[command.made]\nrun = ["sh", "-c", "date +%%N >made"]\noutputs = ["made"]\n' \
    "$2" "$3" >"$work/$1/trilock.toml"
  XDG_CACHE_HOME=$work/cache-$1 trilock run -C "$work/$1"
}

run_with refused "$url" read-write
expect_code 'a server that refuses what a run writes fails nothing' 0
expect_equal 'and is named once' 1 "$(grep -c '^warning: .*401' "$work/err")"
run_with writer "http://writer:pass%3Aword@127.0.0.1:$port" read-write
expect_code 'a run that may write' 0
expect_equal 'has nothing to complain of' '' "$err"
run_with reader "$url" read
expect_contains 'a run that may only read has the result of the other' '1 restored' "$out"
expect_equal 'and its output' "$(cat "$work/writer/made")" "$(cat "$work/reader/made")"
run_with gone "http://127.0.0.1:1" read-write
expect_code 'a server that is not there fails nothing' 0
expect_match 'and is named' '^warning: .*127.0.0.1:1' "$err"
