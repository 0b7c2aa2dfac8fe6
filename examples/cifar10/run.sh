#!/bin/sh
# AN13331 from images to a firmware on an emulated Cortex-M7. Needs the extras tinyglow[sim,cc], and one to train with.
#   examples/cifar10/run.sh [FOLDER [TRAIN TEST]]   (FOLDER, default build/cifar10, must be new)
# TRAIN and TEST: folders of images in class folders, such as CIFAR-10's; without them the project draws figures.
# SCRIPT: train.py (Keras, default) or train_torch.py; EPOCHS: default 5; TRAINER: the Python that trains;
# BOARD: default mps2-an500, which QEMU has too.
set -eu
here=$(dirname "$0")
out=${1:-build/cifar10}
train=${2:-$out/train}
test=${3:-$out/test}
board=${BOARD:-mps2-an500}
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
mkdir -p "$out"
if [ $# -lt 3 ]; then
  echo "== figures"
  "$python" "$here/../label_image/draw.py" -o "$train" --count "${COUNT:-100}" --side 32
  "$python" "$here/../label_image/draw.py" -o "$test" --count 20 --side 32 --first 100000
fi
echo "== 1. training"
"${TRAINER:-$python}" "$here/${SCRIPT:-train.py}" "$train" "$test" --epochs "${EPOCHS:-5}" --softmax -o "$out/trained"
echo "== 2. ranges, and the accuracy of the integers"
tinyglow balance "$train" -o "$out/calibration" --count 5
tinyglow profile "$out/trained/network.onnx" --input "input=$out/calibration" $images -o "$out/profile.yaml"
tinyglow evaluate "$out/trained/network.onnx" --profile "$out/profile.yaml" --images "$test" $images \
  -o "$out/evaluation.html"
echo "== 3. firmware, with a test image of each class"
tinyglow balance "$test" -o "$out/shown" --count 1
tinyglow deploy "$out/trained/network.onnx" --name cifar --profile "$out/profile.yaml" --board "$board" \
  --input "input=$out/shown" $images --labels "$out/shown" --class-names "$out/shown" \
  --console semihosting -o "$out/firmware"
PATH="$(dirname "$(command -v "$python")"):$PATH" make -s -C "$out/firmware" TOOLCHAIN=zig
echo "== 4. in the simulator"
tinyglow boot "$out/firmware/build/firmware.elf" --board "$board"
if command -v qemu-system-arm >/dev/null && grep -q '^run:' "$out/firmware/Makefile"; then
  echo "== 5. in QEMU, whose times are its own"
  make -s -C "$out/firmware" TOOLCHAIN=zig ZIG="$python -m ziglang" run
fi
