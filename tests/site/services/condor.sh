# shellcheck shell=bash
# HTCondor: central manager, schedd and one partitionable slot of 16 CPUs on this host.
set -euo pipefail

ready() { running condor_master && [ -n "$(timeout 10 condor_status -af Name)" ] && timeout 10 condor_q; }

# The programs that send the user's ticket to HTCondor's credd and that renew it. The first one must be set in the user's
# environment. As the site's SEC_CREDENTIAL_PRODUCER it would stop submissions of users without a ticket.
# shellcheck disable=SC2016  # the scripts expand their variables
ticket_tools() {
    install -d -m 2770 -g condor /var/lib/condor/krb
    printf '%s\n' '#!/bin/bash' 'cache=${KRB5CCNAME:-/tmp/krb5cc_$(id -u)}' 'exec cat "${cache#FILE:}"' \
        >/usr/local/bin/ticket-of-user
    printf '%s\n' '#!/bin/bash' '# USER LIFETIME CACHE [ACTION]' 'KRB5CCNAME=FILE:$3 exec kinit -R' \
        >/usr/libexec/condor/set_batchtok_cmd
    chmod 755 /usr/local/bin/ticket-of-user /usr/libexec/condor/set_batchtok_cmd
}

start() {
    local directory
    ticket_tools
    cat >/etc/condor/config.d/99-site.conf <<'END'
use role: CentralManager
use role: Submit
use role: Execute
use feature: PartitionableSlot
CONDOR_HOST = 10.99.0.1
NETWORK_INTERFACE = 10.99.0.1
ENABLE_IPV6 = FALSE
FULL_HOSTNAME = login.site.test
# jobs run as the user who submitted them
UID_DOMAIN = site.test
FILESYSTEM_DOMAIN = site.test
TRUST_UID_DOMAIN = TRUE
STARTER_ALLOW_RUNAS_OWNER = TRUE

# all users are on one host, so the file system proves the real uid
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS
# without this, the 25.x bindings refuse to talk to the schedd of Debian's 23.9
SEC_FS_ENFORCE_CHANNEL_BINDING = FALSE
ALLOW_READ = *
ALLOW_WRITE = *@site.test
ALLOW_DAEMON = condor@*, root@*
ALLOW_NEGOTIATOR = condor@*, root@*
ALLOW_ADMINISTRATOR = condor@*, root@*
ALLOW_ADVERTISE_STARTD = *
ALLOW_ADVERTISE_SCHEDD = *
ALLOW_ADVERTISE_MASTER = *

# more slots than this host has cores
NUM_CPUS = 16
MEMORY = 16000
SLOT_TYPE_1 = 100%
JOB_DEFAULT_REQUESTMEMORY = 1000
JOB_DEFAULT_REQUESTDISK = 1000
START = TRUE
SUSPEND = FALSE
PREEMPT = FALSE
KILL = FALSE

# the limits of the job: memory without cgroups, by sampling; +MaxRuntime as at CERN
BASE_CGROUP =
STARTER_UPDATE_INTERVAL = 3
SHADOW_QUEUE_UPDATE_INTERVAL = 3
SYSTEM_PERIODIC_HOLD = JobUniverse == 5 && JobStatus == 2 && MemoryUsage =!= undefined && MemoryUsage > RequestMemory
SYSTEM_PERIODIC_HOLD_REASON = strcat("Job has gone over its memory limit of ", RequestMemory, " megabytes. Last measured usage: ", MemoryUsage, " megabytes.")
SYSTEM_PERIODIC_REMOVE = JobUniverse == 5 && JobStatus == 2 && MaxRuntime =!= undefined && time() - JobCurrentStartDate > MaxRuntime
SYSTEM_PERIODIC_REMOVE_REASON = "SYSTEM_PERIODIC_REMOVE due to wall time exceeded allowed max."

# speed
UPDATE_INTERVAL = 5
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_MIN_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 1
PERIODIC_EXPR_INTERVAL = 5
MAX_PERIODIC_EXPR_INTERVAL = 5
JOB_START_COUNT = 100
JOB_START_DELAY = 0
DAGMAN_AGGRESSIVE_SUBMIT = TRUE
DAGMAN_USER_LOG_SCAN_INTERVAL = 1
DAGMAN_SUBMIT_DELAY = 0
DAGMAN_MAX_SUBMITS_PER_INTERVAL = 200
DAGMAN_PENDING_REPORT_INTERVAL = 30

# a killed daemon restarts within seconds
MASTER_BACKOFF_CONSTANT = 1
MASTER_BACKOFF_FACTOR = 1.2
MASTER_BACKOFF_CEILING = 5
MASTER_RECOVER_FACTOR = 10

# Kerberos tickets, sent to jobs that ask for them (MY.SendCredential), as at CERN
DAEMON_LIST = $(DAEMON_LIST) CREDD CREDMON_KRB
CREDD_HOST = $(CONDOR_HOST)
SEC_CREDENTIAL_DIRECTORY_KRB = /var/lib/condor/krb
CREDMON_KRB = /usr/sbin/condor_credmon_krb

SINGULARITY = /usr/bin/apptainer
# grid_resource = batch slurm
BLAHPD_LOCATION = /usr
GRIDMANAGER_JOB_PROBE_INTERVAL = 2
GRIDMANAGER_MAX_SUBMITTED_JOBS_PER_RESOURCE = 1000
END
    for directory in /run/condor /run/lock/condor /var/log/condor /var/lib/condor/{,spool,execute}; do
        install -d -o condor -g condor "$directory"
    done
    running condor_master || condor_master
    wait_for 120 ready
}
