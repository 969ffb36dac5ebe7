# shellcheck shell=bash disable=SC2034,SC2154
# Prepare the worker for a job: variables, programs, and a container.
#
# Facts: images container_runtime binds cvmfs row_time_limit; container_home, python, programs, depth,
# row_directories and server, if not empty

scratch= # deleted at the end of the job
overlay=
row_temporary=

set_environment() {
  run=$PWD
  # An expansion is compiled into ROOT/expansions/NAME, and its jobs work in the workspace of the whole run.
  root=$run
  local level
  for ((level = ${depth:-0}; level > 0; level--)); do root=${root%/*/*}; done
  export REANA_WORKSPACE=$root/workspace REANA_WORKFLOW_UUID
  # In REANA, jobs get the UUID of their run. Here it is made from the run's directory.
  local digest
  digest=$(sha1sum <<<"$root")
  REANA_WORKFLOW_UUID=${digest:0:8}-${digest:8:4}-5${digest:13:3}-8${digest:17:3}-${digest:20:12}
  # A scheduler that starts jobs without the user's environment does not set these.
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

# Set the command line that comes before "bash FILE".
set_launcher() { # -> $launcher
  local directory image
  launcher=()
  # With a server, each command has its own limit.
  [[ -z $row_time_limit || -n ${server-} ]] || launcher=(timeout --kill-after=30 "$row_time_limit")
  if [[ $container_runtime != apptainer || ${#images[@]} -eq 0 ]]; then
    [[ -z ${row_directories-} ]] || set_temporary
    return
  fi
  command -v apptainer >/dev/null || { worker_lacks "apptainer is not installed"; return; }
  launcher+=(apptainer --silent exec --pwd "$REANA_WORKSPACE")
  [[ -z ${server-} ]] || launcher+=(--cleanenv) # the command script of a server sets its variables
  add_mount "$root" "$root"
  # The workspace of a restart is a relative link to that of its run.
  [[ ! -L $REANA_WORKSPACE ]] ||
    add_mount "$(cd "$REANA_WORKSPACE" && pwd -P)" "$(realpath -ms "$root/$(readlink "$REANA_WORKSPACE")")"
  # The site's containers may have a /tmp of their own.
  [[ $workspace_path != "$links"/* ]] || launcher+=(--mount "type=bind,source=$links,destination=$links")
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

# Make a directory on the worker's own disk and print its path.
make_scratch() { mktemp -d "${_CONDOR_SCRATCH_DIR:-${TMPDIR:-/tmp}}/reana-batch.XXXXXXXX"; }

# Set the temporary directory that the rows have one after the other.
set_temporary() { # -> $row_temporary
  { scratch=$(make_scratch) && mkdir "$scratch/rows"; } || { worker_lacks "no temporary directory can be made"; return; }
  row_temporary=$scratch/rows
  export ROW_TMPDIR=$row_temporary
}

# The fields of --mount are CSV: a quote inside quotes is doubled.
add_mount() { # SOURCE DESTINATION [ro]
  local read_only=
  [[ ${3-} != ro ]] || read_only=,ro
  launcher+=(--mount "type=bind,\"source=${1//\"/\"\"}\",\"destination=${2//\"/\"\"}\"$read_only")
}

# As in REANA, the home in a container is not the user's, and commands can write to their image. If apptainer allows it,
# their changes go to the job's disk, else to a small area of memory.
add_image() { # IMAGE
  local said
  { scratch=$(make_scratch) && mkdir "$scratch/home"; } || { worker_lacks "no home for the container can be made"; return; }
  [[ -n ${container_home-} ]] || launcher+=(--home "$scratch/home")
  renew_overlay
  starts_with "$1" --overlay "$overlay" || { overlay=; starts_with "$1" --writable-tmpfs; } ||
    say "the image is read-only on ${HOSTNAME:-this worker}: ${said##*$'\n'}"
  launcher+=("$1")
}

# Does the image start with these options? If so, they are kept. If not, $said holds the reason.
starts_with() { # IMAGE OPTION...
  said=$("${launcher[@]}" "${@:2}" "$1" bash -c : 2>&1 </dev/null) && launcher+=("${@:2}")
}

# Drop the changes of a command to its image, because in REANA each command is a separate job.
renew_overlay() {
  overlay=$scratch/image
  [[ ! -e $overlay ]] || clear_away "$overlay"
  mkdir "$overlay"
}

# Delete a directory, even if a command has taken away permissions in it.
clear_away() { # DIRECTORY
  rm -rf "$1" 2>/dev/null || { chmod -R u+rwX "$1" && rm -rf "$1"; }
}
