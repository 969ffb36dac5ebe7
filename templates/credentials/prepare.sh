# shellcheck shell=bash disable=SC2034,SC2154
# Issue the credentials that the jobs of a run need, before it is submitted: bash batch/credentials.sh
#
# They are kept in a folder next to the user's secrets. The links in `credentials` lead to its files.
#
# Facts (set by credentials.sh): secrets, of each of known_credentials its source, and where it is not empty,
# callers_environment

# Everything is made in a new folder and then renamed into place. The old file may be a link to a secret, so no file is
# ever written through it.
issue() {
  local digest kept each
  umask 077
  digest=$(printf '%s' "$PWD" | sha1sum)
  kept=$secrets/runs/${digest:0:40}
  # The link is made first. By it, deleting the run also finds what a refusal leaves there.
  { mkdir -p "$kept" credentials && ln -sfnT "$kept" credentials/.folder && issued=$(mktemp -d "$kept/.new.XXXXXXXX") &&
    : >"$issued/names"; } || give_up "$kept cannot be written"
  trap 'rm -rf "$issued"' EXIT
  for each in "${known_credentials[@]}"; do
    [[ -z ${!each} ]] || "issue_$each"
  done
  [[ -z ${callers_environment-} ]] || cat <&"$callers_environment" >"$issued/environment" ||
    give_up "$kept cannot be written"
  for each in "$issued"/*; do
    # Links to files: HTCondor sends no file that is behind a link to a directory.
    { mv -fT "$each" "$kept/${each##*/}" && ln -sfnT "$kept/${each##*/}" "credentials/${each##*/}"; } ||
      give_up "$kept cannot be written"
  done
}

give_up() { # REASON
  printf 'reana-batch: %s\n' "$1" >&2
  exit "$EXIT_CREDENTIAL"
}

value_of() { cat -- "$secrets/env/$1" 2>/dev/null; } # NAME

# Note a value that is not a secret.
name() { # NAME VALUE
  printf '%s=%s\n' "$1" "$2" >>"$issued/names"
}

# Link to a file of the store, so that there is one copy of it.
link() { # STORED AS
  [[ -r $secrets/$1 ]] || give_up "the secret ${1#*/} is not there"
  ln -sfn "$secrets/$1" "$issued/$2"
}
