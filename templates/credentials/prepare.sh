# shellcheck shell=bash disable=SC2034,SC2154
# Issue the credentials that the jobs of a run need, before it is submitted: bash batch/credentials.sh
#
# They are in a folder next to the user's secrets. The links in `credentials` point to its files.
#
# Facts (set by credentials.sh): secrets, the source of each of known_credentials; callers_environment, if not empty

# Make all files in a new folder, and then rename them. An old file may be a link to a secret, so it is never written
# to.
issue() {
  local digest kept each
  umask 077
  digest=$(printf '%s' "$PWD" | sha1sum)
  kept=$secrets/runs/${digest:0:40}
  # Make the link first. Deletion of the run follows it to the files that a failure leaves there.
  { mkdir -p "$kept" credentials && ln -sfnT "$kept" credentials/.folder && issued=$(mktemp -d "$kept/.new.XXXXXXXX") &&
    : >"$issued/names"; } || give_up "$kept cannot be written"
  trap 'rm -rf "$issued"' EXIT
  for each in "${known_credentials[@]}"; do
    [[ -z ${!each} ]] || "issue_$each"
  done
  [[ -z ${callers_environment-} ]] || cat <&"$callers_environment" >"$issued/environment" ||
    give_up "$kept cannot be written"
  for each in "$issued"/*; do
    # Link to single files, because HTCondor does not send files that are reached through a link to a directory.
    { mv -fT "$each" "$kept/${each##*/}" && ln -sfnT "$kept/${each##*/}" "credentials/${each##*/}"; } ||
      give_up "$kept cannot be written"
  done
}

give_up() { # REASON
  printf 'reana-batch: %s\n' "$1" >&2
  exit "$EXIT_CREDENTIAL"
}

value_of() { cat -- "$secrets/env/$1" 2>/dev/null; } # NAME

# Write down a value that is not secret.
name() { # NAME VALUE
  printf '%s=%s\n' "$1" "$2" >>"$issued/names"
}

# Link to a file of the user's secrets, so that there is only one copy of it.
link() { # STORED AS
  [[ -r $secrets/$1 ]] || give_up "the secret ${1#*/} is not there"
  ln -sfn "$secrets/$1" "$issued/$2"
}
