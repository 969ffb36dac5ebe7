#!/bin/bash
# laptop.sh URL OPTION...: as root in the box, run "ssh OPTION..." as alice does on a machine that reaches the login node by
# ssh alone. Print the code of the answer from URL before, and the page that comes through the tunnel.
# "--laptop" is how it calls itself on that machine, which is a network of its own.
set -euo pipefail
folder=$(dirname "$0")/laptop

on_laptop() { # URL OPTION...
  local url=$1 tunnel
  shift
  ip link set lo up
  curl --silent --output /dev/null --write-out '%{http_code}\n' "$url" || true
  ssh -F "$folder/config" "$@" &
  tunnel=$!
  until curl --silent --fail --output "$folder/page" "$url"; do
    kill -0 "$tunnel"
    sleep 0.2
  done
  kill "$tunnel"
  cat "$folder/page"
}

login_node() {
  mkdir -p "$folder" /run/sshd
  ssh-keygen -qt ed25519 -N '' -f "$folder/host"
  ssh-keygen -qt ed25519 -N '' -f "$folder/key"
  # shellcheck disable=SC2016  # the relay expands them
  printf '%s\n' 'exec 3<>"/dev/tcp/$1/$2"' 'cat <&3 &' 'cat >&3' >"$folder/relay"
  cat >"$folder/config" <<END
Host *
  User alice
  IdentityFile $folder/key
  UserKnownHostsFile $folder/known
  StrictHostKeyChecking accept-new
  ExitOnForwardFailure yes
Host login*
  ProxyCommand nsenter --net=/proc/$$/ns/net bash $folder/relay %h %p
END
  /usr/sbin/sshd -D -f /dev/null -h "$folder/host" -o UsePAM=yes -o PidFile=none -o StrictModes=no \
    -o "AuthorizedKeysFile=$folder/key.pub" &
}

if [[ $1 == --laptop ]]; then
  shift
  on_laptop "$@"
else
  folder=$(realpath "$(dirname "$0")")/laptop
  login_node
  trap 'kill %1' EXIT
  unshare --net bash "$(realpath "$0")" --laptop "$@"
fi
