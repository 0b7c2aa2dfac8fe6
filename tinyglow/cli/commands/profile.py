"""``tinyglow profile``."""

from __future__ import annotations

import argparse

from tinyglow.cli.options import AddCommand, add_graph, add_inputs, add_model, add_sequence
from tinyglow.cli.reading import dump_of, read_graph, read_inputs


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "profile",
        run,
        "run a network on samples and record each value's range",
        "tinyglow profile mnist.onnx --define N=1 --input image=samples.npy -o profile.yaml",
    )
    add_model(parser)
    add_inputs(parser)
    add_sequence(parser)
    add_graph(parser)
    parser.add_argument(
        "--bins",
        "--num-histogram-bins",
        metavar="N",
        type=int,
        default=10,
        help="histogram bins (default: %(default)s)",
    )
    parser.add_argument(
        "--margin",
        choices=["auto", "none"],
        default="auto",
        help="auto: ranges of fewer than 64 samples reach as far as those of 64 are expected to, by how much the "
        "samples differ; none: ranges are those of the samples, as with --graph=glow (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the profile, a YAML file as Glow's")


def run(arguments: argparse.Namespace) -> int:
    """Write a profile."""
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.stations import profile as profile_graph
    from tinyglow.pipeline.validate import profile_warnings
    from tinyglow.quant.margins import ENOUGH_SAMPLES, widens
    from tinyglow.quant.profile import save_profile
    from tinyglow.report.console import print_warnings, progress

    graph, inputs = read_graph(arguments), read_inputs(arguments)
    with progress("profiling", sample_count(inputs)) as advance:
        lowered = arguments.graph == "glow"  # then with all of the entries that Glow's own profile has
        result = profile_graph(
            graph,
            inputs,
            arguments.bins,
            advance,
            dump_of(arguments),
            lowered=lowered,
            sequence=arguments.sequence,
            margin=arguments.margin == "auto",
        )
    save_profile(result, arguments.output)
    print_warnings(profile_warnings(graph, result, inputs, lowered))
    said = ""
    if arguments.margin == "auto" and not lowered and widens(sample_count(inputs)):
        said = f", with margins for {ENOUGH_SAMPLES} (--margin none: without)"
    print(f"{arguments.output}: ranges of {len(result.ranges)} values over {sample_count(inputs)} samples{said}")
    return 0
