#!/bin/sh
# MobileNet v1 0.25 128 x 128, retrained to five kinds of figures, in a firmware on an emulated Cortex-M7.
# Needs the extras tinyglow[sim,cc] and, to train, tinyglow[train].
#   examples/label_image/run.sh [FOLDER]   (default: build/label_image; must be new)
# COUNT: pictures of each kind (default 60); TRAIN: options of train.py; TRAINER: its Python; BOARD: default mps2-an500.
set -eu
here=$(dirname "$0")
out=${1:-build/label_image}
board=${BOARD:-mps2-an500}
count=${COUNT:-60}
python=${PYTHON:-python3}
# This checkout's tinyglow, installed or not, in each Python that is run.
PYTHONPATH=$(cd "$here/../.." && pwd)${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
tinyglow() { "$python" -m tinyglow "$@"; }
images="--image-mode neg1to1"

if [ -e "$out" ]; then
  echo "$out is there already: remove it, or name another folder" >&2
  exit 2
fi
echo "== 1. pictures"
"$python" "$here/draw.py" -o "$out/train" --count "$count"
"$python" "$here/draw.py" -o "$out/test" --count 20 --first 100000
"$python" "$here/draw.py" -o "$out/others" --count "$count" --others
echo "== 2. seeing, and a new last layer"
# shellcheck disable=SC2086
${TRAINER:-$python} "$here/train.py" "$out/train" "$out/test" --others "$out/others" ${TRAIN:-} -o "$out"
echo "== 3. ranges, and the accuracy of the integers"
tinyglow balance "$out/train" -o "$out/calibration" --count 10
tinyglow profile "$out/network.onnx" --input "input=$out/calibration" $images -o "$out/profile.yaml"
tinyglow evaluate "$out/network.onnx" --profile "$out/profile.yaml" --images "$out/test" $images -o "$out/evaluation.html"
echo "== 4. firmware, with a test picture of each kind"
tinyglow balance "$out/test" -o "$out/shown" --count 1
tinyglow deploy "$out/network.onnx" --name label_image --profile "$out/profile.yaml" --board "$board" \
  --input "input=$out/shown" $images --labels "$out/shown" --class-names "$out/labels.txt" \
  --console semihosting -o "$out/firmware"
PATH="$(dirname "$(command -v "$python")"):$PATH" make -s -C "$out/firmware" TOOLCHAIN=zig
echo "== 5. in the simulator"
tinyglow boot "$out/firmware/build/firmware.elf" --board "$board"
if command -v qemu-system-arm >/dev/null && grep -q '^run:' "$out/firmware/Makefile"; then
  echo "== 6. in QEMU, whose times are its own"
  make -s -C "$out/firmware" TOOLCHAIN=zig ZIG="$python -m ziglang" run
fi
