#!/bin/sh
# Makes what compose.yaml mounts, beside it in trial/, once: an authority and certificates of 30 days, secrets, configuration,
# and the policy of ../kubernetes. What is there already is left as it is. Needs OpenSSL 3.
set -eu
cd "$(dirname "$0")"
here=trial
policies=../kubernetes/policies

[ ! -e "$here" ] || { echo "trial.sh: $here is there already: delete it to begin anew" >&2; exit 1; }
umask 022
mkdir -p "$here/etc/tls" "$here/etc/secrets" "$here/etc/policies" "$here/mailbox" "$here/authority"
(umask 077 && mkdir "$here/ledger")
chmod 700 "$here/etc/secrets" "$here/authority"

authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Trial authority" \
        -keyout "$here/authority/ca.key" -out "$here/etc/tls/ca.pem" 2>/dev/null
}

# A certificate for a name, in a directory.
certificate() {
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$2" \
        -CA "$here/etc/tls/ca.pem" -CAkey "$here/authority/ca.key" -keyout "$1.key" -out "$1.pem" \
        -addext "subjectAltName=$3" -addext basicConstraints=critical,CA:FALSE 2>/dev/null)
    chmod 644 "$1.pem"
}

secret() {
    (umask 077 && openssl rand -hex 32 > "$here/etc/secrets/$1")
}

authority
certificate "$here/etc/tls/guard" localhost "DNS:localhost,DNS:guard,IP:127.0.0.1"
certificate "$here/mailbox/mailbox" mailbox "DNS:mailbox"
for name in hash seal session smtp; do secret "$name"; done
cp config.toml "$here/etc/config.toml"
cp "$policies"/*.toml "$here/etc/policies/"
echo "TRIAL_USER=$(id -u)" > "$here/.env"
echo "TRIAL_GROUP=$(id -g)" >> "$here/.env"
echo "made $PWD/$here; now: docker compose --env-file $PWD/$here/.env --file $PWD/compose.yaml up"
