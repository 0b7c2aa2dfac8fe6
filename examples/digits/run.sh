#!/bin/sh
# From drawn digits to a firmware on an emulated FRDM-KE16Z. Needs the extras tinyglow[sim,cc] and no network.
#   examples/digits/run.sh [FOLDER]   (default: build/digits; must be new)
# To use digits of your own: tinyglow collect -o DATASET, then DATASET=DATASET examples/digits/run.sh
# COUNT: pictures of each digit that are drawn (default 60); EPOCHS: of training (default 40).
set -eu
here=$(dirname "$0")
out=${1:-build/digits}
python=${PYTHON:-python3}
# This checkout's tinyglow, installed or not, in each Python that is run.
PYTHONPATH=$(cd "$here/../.." && pwd)${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
tinyglow() { "$python" -m tinyglow "$@"; }
images="--image-mode 0to1 --image-layout NHWC"

if [ -e "$out" ]; then
  echo "$out is there already: remove it, or name another folder" >&2
  exit 2
fi
mkdir -p "$out"

echo "== 1. a data set"
if [ -z "${DATASET:-}" ]; then
  "$python" "$here/draw.py" -o "$out/dataset" --count "${COUNT:-60}"
  DATASET=$out/dataset
fi
echo "== 2. parts that share no picture"
tinyglow split "$DATASET" -o "$out/parts" --train 70 --test 20 --validation 10
echo "== 3. training"
"$python" "$here/train.py" "$out/parts/train" "$out/parts/validation" --epochs "${EPOCHS:-40}" -o "$out/digits.onnx"
echo "== 4. ranges, by ten training pictures of each digit"
tinyglow balance "$out/parts/train" -o "$out/calibration" --count 10
tinyglow profile "$out/digits.onnx" --input "image=$out/calibration" $images -o "$out/profile.yaml"
echo "== 5. float beside int8 beside the board, on pictures that were not trained on"
tinyglow evaluate "$out/digits.onnx" --profile "$out/profile.yaml" --images "$out/parts/test" $images \
  --board frdm-ke16z -o "$out/evaluation.html"
echo "== 6. bundle"
tinyglow compile "$out/digits.onnx" --profile "$out/profile.yaml" --board frdm-ke16z -o "$out/bundle"
echo "== 7. firmware, with a test picture of each digit"
tinyglow balance "$out/parts/test" -o "$out/shown" --count 1
tinyglow deploy "$out/digits.onnx" --profile "$out/profile.yaml" --board frdm-ke16z --input "image=$out/shown" $images \
  --labels "$out/shown" -o "$out/firmware"
PATH="$(dirname "$(command -v "$python")"):$PATH" make -s -C "$out/firmware" TOOLCHAIN=zig
tinyglow boot "$out/firmware/build/firmware.elf" --board frdm-ke16z
