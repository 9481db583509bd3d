"""Licences of recordings, quoted from the list of them: of no word, of words, of folders that no list has."""

import pytest

from edgekws import cli, workspace, zoo
from edgekws.corpus import collection
from edgekws.corpus.folder import OWN
from edgekws.corpus.other_sound import licence
from edgekws.errors import UserError
from edgekws.publish import licences, pretrained

HEADER = ",".join(collection.COLUMNS)
ROWS = {
    "an4": ("own licence: see LICENSE",),
    "wake/alexa": ("Apache-2.0", "", "Apache-2.0"),
    "talk": ("CC BY 4.0",) * 1200,
}


@pytest.fixture
def listed(tmp_path):
    def write(*folders):
        rows = [
            f"any,me/them,,{number}.wav,{of},,training,{folder},0.00-1.00"
            for folder in folders
            for number, of in enumerate(ROWS[folder])
        ]
        path = tmp_path / "my-recordings.csv"
        path.write_text("\n".join([HEADER, *rows, ""]))
        return path

    return write


def test_a_folder_in_the_list_has_its_licences_and_another_remains_the_users_own(listed):
    told = licences.quoted(licence("Words: CC0.", ["/a/talk", "music"]), ["/a/talk", "music"], listed("talk"))
    assert told == (
        "Words: CC0. The recordings in music are the user's own; whoever passes the model on states their licence. "
        "my-recordings.csv has the licence of each recording in these folders (recordings of each): "
        "talk: CC BY 4.0 (1,200)."
    )


def test_a_folder_of_the_list_that_is_none_of_no_word_has_the_words(listed):
    text = licence(f"{OWN} Speech by a synthesizer.", ["an4"])
    assert licences.quoted(text, ["an4"], listed("an4", "wake/alexa")) == (
        "Speech by a synthesizer. my-recordings.csv has the licence of each recording in these folders (recordings of "
        "each): an4: own licence (1); wake/alexa: Apache-2.0 (2), not stated (1)."
    )
    assert licences.quoted(text, ["an4"], listed("an4")).startswith(f"{OWN} Speech by a synthesizer. my-rec")


def test_what_is_no_list_is_told(listed):
    path = listed("an4")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"my-recordings\.csv"):
        licences.quoted("", [], path)


def test_a_hub_repository_gets_the_list_that_its_card_names(tmp_path):
    recordings = zoo.folders()["wake"].parent / "wake-recordings.csv"
    folder = tmp_path / "hub"
    assert cli.main(["publish", "wake", "--to-folder", str(folder), "--recordings", str(recordings)]) == 0
    assert (folder / recordings.name).read_bytes() == recordings.read_bytes()
    assert "wake/alexa: Apache-2.0 (158)" in (folder / "README.md").read_text()
    published = workspace.load_run(folder)
    assert workspace.damaged_files(published) == []
    again = pretrained.publish(published, tmp_path / "again", source=None, recordings=recordings, hub=True)
    assert (again / "README.md").read_bytes() == (folder / "README.md").read_bytes()


@pytest.mark.parametrize("name", sorted(path.stem for path in zoo.folders()["small"].parent.glob("*-recordings.csv")))
def test_the_card_of_a_model_that_ships_quotes_the_list_beside_it(name):
    """Publish it with --recordings, and the card does."""
    model = name.removesuffix("-recordings")
    recordings = zoo.folders()[model].parent / f"{name}.csv"
    card = (zoo.folders()[model] / "model_card.md").read_text()
    unknown_from = workspace.load_run(zoo.folders()[model]).recipe.data.unknown_from
    assert licences.quoted("", unknown_from, recordings) in card
    assert "user's own" not in card
