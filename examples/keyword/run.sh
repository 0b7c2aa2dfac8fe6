#!/bin/sh
# From sounds to a firmware that hears keywords, on an emulated Cortex-M7. Needs the extras tinyglow[sim,cc].
#   examples/keyword/run.sh [FOLDER]   (default: build/keyword; must be new)
# TRAIN: options of train.py, such as --data DIR or --count 20; BOARD: default mps2-an500, which QEMU has too.
set -eu
here=$(dirname "$0")
out=${1:-build/keyword}
board=${BOARD:-mps2-an500}
python=${PYTHON:-python3}
# This checkout's tinyglow, installed or not, in each Python that is run.
PYTHONPATH=$(cd "$here/../.." && pwd)${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
tinyglow() { "$python" -m tinyglow "$@"; }

if [ -e "$out" ]; then
  echo "$out is there already: remove it, or name another folder" >&2
  exit 2
fi
echo "== 1. sounds, features, training"
# shellcheck disable=SC2086
"$python" "$here/train.py" ${TRAIN:-} -o "$out"
echo "== 2. ranges, and the accuracy of the integers"
tinyglow profile "$out/kws.onnx" --input "features=$out/ranges.npy" -o "$out/profile.yaml"
"$python" "$here/accuracy.py" "$out"
echo "== 3. firmware"
tinyglow deploy "$out/kws.onnx" --name kws --profile "$out/profile.yaml" --board "$board" \
  --input "features=$out/one.npy" --console semihosting -o "$out/firmware"
"$python" "$here/firmware.py" "$out" "$out/firmware" --board "$board"
PATH="$(dirname "$(command -v "$python")"):$PATH" make -s -C "$out/firmware" TOOLCHAIN=zig
echo "== 4. in the simulator"
tinyglow boot "$out/firmware/build/firmware.elf" --board "$board"
if command -v qemu-system-arm >/dev/null && grep -q '^run:' "$out/firmware/Makefile"; then
  echo "== 5. in QEMU, whose times are its own"
  make -s -C "$out/firmware" TOOLCHAIN=zig ZIG="$python -m ziglang" run
fi
