# shellcheck shell=bash disable=SC2034,SC2154
# Measure what a row uses: CPU time as the kernel counts it for this process, and memory from the cgroup of the job. If
# the job has no cgroup of its own, the program `time` measures the largest process of each command.
#
# Facts: folder chunk own run

# The kernel counts CPU time in hundredths of a second: USER_HZ, which is 100 on all but a few old machines.

# `time` takes as long as a short command. So it measures this many rows of a chunk, and more if rows take a second.
readonly ROWS_TIMED=10

measure=() # the command line that measures a command
timed=0 # how many commands it has measured
cpu= # the CPU time of this process at the end of the last row, in hundredths of a second
memory_peak= # the file with the most memory that the job's cgroup has used
largest= # the most memory of a process of this row, in KiB

# Choose how to measure memory. A cgroup has the scheduler's name for the job, or it has other processes too.
# `time` must not die of the signal that ends a command, because then the job would not wait for the command any more.
set_measure() {
  local events=${memory_events%/*} file time=/usr/bin/time
  local way=(env --ignore-signal=TERM "$time" -f %M -o "$run/state/$folder/used-$chunk" env --default-signal=TERM)
  measure=() memory_peak=
  if [[ $events == */job_[0-9]* || $events == *[/_]slot[0-9]* ]]; then
    for file in "$events"/memory.{peak,max_usage_in_bytes}; do
      [[ ! -r $file ]] || memory_peak=$file
    done
  fi
  [[ -n $memory_peak || ! -x $time ]] || ! "${way[@]}" true 2>/dev/null || measure=("${way[@]}")
  return 0
}

# Run a command with the launcher of the row instead of this shell. A time limit ends what is measured, too.
exec_measured() { # COMMAND...
  [[ ${#measure[@]} -ne 0 ]] || exec "${launcher[@]}" "$@"
  [[ ${launcher[0]-} == timeout ]] || { # spares the first `env`
    trap '' TERM
    exec "${measure[@]:2}" "${launcher[@]}" "$@"
  }
  exec "${launcher[@]:0:3}" "${measure[@]}" "${launcher[@]:3}" "$@"
}

# Set the CPU time of this process and of the processes that it has waited for: proc_pid_stat(5), fields 14 to 17.
read_cpu() { # -> $cpu
  local fields
  cpu=
  [[ -r /proc/self/stat ]] && mapfile -t fields </proc/self/stat || return 0 # `read` takes half as long again
  # shellcheck disable=SC2206  # the fields are words
  fields=(${fields##*) })
  cpu=$((fields[11] + fields[12] + fields[13] + fields[14]))
}

# Remember the memory of a command that has ended. `time` may write a sentence before the number.
note_memory() {
  local line kib=
  [[ ${#measure[@]} -ne 0 ]] || return 0
  { while read -r line; do kib=$line; done <"state/$folder/used-$chunk"; } 2>/dev/null
  [[ ! $kib =~ ^[0-9]{1,15}$ ]] || ((kib <= ${largest:-0})) || largest=$kib
  ((++timed < ROWS_TIMED || timed <= SECONDS)) || end_measure
}

# Set the lines of the row's record that say what it used. The CPU time counts since the end of the row before.
end_usage() { # -> $used
  local before=${cpu:-0} bytes='' of=job seconds
  used="attempt=${REANA_BATCH_ATTEMPT:-1}"$'\n'
  read_cpu
  if [[ -n $cpu ]]; then
    printf -v seconds '%d.%02d' "$(((cpu - before) / 100))" "$(((cpu - before) % 100))"
    used+="cpu=$seconds"$'\n'
  fi
  if [[ -n $memory_peak ]]; then { read -r bytes <"$memory_peak"; } 2>/dev/null
  elif [[ -n $largest ]]; then bytes=$((largest * 1024)) of=process largest=
  fi
  [[ ! $bytes =~ ^[0-9]{1,18}$ ]] || used+="memory=$bytes"$'\n'"memory_of=$of"$'\n'
}

end_measure() {
  [[ ${#measure[@]} -eq 0 ]] || rm -f "state/$folder/used-$chunk" 2>/dev/null
  measure=()
}
