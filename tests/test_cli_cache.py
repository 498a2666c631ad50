"""`h2ot cache`: what it lists, verifies and clears, and how it says so."""

import json
import os
from datetime import datetime, timezone

import pytest
from cached_engines import ENGINE, KEY, asking, names_in, other_key, write_engine

from h2ot_edge import cli
from h2ot_edge.engines.cache import EngineCache

BROKEN = (
    "h2ot-cache: error: 1 of 2 engines cannot be used; h2ot-cache clear --broken removes such "
    "engines, and each is built again when it is next asked for\n"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Of the cache; it is not there yet."""
    monkeypatch.setenv("H2OT_HOME", str(tmp_path))
    return tmp_path / "engines"


@pytest.fixture
def two(folder):
    """Plans of an engine of two days ago, and of one without a GPU and of unknown build time."""
    cache = EngineCache()
    old = cache.get_or_build(KEY, write_engine)
    unlike = {"target": "tensorrt-rtx", "tensorrt": "1.7.1", "gpu": None, "build_seconds": None}
    new = cache.get_or_build(
        {**other_key(1), "name": "young", **unlike},
        lambda path: write_engine(path, bytes(3_000_000), card={"precision": {}}, **unlike),
    )
    for path in folder.glob(f"{old.name}*"):
        then = datetime.now(timezone.utc).timestamp() - 2.5 * 86400
        os.utime(path, (then, then))
    return old, new


def damage(plan):
    plan.write_bytes(b"damaged")


def when(plan):
    then = datetime.fromtimestamp(
        plan.with_name(f"{plan.name}.sha256").stat().st_mtime, timezone.utc
    )
    return then.strftime("%Y-%m-%d %H:%M UTC")


def told(capsys):
    """The one document on stdout."""
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


# an empty cache


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("action", ["list", "verify"])
def test_an_empty_cache_is_no_error(folder, action, made, capsys):
    if made:
        folder.mkdir()
    assert cli.cache([action]) == 0
    assert capsys.readouterr() == (f"engines  none in {folder}\n", "")
    assert cli.main(["cache", action, "--json"]) == 0
    assert told(capsys) == {"folder": str(folder), "engines": []}


def test_nothing_is_cleared_from_an_empty_cache(folder, capsys):
    assert cli.cache(["clear"]) == 0
    assert capsys.readouterr() == (f"in all  0.0 MB freed in {folder}\n", "")
    assert cli.cache(["clear", "--json"]) == 0
    assert told(capsys) == {"folder": str(folder), "removed": [], "bytes": 0, "being_built": []}
    assert not folder.exists()


# list


def test_engines_are_listed(two, folder, capsys):
    old, new = two
    assert cli.cache(["list"]) == 0
    width = len(ENGINE)
    assert capsys.readouterr() == (
        f"{old.stem:{width}}  fp16, tensorrt 10.3.0, Orin (8.7)\n"
        f"{'':{width}}  0.0 MB, built {when(old)} in 312 s, 2 days ago\n"
        f"{new.stem:{width}}  fp32, tensorrt-rtx 1.7.1\n"
        f"{'':{width}}  3.0 MB, built {when(new)}, just now\n"
        f"{'in all':{width}}  3.0 MB in {folder}\n",
        "",
    )


def test_engines_are_listed_as_json(two, folder, capsys):
    assert cli.cache(["list", "--json"]) == 0
    document = told(capsys)
    assert document["folder"] == str(folder)
    first, second = document["engines"]
    assert first.pop("age_seconds") == pytest.approx(2.5 * 86400, abs=60)
    assert datetime.fromisoformat(first.pop("built")).strftime("%Y-%m-%d %H:%M UTC") == when(two[0])
    assert first == {
        "name": "motionbert-s",
        "engine": ENGINE,
        "path": str(two[0]),
        "bytes": sum(path.stat().st_size for path in folder.glob(f"{ENGINE}*")),
        "precision": "fp16",
        "target": "tensorrt",
        "tensorrt": "10.3.0",
        "gpu": {"name": "Orin", "compute_capability": "8.7"},
        "build_seconds": 311.6,
    }
    assert second["bytes"] > 3_000_000
    assert [second[name] for name in ("name", "gpu", "build_seconds")] == ["young", None, None]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"card": []}', '{"card": {"precision": 3}}'])
def test_a_sidecar_that_says_nothing_is_listed(two, text, capsys):
    old, _ = two
    old.with_name(f"{old.name}.json").write_text(text)
    assert cli.cache(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        f"{old.stem}  its sidecar cannot be read: h2ot-cache verify tells more"
    )
    assert cli.cache(["list", "--json"]) == 0
    first = told(capsys)["engines"][0]
    names = ("precision", "target", "tensorrt", "gpu", "build_seconds")
    assert [first[name] for name in names] == [None] * 5


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (86400, "1 day ago"),
        (400 * 86400, "400 days ago"),
    ],
)
def test_ages_are_told_in_words(two, folder, seconds, expected, capsys):
    then = datetime.now(timezone.utc).timestamp() - seconds - 0.5
    for path in folder.glob(f"{ENGINE}*"):
        os.utime(path, (then, then))
    assert cli.cache(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith(f", {expected}")


# verify


def test_good_engines_are_verified(two, folder, capsys):
    old, new = two
    assert cli.cache(["verify"]) == 0
    assert capsys.readouterr() == (f"{old.stem}  good\n{new.stem:{len(old.stem)}}  good\n", "")
    assert cli.cache(["verify", "--json"]) == 0
    assert told(capsys) == {
        "folder": str(folder),
        "engines": [{"path": str(plan), "problem": None} for plan in two],
    }


def test_a_broken_engine_is_said(two, folder, capsys):
    old, new = two
    damage(new)
    problem = f"the sha256 of {new.name} is not the one in {new.name}.sha256"
    assert cli.cache(["verify"]) == 1
    assert capsys.readouterr() == (
        f"{old.stem}  good\n{new.stem:{len(old.stem)}}  {problem}\n",
        BROKEN,
    )
    assert cli.cache(["verify", "--json"]) == 1
    out, err = capsys.readouterr()
    assert err == BROKEN
    assert json.loads(out)["error"] == {
        "type": "CheckFailed",
        "message": BROKEN.removeprefix("h2ot-cache: error: ").rstrip("\n"),
        "report": {
            "folder": str(folder),
            "engines": [
                {"path": str(old), "problem": None},
                {"path": str(new), "problem": problem},
            ],
        },
    }


# clear


def test_what_is_freed_is_said(two, folder, capsys):
    old, new = two
    width = len(old.stem)
    assert cli.cache(["clear"]) == 0
    assert capsys.readouterr() == (
        f"{old.stem}  0.0 MB removed\n"
        f"{new.stem:{width}}  3.0 MB removed\n"
        f"{'in all':{width}}  3.0 MB freed in {folder}\n",
        "",
    )
    assert names_in(folder) == []


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (["--broken"], 1),
        (["--older-than", "2"], 0),
        (["motionbert-s"], 0),
        (["--broken", "young"], 1),
        (["young", "--broken"], 1),
    ],
    ids=str,
)
def test_what_is_to_be_cleared_can_be_chosen(two, folder, arguments, number, capsys):
    damage(two[1])
    size = sum(path.stat().st_size for path in folder.glob(f"{two[number].name}*"))
    assert cli.cache(["clear", *arguments, "--json"]) == 0
    assert told(capsys) == {
        "folder": str(folder),
        "removed": [{"name": two[number].stem, "bytes": size}],
        "bytes": size,
        "being_built": [],
    }
    assert [entry.plan for entry in EngineCache().entries()] == [two[1 - number]]


def test_what_is_being_built_is_said(folder, capsys):
    with asking(folder) as process:
        assert process.stdout.readline() == "building\n"
        assert cli.cache(["clear"]) == 0
        width = len(ENGINE)
        assert capsys.readouterr().out == (
            f"{ENGINE}  being built, left alone\n{'in all':{width}}  0.0 MB freed in {folder}\n"
        )
        assert cli.cache(["--json", "clear"]) == 0
        assert told(capsys)["being_built"] == [ENGINE]


@pytest.mark.parametrize("days", ["-1", "nan", "inf"])
def test_days_that_are_none_are_refused(two, days, capsys):
    assert cli.cache(["clear", f"--older-than={days}"]) == 2
    message = f"--older-than {days}: expected a number of days, 0 or more"
    assert capsys.readouterr() == ("", f"h2ot-cache: error: {message}\n")
    assert len(list(EngineCache().entries())) == 2


def test_a_name_that_no_engine_has_is_said(two, capsys):
    old, new = two
    assert cli.cache(["clear", "motionbert"]) == 2
    known = f"motionbert-s, {old.stem}, young, {new.stem}"
    message = f"no engine 'motionbert'; did you mean 'motionbert-s'? (known: {known})"
    assert capsys.readouterr() == ("", f"h2ot-cache: error: {message}\n")


# how it is asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: ACTION; h2ot-cache --help shows what it takes"),
        (
            ["list", "--broken"],
            "unrecognized arguments: --broken; h2ot-cache --help shows what it takes",
        ),
        (
            ["clear", "--older-than", "soon"],
            "argument --older-than: invalid float value: 'soon'; h2ot-cache clear --help shows "
            "what it takes",
        ),
    ],
)
def test_wrong_use_is_said(folder, arguments, message, capsys):
    assert cli.cache(arguments) == 2
    assert capsys.readouterr() == ("", f"h2ot-cache: error: {message}\n")


def test_a_folder_that_cannot_be_is_empty(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("H2OT_HOME", str(tmp_path / "file"))
    assert cli.cache(["list"]) == cli.cache(["clear"]) == 0
    folder = tmp_path / "file" / "engines"
    assert capsys.readouterr() == (
        f"engines  none in {folder}\nin all  0.0 MB freed in {folder}\n",
        "",
    )


@pytest.mark.parametrize("place", [["-q", "verify"], ["verify", "-q"], ["-v", "verify", "-q"]])
def test_talking_is_taken_before_and_after_the_action(two, place, capsys):
    assert cli.cache(place) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_actions_are_in_the_help(capsys):
    assert cli.cache(["--help"]) == 0
    out = capsys.readouterr().out
    for line in ("list ", "verify ", "clear "):
        assert f"\n    {line}" in out
