# shellcheck shell=bash disable=SC2034,SC2154
# A session of Jupyter. Its configuration, which holds the token, comes before that of the user.
#
# Facts: session launcher program page

# Only this machine can reach the server. If the port is taken, Jupyter tries others.
jupyter_server() {
  export JUPYTER_CONFIG_PATH=$session/config JUPYTER_RUNTIME_DIR=$session/runtime
  exec "${launcher[@]}" "$program-$page" --ip=127.0.0.1 --port="$((20000 + RANDOM % 10000))" --no-browser
}

# Jupyter writes its port to a file. Before version 7 of notebook, the file has another name.
jupyter_port() { # -> $port
  local file
  for file in "$session"/runtime/{jp,nb}server-*.json; do
    [[ -e $file && $(<"$file") =~ \"port\":\ *([0-9]+) ]] || continue
    port=${BASH_REMATCH[1]}
    return
  done
  return 1
}

jupyter_asks() { # TOKEN -> $code
  request /api/kernels "${1:+Authorization: token $1}"
}
