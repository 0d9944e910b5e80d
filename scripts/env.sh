# shellcheck shell=bash
# Sourced, by the other scripts and by the job templates:  source scripts/env.sh
# The environment pfsolid needs before Python starts. What is already set stays as it is.

pfsolid_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
pfsolid_venv=${PFSOLID_VENV:-$pfsolid_root/.venv}
case ":$PATH:" in
    *":$pfsolid_venv/bin:"*) ;;
    *) export PATH="$pfsolid_venv/bin:$PATH" ;;
esac

# Idle OpenMP threads sleep. Spinning ones keep the cores from FFTW's threads, and a step takes 2.5 times as long.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

# A NumPy under ~/.local would hide the one that the MPI packages were built for.
export PYTHONNOUSERSITE=${PYTHONNOUSERSITE:-1}

if [ "$(id -u)" = 0 ]; then     # containers: Open MPI refuses to run as root unless told twice
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# On a laptop or a CI machine: more ranks than cores are allowed, and ranks are not tied to a core (two runs side by side
# would both be tied to core 0, and a rank's threads to a single core). In a batch job the scheduler decides both.
# The first two are Open MPI 4's names, the others Open MPI 5's.
if [ -z "${SLURM_JOB_ID:-}${PBS_JOBID:-}${LSB_JOBID:-}" ]; then
    export OMPI_MCA_rmaps_base_oversubscribe=${OMPI_MCA_rmaps_base_oversubscribe:-1}
    export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-none}
    export PRTE_MCA_rmaps_default_mapping_policy=${PRTE_MCA_rmaps_default_mapping_policy:-:oversubscribe}
    export PRTE_MCA_hwloc_default_binding_policy=${PRTE_MCA_hwloc_default_binding_policy:-none}
fi
unset pfsolid_root pfsolid_venv
