"""Options of commands that take several networks at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyglow.errors import InputError, Problem

_SUMMARY = "the networks cannot be taken together"


def add_several(parser: argparse.ArgumentParser) -> None:
    """More models, and what each has for itself; ``add_model`` adds the first."""
    parser.add_argument("models", metavar="MODEL2", nargs="*", help="more networks, or folders with their bundles")
    parser.add_argument(
        "--shared-arena",
        action="store_true",
        help="several networks in one firmware: one buffer for all activations, each kernel once, a table of networks",
    )
    parser.add_argument(
        "--project",
        metavar="NAME",
        default="networks",
        help="what networks with a shared arena are called together in C (default: %(default)s)",
    )
    profile = "ranges, from 'tinyglow profile' or Glow; none for a model that is quantized already"
    parser.add_argument(
        "--profile", metavar="FILE", action="append", help=f"{profile}. Of several networks: one for each float model"
    )
    name = "name of the network in C (default: from the file's name)"
    parser.add_argument(
        "--name", metavar="NET", action="append", help=f"{name}. Of several networks: one for each that is no bundle"
    )


def separate(arguments: argparse.Namespace) -> list[argparse.Namespace]:
    """The options of each network by itself.

    Profiles and names go to the models in their order; bundles are compiled already. InputError for numbers that do
    not fit.
    """
    models = [arguments.model, *arguments.models]
    if not arguments.shared_arena:
        if arguments.models:
            expected = "one network, or --shared-arena for several in one firmware"
            raise InputError(_SUMMARY, [Problem("MODEL", f"is given {len(models)} times", expected)])
        return [_with(arguments, arguments.model, (arguments.profile or [None])[-1], (arguments.name or [None])[-1])]
    plain = [model for model in models if not Path(model).is_dir()]
    problems = list(_conflicts(arguments, plain))
    for option, values in (("--profile", arguments.profile), ("--name", arguments.name)):
        if values and len(values) != len(plain):
            found = f"is given {len(values)} times for {len(plain)} models"
            hint = "a network that needs options of its own can be compiled by itself: then give its bundle's folder"
            problems.append(Problem(option, found, "once for each model that is no bundle", hint))
    if problems:
        raise InputError(_SUMMARY, problems)
    profiles, names = (iter(values or [None] * len(plain)) for values in (arguments.profile, arguments.name))
    return [
        _with(arguments, model, next(profiles), next(names)) if model in plain else _with(arguments, model)
        for model in models
    ]


def _conflicts(arguments: argparse.Namespace, plain: list[str]) -> list[Problem]:
    """Options that mean one network."""
    ones = {
        "--object": getattr(arguments, "object", None),
        "--explain-quantization": getattr(arguments, "explain_quantization", None),
        "--rename": getattr(arguments, "rename", None),
        "--input": getattr(arguments, "input", None),
        "--dump": arguments.dump,
    }
    expected = "options that all networks can have"
    hint = "compile the network by itself, and give its bundle's folder"
    problems = [Problem(option, "is for one network", expected, hint) for option, value in ones.items() if value]
    if not plain:
        unused = {"--profile": arguments.profile, "--name": arguments.name, "--define": arguments.define}
        found = "was given, and no model to compile"
        problems += [Problem(option, found, "folders alone, without it") for option, value in unused.items() if value]
    return problems


def _with(
    arguments: argparse.Namespace, model: str, profile: str | None = None, name: str | None = None
) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(arguments), "model": model, "profile": profile, "name": name})
