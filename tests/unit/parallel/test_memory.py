"""What is free on a node, from a system's files made for the purpose."""

import pytest
from helpers.builders import ALONE

from pfsolid.errors import InputError
from pfsolid.parallel.memory import available_bytes, check_memory

UNLIMITED_1 = 9223372036854771712  # what control groups of version 1 say for none


def make_system(root, meminfo="MemFree: 5 kB\nMemAvailable:    1000 kB\n", cgroup="", **groups):
    (root / "proc/self").mkdir(parents=True)
    if meminfo is not None:
        (root / "proc/meminfo").write_text(meminfo)
    (root / "proc/self/cgroup").write_text(cgroup)
    for folder, files in groups.items():
        place = root / "sys/fs/cgroup" / folder.replace("__", "/")
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / f"memory.{name}").write_text(f"{text}\n")
    return root


def version_2(limit, used, inactive=0):
    return {"max": limit, "current": used, "stat": f"anon 1\ninactive_file {inactive}"}


def version_1(limit, used, inactive=0):
    return {"limit_in_bytes": limit, "usage_in_bytes": used, "stat": f"inactive_file 1\ntotal_inactive_file {inactive}"}


def test_without_limits(tmp_path):
    assert available_bytes(make_system(tmp_path)) == 1_024_000


def test_the_least_of_all_groups_above_a_job(tmp_path):
    make_system(tmp_path, cgroup="0::/slurm/job_1/step_0\n", slurm=version_2("max", 0),
                slurm__job_1=version_2(500_000, 300_000, 50_000), slurm__job_1__step_0=version_2(400_000, 100_000))
    assert available_bytes(tmp_path) == 250_000


def test_groups_of_version_1(tmp_path):
    make_system(tmp_path, cgroup="5:cpu:/x\n4:memory:/job/one\n0::/\n", memory=version_1(UNLIMITED_1, 7),
                memory__job__one=version_1(900_000, 800_000, 20_000))
    assert available_bytes(tmp_path) == 120_000


def test_a_path_of_the_host_seen_from_a_container(tmp_path):
    make_system(tmp_path, cgroup="0::/docker/0123\n", **{".": version_2(300_000, 400_000)})
    assert available_bytes(tmp_path) == 0


def test_a_system_that_says_nothing(tmp_path):
    assert available_bytes(tmp_path) is None
    assert available_bytes(make_system(tmp_path, meminfo=None)) is None


def test_refusal_with_the_numbers():
    check_memory(1000, 100, 0, ALONE)
    with pytest.raises(InputError, match=r"^scan.tif has 1,000,000,000,000 voxels of about 110 bytes: that takes 100.0 TiB "
                                         r"for the 1 rank on a node, which has .*iB free; crop it"):
        check_memory(10**12, 110, 0, ALONE, "scan.tif")
