"""Where a corpus comes from: eSpeak, the Speech Commands archives, or a folder; prepared once, then opened."""

import contextlib
import difflib
from collections.abc import Sequence
from pathlib import Path

from edgekws import text
from edgekws.corpus import download, espeak, folder, store
from edgekws.corpus import rejection as rejections
from edgekws.corpus.clips import Corpus, Rejection, Selection
from edgekws.errors import UserError
from edgekws.files import cache_folder
from edgekws.recipe import Recipe
from edgekws.words import check_all


def load(
    source: str,
    words: Sequence[str],
    *,
    seed: int = 0,
    clips_per_word: int = 0,
    validation_percent: float = 10,
    testing_percent: float = 10,
    rejection: Rejection | None = None,
    cache: Path | None = None,
    progress: bool = True,
) -> Corpus:
    """Prepare a corpus, or open it where it was prepared before with the same settings from the same files.

    source: "espeak" (spoken by eSpeak NG), "speech_commands_v0.01" or "speech_commands_v0.02" (downloaded), or the path
    of a folder laid out as Speech Commands is: WORD/*.wav.
    words: the words to tell apart, in label order.
    seed: draws the training clips kept by clips_per_word, and the voices of eSpeak.
    clips_per_word: the most training clips of a word; 0 keeps all (eSpeak: its default number).
    validation_percent, testing_percent: speakers in each split, where the folder brings no lists of its own.
    rejection: what goes into the classes _unknown_ and _silence_; None or nothing: there are no such classes.
    cache: where prepared clips are kept; None: `edgekws.files.cache_folder()`.
    Raises UserError for whatever is wrong with the source, the words or the recordings.
    """
    check_all(words, "words")
    words = tuple(map(text.normal, words))
    wanted, asked = rejection or Rejection(), words
    if len(words := (*words, *sorted(wanted.unknown))) > len(asked):
        check_all(words, "words and unknown")
    selection = Selection(seed, clips_per_word, validation_percent, testing_percent)
    cache = cache or cache_folder()
    if source == "espeak":
        plan = espeak.plan(words, selection)
    elif source in download.ARCHIVES:
        archive = download.ARCHIVES[source]
        unpacked = download.fetch(archive, cache / source, progress=progress)
        plan = folder.plan(unpacked, words, selection, source=archive.title, licence=archive.licence)
    else:
        try:
            plan = folder.plan(_folder(source), words, selection)
        except PermissionError as error:
            raise UserError(f"no permission to read {error.filename}") from None
    if wanted.labels:
        plan = rejections.extend(plan, asked, wanted, selection)
    return store.prepare(plan, cache, progress=progress)


def of_recipe(recipe: Recipe, *, progress: bool = True) -> Corpus:
    """The recordings that a recipe names; a UserError where it holds out a noise that is not there."""
    data = recipe.data
    loaded = load(
        data.source,
        data.words,
        seed=recipe.seed,
        clips_per_word=data.clips_per_word,
        validation_percent=data.validation_percent,
        testing_percent=data.testing_percent,
        rejection=rejection_of(recipe),
        progress=progress,
    )
    known = {noise.name for noise in loaded.noise}
    if unknown := set(data.held_out_noise) - known:
        raise UserError(
            f"data.held_out_noise: no noise {sorted(unknown)} in {loaded.source}; there are {sorted(known)}"
        )
    return loaded


def other_words(recipe: Recipe) -> Corpus | None:
    """The words of the recipe's source that are not its own, with clips in every split; None where there are none.

    Of the training clips there is one a word: it is the other splits that are asked for.
    """
    data = recipe.data
    if data.source == "espeak":
        return None
    if data.source in download.ARCHIVES:
        place = download.fetch(download.ARCHIVES[data.source], cache_folder() / data.source)
    else:
        place = _folder(data.source)
    selection = Selection(recipe.seed, 1, data.validation_percent, data.testing_percent)
    names = []
    for path in sorted(place.iterdir()):
        if path.is_dir() and path.name not in data.words and not path.name.startswith((".", "_")):
            with contextlib.suppress(UserError):
                folder.plan(place, [path.name], selection)
                names.append(path.name)
    return store.prepare(folder.plan(place, names, selection), cache_folder()) if names else None


def rejection_of(recipe: Recipe) -> Rejection:
    """What a recipe's classes _unknown_ and _silence_ hold."""
    data = recipe.data
    # what noise is held out changes the clips of silence alone
    held_out = data.held_out_noise if data.silence else ()
    return Rejection(data.unknown, data.unknown_made, data.unknown_spoken, data.silence, held_out, data.unknown_from)


def labels_of(recipe: Recipe) -> tuple[str, ...]:
    """The classes of a recipe in label order: its words, then what rejects."""
    return (*recipe.data.words, *rejection_of(recipe).labels)


def _folder(source: str) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    named = ("espeak", *download.ARCHIVES)
    near = difflib.get_close_matches(source, named, 1)
    hint = f"did you mean {near[0]}?" if near else f"expected a folder of recordings, or one of {', '.join(named)}"
    raise UserError(f"there is no folder {path}; {hint}")
