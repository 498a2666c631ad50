"""Who of a recording is lifted by `h2ot-infer`."""

import argparse
import dataclasses
import logging

from h2ot_edge.cli.infer_options import told_name
from h2ot_edge.errors import InputError
from h2ot_edge.layouts import check_orientation
from h2ot_edge.readers.parsing import listed
from h2ot_edge.recording import Recording

__all__ = ["chosen_people", "warn_of_orientation"]

_logger = logging.getLogger(__name__)


def chosen_people(args: argparse.Namespace, recording: Recording, alone: bool) -> Recording:
    """Whoever is to be lifted, at least one."""
    people = tuple(person for person in recording.people if person.seen)
    if not people:
        raise InputError(
            f"{told_name(args)}: nobody is in view in any of its {recording.frames} frames; see "
            "what the detector wrote, or name somebody else with --person"
        )
    if not alone:
        return _long_enough(args, dataclasses.replace(recording, people=people))
    if len(people) == 1 and args.person in (None, people[0].name):
        return recording
    chosen = recording.only(lambda person: person.name == args.person)
    if not chosen.people:
        raise InputError(
            f"{told_name(args)}: expected one of the people "
            f"{listed([each.name for each in people])}, got --person {args.person}"
        )
    return chosen


def warn_of_orientation(args: argparse.Namespace, recording: Recording) -> None:
    """Tell of what looks like other joints, axes or units than it should be."""
    for person in recording.people:
        who = f"person {person.name}: " if len(recording.people) > 1 else ""
        first = int(recording.numbers[person.first])
        for finding in check_orientation(person.keypoints, recording.image_size, first_frame=first):
            _logger.warning("%s: %s%s", told_name(args), who, finding)


def _long_enough(args: argparse.Namespace, recording: Recording) -> Recording:
    chosen = recording.without_short(args.min_seconds)
    dropped = len(recording.people) - len(chosen.people)
    if not chosen.people:
        raise InputError(
            f"{told_name(args)}: nobody of the {dropped} who are in view is there for "
            f"{args.min_seconds:g} s; give a smaller --min-seconds"
        )
    if dropped:
        _logger.warning(
            "%s: left out %d of %d people, who are seen for less than %g s (--min-seconds)",
            told_name(args), dropped, len(recording.people), args.min_seconds,
        )  # fmt: skip
    return chosen
