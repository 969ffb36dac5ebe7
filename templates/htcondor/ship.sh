# shellcheck shell=bash
# Run one job in a scratch directory that HTCondor has filled, and leave there what goes back: the logs,
# the records and, in workspace, the declared outputs, or else what the job made or changed. HTCondor
# puts them in their places in the run directory and touches nothing else there.
#
#   bash batch/ship.sh FOLDER CHUNK        FOLDER is the step's, CHUNK the job's number
set -u
folder=$1 chunk=$2
mkdir -p workspace logs state
: >.arrived
sleep 0.1  # what the job writes must be younger than the mark, and clocks of file systems tick slowly

# The file or folder of a declared output, or the files that match it as a pattern; a NUL after each.
named() ( # OUTPUT
  cd everything || exit
  [[ ! -e $1 ]] || { printf '%s\0' "$1"; exit; }
  shopt -s globstar dotglob nullglob
  IFS=
  for file in $1; do [[ -d $file || ! -e $file ]] || printf '%s\0' "$file"; done
)

REANA_BATCH_ALONE=1 bash "batch/steps/$folder/job.sh" "$chunk" &
job=$!
trap 'kill -TERM "$job"' TERM INT HUP
wait "$job"
code=$?
while kill -0 "$job" 2>/dev/null; do  # a signal ended the wait, not the job
  wait "$job"
  code=$?
done

if [[ -e batch/steps/$folder/outputs ]]; then
  mv workspace everything
  mkdir workspace
  while IFS= read -rd '' output; do
    while IFS= read -rd '' file; do
      mkdir -p "workspace/$(dirname "$file")"
      mv -f "everything/$file" "workspace/$file"
    done < <(named "$output")
  done <"batch/steps/$folder/outputs"
else
  # No program can set back the time of a file's last change, as tar and cp -p do with that of its data.
  find workspace -type f ! -cnewer .arrived -delete
fi
exit "$code"
