"""Who of a recording is lifted by `h2ot-infer`."""

import argparse
import dataclasses
import logging

from h2ot_edge.errors import InputError
from h2ot_edge.readers.parsing import listed
from h2ot_edge.recording import Recording

__all__ = ["chosen_people"]

_logger = logging.getLogger(__name__)


def chosen_people(args: argparse.Namespace, recording: Recording, alone: bool) -> Recording:
    """Whoever is to be lifted, at least one."""
    people = tuple(person for person in recording.people if person.seen)
    if not people:
        raise InputError(
            f"{args.clip}: nobody is in view in any of its {recording.frames} frames; see what the "
            "detector wrote, or name somebody else with --person"
        )
    if not alone:
        return _long_enough(args, dataclasses.replace(recording, people=people))
    if len(people) == 1 and args.person in (None, people[0].name):
        return recording
    chosen = recording.only(lambda person: person.name == args.person)
    if not chosen.people:
        raise InputError(
            f"{args.clip}: expected one of the people {listed([each.name for each in people])}, "
            f"got --person {args.person}"
        )
    return chosen


def _long_enough(args: argparse.Namespace, recording: Recording) -> Recording:
    chosen = recording.without_short(args.min_seconds)
    dropped = len(recording.people) - len(chosen.people)
    if not chosen.people:
        raise InputError(
            f"{args.clip}: nobody of the {dropped} who are in view is there for "
            f"{args.min_seconds:g} s; give a smaller --min-seconds"
        )
    if dropped:
        _logger.warning(
            "%s: left out %d of %d people, who are seen for less than %g s (--min-seconds)",
            args.clip, dropped, len(recording.people), args.min_seconds,
        )  # fmt: skip
    return chosen
