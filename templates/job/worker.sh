# shellcheck shell=bash disable=SC2034,SC2154
# What a job needs of its worker: variables, programs, and a container.
#
# Facts: images container_runtime binds cvmfs row_time_limit; and where they are not empty, container_home python
# programs depth

scratch=
overlay=

set_environment() {
  run=$PWD
  # An expansion is compiled into ROOT/expansions/NAME, and its jobs work in the workspace of the whole run.
  root=$run
  local level
  for ((level = ${depth:-0}; level > 0; level--)); do root=${root%/*/*}; done
  export REANA_WORKSPACE=$root/workspace REANA_WORKFLOW_UUID
  # REANA's jobs get a UUID of their run; here it follows from the run's directory.
  local digest
  digest=$(sha1sum <<<"$root")
  REANA_WORKFLOW_UUID=${digest:0:8}-${digest:8:4}-5${digest:13:3}-8${digest:17:3}-${digest:20:12}
  # Schedulers that start jobs without the user's environment leave these out.
  export PATH=${PATH:-/usr/local/bin:/usr/bin:/bin} USER=${USER:-$(id -un)}
  export HOME=${HOME:-$(getent passwd "$USER" | cut -d: -f6)}
  umask 0022
  record_host=${HOSTNAME:-}
  scheduler_job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
  scheduler_job=${scheduler_job:-${SLURM_JOB_ID:-${REANA_BATCH_JOB:-}}}
}

worker_lacks() { # WHAT -> $lacking
  say "$1 on ${HOSTNAME:-this worker}"
  lacking=$1
  return "$EXIT_WORKER"
}

check_cvmfs() {
  local repository
  for repository in "${cvmfs[@]}"; do
    # Reading the directory mounts it.
    ls "/cvmfs/$repository/" >/dev/null 2>&1 || { worker_lacks "/cvmfs/$repository is not there"; return; }
  done
}

check_python() {
  [[ -n ${python-} ]] || return 0
  command -v "$python" >/dev/null || { worker_lacks "$python is not there"; return; }
  export REANA_BATCH_PYTHON=$python
}

check_programs() {
  local program
  for program in ${programs+"${programs[@]}"}; do
    command -v "$program" >/dev/null || { worker_lacks "$program is not there"; return; }
  done
}

# The command line in front of "bash FILE".
set_launcher() { # -> $launcher
  local directory image
  launcher=()
  [[ -z $row_time_limit ]] || launcher=(timeout --kill-after=30 "$row_time_limit")
  [[ $container_runtime == apptainer && ${#images[@]} -gt 0 ]] || return 0
  command -v apptainer >/dev/null || { worker_lacks "apptainer is not installed"; return; }
  launcher+=(apptainer --silent exec --pwd "$REANA_WORKSPACE")
  # The fields of --mount are those of CSV: a quote in quotes is doubled.
  launcher+=(--mount "type=bind,\"source=${root//\"/\"\"}\",\"destination=${root//\"/\"\"}\"")
  for directory in "${binds[@]}" "${cvmfs[@]/#//cvmfs/}"; do
    [[ ! -e $directory ]] || launcher+=(--mount "type=bind,source=$directory,destination=$directory")
  done
  for image in "${images[@]}"; do
    [[ $image == /* || $image == docker://* ]] || image=$REANA_WORKSPACE/$image
    if [[ $image == docker://* || -e $image ]]; then
      add_image "$image"
      return
    fi
  done
  worker_lacks "the image ${images[*]} is not there"
}

# As in REANA, the home in a container is not the user's, and commands can write to their image. What they write goes to
# the job's disk, or to the little memory that apptainer has for it, if apptainer allows one of them.
add_image() { # IMAGE
  local said
  { scratch=$(mktemp -d "${_CONDOR_SCRATCH_DIR:-${TMPDIR:-/tmp}}/reana-batch.XXXXXXXX") && mkdir "$scratch/home"; } ||
    { worker_lacks "no home for the container can be made"; return; }
  [[ -n ${container_home-} ]] || launcher+=(--home "$scratch/home")
  renew_overlay
  starts_with "$1" --overlay "$overlay" || { overlay=; starts_with "$1" --writable-tmpfs; } ||
    say "the image is read-only on ${HOSTNAME:-this worker}: ${said##*$'\n'}"
  launcher+=("$1")
}

# Does the image start with these options? Then they are kept, else $said says why not.
starts_with() { # IMAGE OPTION...
  said=$("${launcher[@]}" "${@:2}" "$1" bash -c : 2>&1 </dev/null) && launcher+=("${@:2}")
}

# Drop what a command changed in its image: each command is a job of its own in REANA.
renew_overlay() {
  overlay=$scratch/image
  [[ ! -e $overlay ]] || clear_away "$overlay"
  mkdir "$overlay"
}

# Delete a directory, also where a command has closed directories in it.
clear_away() { # DIRECTORY
  rm -rf "$1" 2>/dev/null || { chmod -R u+rwX "$1" && rm -rf "$1"; }
}
