"""Loads a corpus from eSpeak, the Speech Commands archives, or a folder. It is prepared once, then only opened."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgekws import recipe as recipes
from edgekws import text
from edgekws.corpus import blend, folder, store
from edgekws.corpus import rejection as rejections
from edgekws.corpus.clips import UNKNOWN, Corpus, Rejection, Selection
from edgekws.corpus.folder.find import words_in
from edgekws.corpus.spoken import engines, spoken_words
from edgekws.corpus.store import Plan
from edgekws.corpus.supplied import download
from edgekws.errors import UserError, nearest
from edgekws.files import cache_folder, folder_name
from edgekws.recipe import Recipe
from edgekws.words import check_all, check_folders

# sources that need no recordings
MADE: dict[str, Callable[[Sequence[str], Selection], Plan]] = {"espeak": spoken_words.plan}
FURTHER = {**MADE, engines.FLITE: engines.flite}  # sources that can be added to another
DEFAULT = Selection()
NAMED = (*MADE, *download.ARCHIVES)  # any other name is the path of a folder


def load(
    source: str,
    words: Sequence[str],
    selection: Selection = DEFAULT,
    *,
    rejection: Rejection | None = None,
    further: Sequence[str] = (),
    cache: Path | None = None,
    progress: bool = True,
) -> Corpus:
    """Prepare a corpus, or open it if it was prepared before with the same settings from the same files.

    Args:
        source: "espeak" (spoken by eSpeak NG), "speech_commands_v0.01" or "speech_commands_v0.02" (downloaded), or the
            path of a folder laid out like Speech Commands: WORD/*.wav or WORD/SPEAKER/*.wav.
        words: the words to tell apart, in label order.
        selection: which clips of them, and how they are split.
        rejection: what the classes _unknown_ and _silence_ contain; None: there are no such classes.
        further: more sources of the words: "espeak", "flite", or folders of Piper's voices or of recordings.
        cache: the folder for prepared clips; None: `edgekws.files.cache_folder()`.
        progress: whether to show progress.

    Raises:
        UserError: something is wrong with the source, the words or the recordings.
    """
    wanted = rejection or Rejection()
    check_all(words, "words", least=1 if wanted.labels else 2)
    asked = words = tuple(map(text.normal, words))
    if len(words := (*words, *sorted(wanted.unknown))) > len(asked):
        check_all(words, "words and unknown")
    check_folders(words)
    if wanted.percent:
        _check_own_rules(source, wanted)
        drawn = tuple(sorted(wanted.unknown))
        selection = dataclasses.replace(selection, drawn_words=drawn, drawn_percent=wanted.percent)
    selection = dataclasses.replace(selection, others=UNKNOWN in wanted.labels)
    cache = cache or cache_folder()
    place, described = _place(source, cache, progress)

    def planned(copies: Sequence[Sequence[str]]) -> Plan:
        if place is None:
            plan = MADE[source](words, selection)
        else:
            plan = folder.plan(place, words, selection, copies=copies, **described)
        if further:
            plans = ((folder_name(one), _further(one, asked, selection, place is None)) for one in further)
            plan = blend.blended(plan, list(plans))
        return rejections.extend(plan, asked, wanted, selection) if wanted.labels else plan

    try:
        return _copies_together(planned, cache, progress)
    except PermissionError as error:
        raise UserError(f"no permission to read {error.filename}; change its permissions") from None


def _check_own_rules(source: str, wanted: Rejection) -> None:
    """A UserError if this source cannot follow Speech Commands' own rules for _unknown_ and _silence_."""
    if source in MADE:
        raise UserError(f"data.reject_percent is for recordings, and {source} has none; give a folder by --data FOLDER")
    if not wanted.unknown:
        raise UserError("data.reject_percent draws _unknown_ from data.unknown, which is empty; name other words there")
    if any((wanted.unknown_made, wanted.unknown_spoken, wanted.unknown_from, wanted.silence, wanted.parts)):
        raise UserError(
            "data.reject_percent alone chooses the clips of no word; leave out unknown_made, unknown_spoken, "
            "unknown_from, "
            "parts and silence"
        )


def _further(source: str, words: Sequence[str], selection: Selection, made: bool) -> Plan:
    """The plan of a further source. Beside recordings (``made`` is False), synthetic voices are only for training."""
    selection = dataclasses.replace(selection, listed=None)
    if source not in FURTHER and not engines.is_piper(place := _folder(source)):
        return folder.plan(place, words, selection)
    plan = FURTHER[source](words, selection) if source in FURTHER else engines.piper(place, words, selection)
    return plan if made else blend.for_training(plan)


def _place(source: str, cache: Path, progress: bool = True) -> tuple[Path | None, dict[str, str]]:
    """The folder of a source, or None if it has none, and the texts ``source`` and ``licence`` if they are known."""
    if source in MADE:
        return None, {}
    if source in download.ARCHIVES:
        archive = download.ARCHIVES[source]
        unpacked = download.fetch(archive, cache / source, progress=progress)
        return unpacked, {"source": archive.title, "licence": archive.licence}
    return _folder(source), {}


def _copies_together(
    planned: Callable[[Sequence[Sequence[str]]], Plan], cache: Path, progress: bool, one_word: bool = True
) -> Corpus:
    """The corpus of a plan, planned again if recordings with the same samples are in two splits.

    Copies show only when recordings are read; they are noted with the prepared clips. With ``one_word``, raises
    UserError if two words have the same recording.
    """
    known: list[tuple[str, ...]] = []
    while True:
        plan = planned(known)
        made = store.prepare(plan, cache, progress=progress)
        if one_word:
            _check_words_apart(made)
        split = {clip.name: clip.split for clip in made.clips}
        apart = [group for group in made.copies if len({split[name] for name in group}) > 1]
        if not apart:
            return dataclasses.replace(made, ignored=plan.ignored)
        known += apart


def _check_words_apart(made: Corpus) -> None:
    word = {clip.name: clip.word for clip in made.clips}
    mixed = [group for group in made.copies if len({word[name] for name in group}) > 1]
    if mixed:
        first = mixed[0][0]
        other = next(name for name in mixed[0] if word[name] != word[first])
        more = f" ({len(mixed)} recordings are so in all)" if len(mixed) > 1 else ""
        raise UserError(
            f"{first} and {other} are the same recording under two words; remove the one that is wrong{more}"
        )


def of_recipe(recipe: Recipe, *, listed: Mapping[str, str] | None = None, progress: bool = True) -> Corpus:
    """The recordings that a recipe names; only those in ``listed`` if it is given. A UserError if the recipe holds out
    a noise that does not exist."""
    data = recipe.data
    selection = dataclasses.replace(
        _selection(recipe), clips_per_word=data.clips_per_word, listed=listed, cuts=data.cuts,
        parts=data.parts, language=data.language, accented=data.accented,
    )  # fmt: skip
    loaded = load(
        data.source, data.words, selection, rejection=rejection_of(recipe), further=data.sources, progress=progress
    )
    known = {noise.name for noise in loaded.noise}
    if unknown := set(data.held_out_noise) - known:
        raise UserError(
            f"data.held_out_noise: no noise {sorted(unknown)} in {loaded.source}; there are {sorted(known)}"
        )
    return loaded


def other_words(recipe: Recipe) -> Corpus | None:
    """The other words of the recipe's source, with clips in every split; None if there are none.

    It has one training clip of each word, since only the other splits are needed.
    """
    data, cache = recipe.data, cache_folder()
    place, _ = _place(data.source, cache)
    if place is None:
        return None
    selection = dataclasses.replace(_selection(recipe), clips_per_word=1)
    own, names = set(map(text.normal, data.words)), []
    for name in sorted({text.normal(name) for name in words_in(place)} - own):
        with contextlib.suppress(UserError):
            folder.plan(place, [name], selection)
            names.append(name)
    if not names:
        return None
    return _copies_together(lambda copies: folder.plan(place, names, selection, copies=copies), cache, True, False)


def _selection(recipe: Recipe) -> Selection:
    """What a recipe selects from any words of its source: seed, splits and the length of a clip."""
    data = recipe.data
    return Selection(
        recipe.seed,
        validation_percent=data.validation_percent,
        testing_percent=data.testing_percent,
        speaker_pattern=data.speaker_pattern,
        split_by=data.split_by,
        length=recipe.model.window,
    )


def _folder(source: str) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    hint = nearest(source, NAMED, f"expected a folder of recordings, or one of {', '.join(NAMED)}")
    raise UserError(f"there is no folder {path}; {hint}; --data FOLDER says where the recordings are")


def anchored(recipe: Recipe, beside: Path) -> Recipe:
    """The recipe with absolute paths for its folders, so that it means the same in every working directory.

    A relative path is looked for in the working directory, then in ``beside``. If it is not found, it stays unchanged.
    """
    data, training = recipe.data, recipe.training
    named = {"data.source": data.source} if data.source not in NAMED else {}
    changes: dict[str, str | list[str]] = {key: _anchored(path, beside, "") for key, path in named.items()}
    changes["data.sources"] = [one if one in FURTHER else _anchored(one, beside, "") for one in data.sources]
    changes["data.unknown_from"] = [_anchored(path, beside, "") for path in data.unknown_from]
    changes["data.rooms"] = [one if one == recipes.MADE_ROOMS else _anchored(one, beside, "") for one in data.rooms]
    for key in recipes.EARLIER:
        changes[f"training.{key}"] = _anchored(getattr(training, key), beside, "recipe.toml")
    changes["training.averaged_with"] = [_anchored(one, beside, "recipe.toml") for one in training.averaged_with]
    return recipes.replace(recipe, changes)


def _anchored(path: str, beside: Path, within: str) -> str:
    for place in (Path(path).expanduser(), beside / path):
        if path and (place / within).exists() and not text.unprintable(str(place.absolute())):
            return os.path.normpath(place.absolute())
    return path


def rejection_of(recipe: Recipe) -> Rejection:
    """What a recipe's classes _unknown_ and _silence_ contain."""
    data = recipe.data
    # held-out noise changes only the clips of silence
    held_out = data.held_out_noise if data.silence or data.reject_percent else ()
    return Rejection(
        unknown=data.unknown,
        unknown_made=data.unknown_made,
        unknown_spoken=data.unknown_spoken,
        silence=data.silence,
        held_out_noise=held_out,
        unknown_from=data.unknown_from,
        neighbours=data.neighbours,
        parts=data.parts > 0,
        percent=data.reject_percent,
    )


def labels_of(recipe: Recipe) -> tuple[str, ...]:
    """The classes of a recipe in label order: its words, then _unknown_ and _silence_ if it has them."""
    return (*recipe.data.words, *rejection_of(recipe).labels)
