#!/usr/bin/env bash
# What `pip install .` alone gives an ordinary user: a fresh environment, no root, and on PATH no MPI and no compiler.
#   scripts/test_plain.sh                          a part of the unit tests, and `pfsolid doctor`
#   scripts/test_plain.sh COMMAND...               something else in that environment, in a copy of this checkout
# The last line is "plain: ..."; skipped where this user cannot become an ordinary one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ordinary=()
if [ "$(id -u)" = 0 ]; then
    ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups)      # nobody
    "${ordinary[@]}" true 2>/dev/null || { echo "plain: skipped, root cannot become an ordinary user here"; exit 0; }
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

mkdir "$place/bin" "$place/source" "$place/tmp"
find /bin/ /usr/bin/ -maxdepth 1 ! -type d ! -name '*gcc*' ! -name '*g++*' ! -name '*cpp*' ! -name 'cc' ! -name 'c++' ! -name 'c[89]9*' \
    ! -name 'clang*' ! -name 'ld*' ! -name 'mpi*' ! -name '*mpi' ! -name 'ort*' ! -name 'ompi*' ! -name 'prte*' ! -name 'h5*' \
    -exec ln -sf -t "$place/bin" {} +
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- -c | tar -x -C "$place/source"
if [ "$(id -u)" = 0 ]; then chown -R 65534:65534 "$place"; fi
chmod 755 "$place"

cat >"$place/inside" <<'INSIDE'
set -euo pipefail
cd "$HOME/source"
python3 -m venv "$HOME/venv"
"$HOME/venv/bin/pip" --disable-pip-version-check install -q ".[test]"
export PATH=$HOME/venv/bin:$PATH
# Not the folder beside us: what pip has installed.
mv pfsolid "$HOME/not-installed"
echo "plain: installed after $SECONDS s"
"$@"
INSIDE
[ $# -gt 0 ] || set -- bash -ec 'pfsolid doctor; PYTHONPATH=tests exec python -m pytest -q -p no:cacheprovider \
    tests/unit/spectral tests/unit/io tests/unit/config tests/unit/theory tests/unit/materials \
    tests/unit/parallel tests/unit/test_packaging.py'
start=$SECONDS
status=0
env -i HOME="$place" PATH="$place/bin" TMPDIR="$place/tmp" LANG=C.UTF-8 MPLBACKEND=Agg \
    ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} ${PIP_CONFIG_FILE:+PIP_CONFIG_FILE="$PIP_CONFIG_FILE"} \
    "${ordinary[@]}" bash "$place/inside" "$@" </dev/null || status=$?
echo "plain: exit status $status after $((SECONDS - start)) s"
exit $status
