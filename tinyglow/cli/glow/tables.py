"""The options of each tool: Glow's own, as in its tools/loader, lib/Base/Image.cpp and lib/LLVMIRCodeGen, and NXP's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyglow.cli.glow.option import Kind, Option, flag

_SOURCE = "a bundle is C source; your compiler is told such things when it compiles it"
_HOST = "networks run in numpy here, not on devices"
_TIMES = "nothing is measured here; 'tinyglow run' counts cycles"
_KERNELS = "the kernels are tinyglow's own, and the fastest for the core are taken anyway"
_FP16 = "there is no float16 on the CPU backend"

_MODEL = (
    Option(
        "model",
        "the network: an ONNX or TFLite file, the folder of a Caffe2 network, or twice, with the two files of one",
        aliases=("m",),
        metavar="model.onnx",
        many=True,
        required=True,
    ),
    Option(
        "model-input",
        "an input: its name alone, or name,float,[shape], or name,int8q,scale,offset,[shape] for an input of the "
        "bundle that is int8 with these parameters; may be repeated",
        aliases=("model-input-name",),
        metavar="name,type,[shape]",
        many=True,
    ),
    Option("onnx-define-symbol", "size of a symbolic dimension; may be repeated", metavar="N,1", many=True),
    flag("tflite-float-inputs", "inputs of a quantized TFLite model are float, and quantized in the bundle"),
    flag("tflite-float-outputs", "outputs of a quantized TFLite model are dequantized in the bundle"),
    flag("tflite-uint8-to-int8", "uint8 becomes int8", unused="it always does"),
    flag("tflite-float-softmax", "no int8 softmax", refused="choose it while the model is quantized"),
    flag("tflite-rename-tensors", "names tensor0, tensor1 ...", refused="values keep the names of the model"),
    Option("tflite-bias-scale-check-max-error", "tolerance", Kind.NUMBER, unused="it is Glow's default, 1e-6"),
    flag("tflite-bias-scale-check-throw-error", "whether to check", unused="it always is checked"),
    Option("tflite-mfcc-sample-rate", "of MFCC operators", Kind.NUMBER, unused="there are none"),
    flag("tflite-enable-custom-operator", "custom operators", unused="there are none"),
    Option("tflite-dump-graph", "the graph as read", unused="-dump-graph-DAG-before-compile draws it", metavar="FILE"),
    Option(
        "backend",
        "CPU or Interpreter; either way int8 is computed as Glow's CPU bundles do",
        choices=("CPU", "Interpreter"),
        default="Interpreter",
    ),
)

_QUANTIZATION = (
    Option("load-profile", "quantize with the ranges of this profile", metavar="profile.yaml"),
    Option("dump-profile", "run the network on the inputs and write the ranges of all values", metavar="profile.yaml"),
    Option(
        "quantization-schema",
        "how ranges become scales and offsets",
        choices=("asymmetric", "symmetric", "symmetric_with_uint8", "symmetric_with_power2_scale"),
        default="asymmetric",
    ),
    Option(
        "quantization-precision",
        "type of quantized values; Int16, which Glow leaves in float, has int8 weights, and always -graph=tiny",
        choices=("Int8", "Int16"),
        default="Int8",
    ),
    Option("quantization-precision-bias", "type of biases", choices=("Int8", "Int16", "Int32"), default="Int32"),
    Option(
        "quantization-calibration",
        "KL: narrow ranges by divergence; the profile needs at least 255 bins",
        choices=("none", "KL"),
        default="none",
    ),
    flag("calibrate-constants", "calibrate weights too"),
    flag("enable-channelwise", "convolutions get a scale for each output channel"),
    flag("enable-rowwise", "a scale for each row", refused="fully connected layers have one scale for their weights"),
    Option(
        "keep-original-precision-for-nodes",
        "node kinds that stay float, by Glow's names",
        metavar="Add,Div",
        many=True,
        comma=True,
    ),
    Option(
        "channelwise-node",
        "tinyglow's own: a node of the model whose channels get a scale each; may be repeated",
        metavar="NAME",
        many=True,
    ),
    Option("float-node", "tinyglow's own: a node of the model that stays float; may be repeated", many=True),
    flag("assert-all-nodes-quantized", "fail if a node stays float that is not listed to be kept"),
    Option("num-histogram-bins", "bins of the histograms of a profile", Kind.COUNT, default="10", metavar="N"),
    flag("convert-placeholders", "inputs and outputs of the bundle are int8, not float"),
    Option(
        "graph",
        "tinyglow's own: glow quantizes exactly the graph that Glow would, tiny a simpler one where one is known",
        choices=("glow", "tiny"),
        default="glow",
    ),
)

_DEBUGGING = (
    Option(
        "dump-graph-DAG",
        "draw the graph that is compiled; .pdf, .png and .svg if graphviz is installed",
        metavar="file.dot",
    ),
    Option("dump-graph-DAG-before-compile", "draw the graph as it was read", metavar="file.dot"),
    flag("dump-graph", "print the graph that is compiled"),
    flag("debug", "tinyglow's own: show a traceback when something fails"),
)

_BUNDLE = (
    Option("emit-bundle", "folder for the bundle", metavar="DIR"),
    Option("network-name", "name of the network in C and of the bundle's files", metavar="NET"),
    Option("main-entry-name", "name of the bundle's function", metavar="NAME"),
    Option("bundle-api", "the bundle's interface", choices=("static", "dynamic"), default="static"),
    flag("bundle-api-verbose", "the header lists the constants too"),
    Option("target", "what the bundle is for: arm, riscv32, xtensa, or this machine's architecture", metavar="arm"),
    Option("mcpu", "the core the bundle is for", metavar="cortex-m7"),
    Option("float-abi", "how floats are passed", choices=("default", "soft", "hard"), default="default"),
    flag("use-cmsis", "kernels of CMSIS-NN", unused=_KERNELS),
    flag("use-hifi", "portable kernels for a HiFi DSP, as -target=xtensa: it runs the bundle's C, without intrinsics"),
    Option(
        "tcm-size",
        "fast memory for the buffers with the most traffic, which the application lends as glow_tcm_addr",
        Kind.COUNT,
        metavar="BYTES",
    ),
    Option(
        "weights",
        "tinyglow's own: in flash the constants are const, in ram start-up code copies them",
        choices=("flash", "ram"),
        default="flash",
    ),
    flag("weights-asm", "tinyglow's own: also NET.weights.S, which takes in NET.weights.bin"),
    flag("bundle-utils", "tinyglow's own: also glow_bundle_utils.h and .c, for hosts"),
    flag("bundle-object", "tinyglow's own: NET.o in place of the C files, as Glow has it, built with -cc"),
    Option("cc", "tinyglow's own: C compiler for -bundle-object", default="auto", metavar="auto|zig|gcc|clang"),
)

# Options of Glow's that every tool takes and that have no meaning for one that writes C and runs on numpy.
_MEANINGLESS = (
    flag("verbose", "more output", unused="there is no more to say"),
    flag("time", "print times", unused=_TIMES),
    Option("iterations", "how often to run", Kind.COUNT, unused=_TIMES),
    Option("num-devices", "devices to use", Kind.COUNT, unused=_HOST),
    flag("run-all-inputs-on-all-devices", "for tests", unused=_HOST),
    Option("do-not-lower-nodes-for-profiling", "kinds to profile whole", unused="nothing needs it", many=True),
    Option("march", "architecture", unused=_SOURCE),
    Option("mabi", "machine ABI", unused=_SOURCE),
    Option("target-feature", "features of the core", aliases=("mattr",), unused=_SOURCE, many=True),
    Option("code-model", "code model", unused=_SOURCE),
    Option("bundle-code-model", "code model of the bundle", unused=_SOURCE),
    Option("relocation-model", "relocation model", unused=_SOURCE),
    Option("llvm-compiler", "external compiler", unused=_SOURCE),
    Option("llvm-opt", "external optimizer", unused=_SOURCE),
    Option("llvm-compiler-opt", "options of the external compiler", unused=_SOURCE, many=True),
    flag("llvm-save-asm", "write assembly", unused=_SOURCE),
    Option("bundle-objects", "objects to add to the bundle", unused=_SOURCE, many=True),
    flag("optimize-ir", "optimize memory", unused="it always is"),
    flag("dump-ir", "print instructions", unused="'tinyglow compile --dump DIR' writes every station's result"),
    Option("cpu-memory", "memory of the device", unused=_HOST),
    flag("convert-to-fp16", "float16 instead of float32", refused=_FP16),
    Option("fp16-format", "kind of float16", unused=_FP16),
)

IMAGES = (
    Option(
        "image-mode",
        "range that black and white are mapped to (default: pixels as they are)",
        aliases=("i",),
        choices=("neg1to1", "0to1", "0to255", "neg128to127", "U16", "S16"),
    ),
    Option("image-layout", "layout of the input", aliases=("l",), choices=("NCHW", "NHWC"), default="NCHW"),
    Option("image-channel-order", "order of the channels of colour images", choices=("BGR", "RGB"), default="BGR"),
    Option("mean", "numbers to subtract from the pixels of each channel first", metavar="m1,m2,m3"),
    Option("stddev", "numbers to divide the pixels of each channel by then", metavar="s1,s2,s3"),
    flag("use-imagenet-normalization", "mean and stddev of ImageNet"),
    Option("input-layout", "layout of NumPy files", unused="inputs are images, laid out as -image-layout says"),
    Option("input-values-range", "range of NumPy files", unused="a file's own depth, 8 or 16 bits, is its range"),
)

_EXECUTOR = (
    Option("input-image-dir", "folder with the images; may be repeated", metavar="DIR", many=True),
    Option(
        "input-image-list-file", "file with the path of an image on each line", metavar="FILE", many=True, comma=True
    ),
    Option(
        "minibatch", "images that run together; their number must be a multiple", Kind.COUNT, default="1", metavar="N"
    ),
    Option("minibatch-threads", "threads", Kind.COUNT, unused=_HOST),
    flag("preload-all-images", "read all images first", unused="they always are"),
    Option("repeat-single-batch-count", "for tests", Kind.COUNT, unused=_TIMES),
    Option("warmup", "runs before measuring", Kind.COUNT, unused=_TIMES),
    Option("excluded-first-warmup-runs", "runs to leave out", Kind.COUNT, unused=_TIMES),
    Option("pool-size", "contexts", Kind.COUNT, unused=_TIMES),
    Option("trace-path", "file for traces", unused=_TIMES),
    flag("auto-instrument", "traces of operators", unused=_TIMES),
    Option("trace-level", "what to trace", Kind.COUNT, unused=_TIMES),
    flag("convert-inout-to-fp16", "inputs and outputs in float16", refused=_FP16),
    Option("output-name", "the output to classify by, if there are several", metavar="NAME"),
)

_CLASSIFIER = (
    Option("topk", "how many classes to print for each image", Kind.COUNT, default="1", metavar="K"),
    flag("compute-softmax", "turn the network's outputs into probabilities"),
    Option("label-offset", "what to subtract from class numbers", Kind.COUNT, default="0", metavar="N"),
    Option(
        "expected-labels", "class of each image; exit status 1 if one is not among the first", many=True, comma=True
    ),
)

_PROFILER = (
    Option(
        "input-dataset",
        "samples of an input: name,format,source,where; format: rawbin (floats) or rawtxt (numbers and commas); "
        "source: file (a list of paths, and a folder to look in) or dir (all files of a folder)",
        metavar="name,rawbin,dir,DIR",
        many=True,
    ),
)

_TUNER = (
    Option("dataset-file", "file with an image and its class on each line", metavar="labels.csv", required=True),
    Option("dataset-path", "folder of the images", metavar="DIR", required=True),
    Option("dump-tuned-profile", "the tuned profile", metavar="tuned.yaml", required=True),
    Option("target-accuracy", "stop at this accuracy, 0 to 1", Kind.NUMBER, default="1.0", metavar="A"),
    Option("max-iter-per-node", "ranges to try for each value", Kind.COUNT, default="3", metavar="N"),
    Option("acc-drop-skip", "loss of accuracy at which a value is left", Kind.NUMBER, default="0.05", metavar="D"),
    Option("jobs", "tinyglow's own: processes; 0 for one on each core", Kind.COUNT, default="0", metavar="N"),
    Option(
        "executor",
        "tinyglow's own: where to compute: local:N (processes) or dask://HOST:PORT (scheduler of a Dask cluster)",
        metavar="WHERE",
    ),
    Option("checkpoint", "tinyglow's own: file to go on from (default: the tuned profile's name and .checkpoint)"),
    flag("restart", "tinyglow's own: do not go on from a checkpoint"),
    flag(
        "search",
        "tinyglow's own: find schema, biases, calibration, and layers per channel or in float first; print those that "
        "none surpasses in accuracy, cycles and flash, and tune the most accurate one",
    ),
    Option("board", "tinyglow's own, for -search: whose cycles and flash count ('tinyglow boards' lists them)"),
    Option("max-cycles", "tinyglow's own, for -search: limit of an inference", Kind.COUNT, metavar="N"),
    Option("max-flash", "tinyglow's own, for -search: limit of code and weights", Kind.COUNT, metavar="BYTES"),
    Option("search-trials", "tinyglow's own, for -search: schemes to try", Kind.COUNT, default="200", metavar="N"),
    Option("search-report", "tinyglow's own, for -search: write what was found", metavar="front.json"),
)

_PROCESS_IMAGE = (
    Option(
        "input-path",
        "the image, or a folder of images; an .inc, .txt or .bin of this tool's is turned back into an image",
        aliases=("image-path", "i"),
        metavar="PATH",
        required=True,
    ),
    Option("output-path", "the file to write, or a folder", aliases=("o",), metavar="PATH", required=True),
    Option(
        "output-format", "txt: C text to #include; bin: bytes", aliases=("f",), choices=("txt", "bin"), default="txt"
    ),
    Option(
        "image-type",
        "type of the values; int8 is pixel - 128 and uint8 the pixel, whatever the mode",
        aliases=("output-type", "type", "t"),
        choices=("int8", "uint8", "float32"),
        default="float32",
    ),
    Option(
        "image-mode",
        "range that black and white are mapped to, for float32",
        aliases=("mode", "m"),
        choices=("neg1to1", "neg1to1i8", "0to1", "0to255", "neg128to127"),
        default="0to255",
    ),
    Option("image-layout", "layout", aliases=("layout", "l"), choices=("NHWC", "NCHW"), default="NHWC"),
    Option(
        "image-channel-order",
        "order of the channels",
        aliases=("channel-order", "c"),
        choices=("RGB", "BGR"),
        default="RGB",
    ),
    Option("image-batch", "how often the image is repeated", Kind.COUNT, aliases=("batch", "b"), default="1"),
    Option(
        "image-shape", "tinyglow's own, for the way back: shape, where the file does not say it", metavar="1,28,28,1"
    ),
    flag("debug", "tinyglow's own: show a traceback when something fails"),
)

_LOADER = (*_MODEL, *_QUANTIZATION, *_DEBUGGING, *_BUNDLE, *_MEANINGLESS)


def _with_required(table: tuple[Option, ...], *names: str) -> tuple[Option, ...]:
    """The table of a tool that cannot do without options that others may leave out."""
    return tuple(replace(option, required=option.required or option.name in names) for option in table)


TABLES: Mapping[str, tuple[Option, ...]] = {
    "image-classifier": (*_LOADER, *IMAGES, *_EXECUTOR, *_CLASSIFIER),
    "model-profiler": _with_required((*_LOADER, *_PROFILER), "dump-profile", "input-dataset"),
    "model-tuner": (*_LOADER, *IMAGES, *_TUNER),
    "model-compiler": _with_required(_LOADER, "emit-bundle"),
    "process-image": _PROCESS_IMAGE,
}
# The tools that take files without an option before them.
TAKES_FILES = frozenset({"image-classifier"})
