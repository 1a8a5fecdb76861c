#!/usr/bin/env bash
# One allocation that runs the whole workflow, for login nodes that allow no long process:
#   sbatch workflow/allocation.sh parameters/mine.yaml [further words for snakemake]
# Submit it again after the time limit: it resumes. Options of sbatch (--account, --partition, …) come before the
# name of the script.
#SBATCH --job-name=getl
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --output=getl-%j.out
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
parameters=${1:?"usage: sbatch workflow/allocation.sh PARAMETERS.yaml"}
shift
read -ra snakemake <<<"${SNAKEMAKE:-.venv/bin/snakemake}"
"${snakemake[@]}" --snakefile workflow/Snakefile --cores "${SLURM_CPUS_PER_TASK:-1}" --keep-going --configfile "$parameters" "$@" &
child=$!
trap 'kill -TERM $child 2>/dev/null; wait $child' TERM INT  # 120 s before the limit: start no further unit
wait $child
