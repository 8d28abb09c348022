# What the comparisons share: certificates, a server with one fixed answer, and nginx processes. To be sourced, with
# `home` (a directory of its own) and `started` (processes to be ended) set.
# shellcheck shell=bash

export PATH="$PATH:/usr/sbin"

needs() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || die "$program is missing: apt-get install nginx-light haproxy openssl curl"
    done
}

# What is compared is what is shipped, as the others are; and the program that calls them.
build() {
    cargo build --profile dist --locked --no-default-features --bin connect-guard
    cargo build --release --locked --example load
}

# An authority, a server and a client, all P-256.
certificates() {
    local new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2)
    (
        cd "$home"
        "${new[@]}" -subj /CN=authority -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem
        "${new[@]}" -subj /CN=localhost -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost \
            -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem
        "${new[@]}" -subj /CN=desk -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=clientAuth \
            -CA ca.pem -CAkey ca.key -keyout client.key -out client.pem
        chmod 600 ./*.key
    ) 2>"$home/openssl.log" || die "no certificates: $(tail -n 1 "$home/openssl.log")"
}

# An nginx in Connect's place at port $1, with further locations $2.
run_server() {
    run_nginx server "
        access_log off;
        server {
            listen 127.0.0.1:$1 ssl;
            ssl_certificate server.pem;
            ssl_certificate_key server.key;
            ssl_protocols TLSv1.3;
            default_type application/json;
            add_header x-amzn-requestid 5b2c8c0e-0000-4000-8000-000000000001;
            ${2-}
            location / { return 200 '{\"Users\":[],\"ApproximateTotalCount\":0}'; }
        }"
}

# An nginx that forwards to port $1 of `run_server`, over TLS, on connections that stay, and writes a line for each request.
# What stands in its `listen` and beside it is $2.
run_forwarder() {
    run_nginx nginx "
        access_log access.log;
        upstream server { server 127.0.0.1:$1; keepalive 32; keepalive_requests 10000000; }
        server {
            $2
            location / {
                proxy_pass https://server;
                proxy_http_version 1.1;
                proxy_set_header Connection '';
                proxy_set_header Host localhost:$1;
                proxy_ssl_name localhost;
                proxy_ssl_verify on;
                proxy_ssl_trusted_certificate $home/ca.pem;
                proxy_ssl_protocols TLSv1.3;
            }
        }"
}

# An nginx of its own: one worker, connections that stay.
run_nginx() {
    local own="$home/$1"
    mkdir "$own"
    cp "$home"/*.pem "$home"/*.key "$own"
    cat >"$own/nginx.conf" <<CONFIGURATION
worker_processes 1;
daemon off;
pid nginx.pid;
error_log error.log;
$([[ $EUID -eq 0 ]] && echo 'user root;')
events { worker_connections 4096; }
http {
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    keepalive_requests 10000000;
    keepalive_timeout 3600s;
    tcp_nodelay on;
    $2
}
CONFIGURATION
    nginx -p "$own/" -c nginx.conf 2>"$own/stderr.log" &
    started+=($!)
}

# The process that does the work of one that was started: nginx's only worker.
worker() {
    local found
    until found=$(pgrep -P "$1" | head -n 1) && [[ -n $found ]]; do sleep 0.05; done
    echo "$found"
}

# Waits until a process answers: its name, its process, and what curl is told.
until_it_answers() {
    local name=$1 process=$2
    shift 2
    local end=$((SECONDS + 30))
    until curl --silent --output /dev/null "$@"; do
        kill -0 "$process" 2>/dev/null || die "$name ended: $(tail -n 3 "$home/$name.log" 2>/dev/null)"
        ((SECONDS < end)) || die "$name does not answer: $(tail -n 3 "$home/$name.log" 2>/dev/null)"
        sleep 0.01
    done
}

stop() {
    kill "${started[@]}" 2>/dev/null || true
    wait
    rm -rf "$home"
}

die() {
    echo "$1" >&2
    exit 1
}
