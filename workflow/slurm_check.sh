#!/usr/bin/env bash
# Does the workflow end on a real Slurm with the same tables as on this machine alone?
#   workflow/slurm_check.sh [PARAMETERS.yaml]      (default parameters/quick.yaml)
# Installs Debian's slurm-wlm and munge, starts them on one node on loopback, runs the workflow locally and as batch jobs, compares.
# Needs root and Debian; where it cannot run it says so in its last line and ends with 0.
set -uo pipefail
cd "$(dirname "$0")/.."
parameters=${1:-parameters/quick.yaml}
python=${PYTHON:-.venv/bin/python}
place=${PLACE:-runs/slurm-check}
cannot() { echo "SLURM NOT CHECKED: $1"; exit 0; }

[ "$(id -u)" = 0 ] || cannot "not root, so neither packages can be installed nor daemons started"
if ! command -v slurmctld >/dev/null; then
    command -v apt-get >/dev/null || cannot "no apt-get: not a Debian"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge; } \
        >/dev/null 2>&1 || cannot "slurm-wlm and munge could not be installed"
fi
[ -e /etc/slurm/slurm.conf ] && cannot "this machine already has a Slurm of its own"

mkdir -p "$place" && rm -rf "${place:?}"/{local,slurm,conf}  # both by the same code
conf=$(realpath "$place")/conf
mkdir -p "$conf/state" "$conf/spool" /etc/slurm
host=$(hostname -s)
cat >"$conf/slurm.conf" <<CONF
ClusterName=getl
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MinJobAge=3600
ReturnToService=2
StateSaveLocation=$conf/state
SlurmdSpoolDir=$conf/spool
SlurmctldPidFile=$conf/slurmctld.pid
SlurmdPidFile=$conf/slurmd.pid
SlurmctldLogFile=$conf/slurmctld.log
SlurmdLogFile=$conf/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc --all) RealMemory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
PartitionName=getl Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
ln -s "$conf/slurm.conf" /etc/slurm/slurm.conf  # where a batch job's own srun looks
started=()
stop() { for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done; rm -f /etc/slurm/slurm.conf; }
trap stop EXIT
trap 'exit 143' TERM INT
if ! munge -n >/dev/null 2>&1; then
    [ -f /etc/munge/munge.key ] || mungekey >/dev/null 2>&1 || cannot "munge has no key"
    mkdir -p /run/munge && chown munge: /run/munge
    runuser -u munge -- munged --foreground >"$conf/munged.log" 2>&1 &
    started+=($!)
fi
slurmctld -D >/dev/null 2>&1 &
started+=($!)
slurmd -D >/dev/null 2>&1 &
started+=($!)
for _ in $(seq 60); do sinfo -h -o %T 2>/dev/null | grep -q idle && break; sleep 1; done
sinfo -h -o %T 2>/dev/null | grep -q idle || cannot "slurmd did not come up: $(tail -n 1 "$conf/slurmd.log" 2>/dev/null)"
echo "Slurm $(sinfo --version | cut -d' ' -f2) on $(nproc --all) processors"

for kind in local slurm; do  # the same parameters but for the place of the results
    "$python" - "$parameters" "$place/$kind" "$place/$kind.yaml" <<'PY' || exit 1
import sys, yaml
values = yaml.safe_load(open(sys.argv[1])) | {"work_dir": sys.argv[2]}
open(sys.argv[3], "w").write(yaml.safe_dump(values))
PY
done
snakemake=("$python" -m snakemake --snakefile workflow/Snakefile --quiet progress rules)
start=$SECONDS
"${snakemake[@]}" --cores "$(nproc)" --configfile "$place/local.yaml" >"$conf/local.log" 2>&1 || { tail -n 30 "$conf/local.log"; exit 1; }
echo "locally: $((SECONDS - start)) s"
start=$SECONDS  # every rule a batch job; the labels in groups, several to an allocation; the profile's sizes are a cluster's
"${snakemake[@]}" --workflow-profile workflow/profiles/slurm --jobs 8 --latency-wait 20 \
    --slurm-status-command squeue --slurm-init-seconds-before-status-checks 3 \
    --set-threads label=1 --group-components labels=2 --default-resources runtime=120 slurm_partition=getl --configfile "$place/slurm.yaml" >"$conf/slurm.log" 2>&1 \
    || { tail -n 40 "$conf/slurm.log"; exit 1; }
jobs=$(squeue -h --states=all | wc -l)
echo "as $jobs batch jobs: $((SECONDS - start)) s"
[ "$jobs" -gt 5 ] || { echo "the jobs did not go through Slurm"; exit 1; }
"$python" workflow/same_tables.py "$place/local" "$place/slurm" || exit 1

id=$(sbatch --parsable --cpus-per-task=1 --time=30 --output="$conf/allocation-%j.out" --export=ALL,SNAKEMAKE="$python -m snakemake" \
    workflow/allocation.sh "$place/slurm.yaml" --forcerun extract)
while squeue -h -j "$id" -t PENDING,RUNNING,COMPLETING 2>/dev/null | grep -q .; do sleep 2; done
state=$(scontrol show job "$id" | grep -o 'JobState=[A-Z]*')
echo "one allocation, from 02 on again: $state"
[ "$state" = JobState=COMPLETED ] || { tail -n 30 "$conf/allocation-$id.out"; exit 1; }
"$python" workflow/same_tables.py "$place/local" "$place/slurm"
