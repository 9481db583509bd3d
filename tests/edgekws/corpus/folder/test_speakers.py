"""Who speaks, by names, folders and patterns."""

import pytest

from edgekws.corpus.folder.speakers import naming
from edgekws.errors import UserError


@pytest.mark.parametrize(
    ("pattern", "path", "speaker"),
    [
        ("", "yes/anna_nohash_3", "anna"),
        ("", "yes/anna/3", "anna"),
        ("", "yes/anna/monday/3", "anna"),
        ("", "yes/batch1/anna_nohash_3", "anna"),
        ("", "yes/take 3", ""),
        ("{speaker}_{take}", "yes/anna_3", "anna"),
        ("{speaker}_*", "yes/anna_yes_3", "anna"),
        ("{speaker}_{take}", "yes/anna", ""),
        ("{take}-{speaker}", "yes/03-anna", "anna"),
        ("{word}/{speaker}/{take}", "yes/anna/1", "anna"),
        ("{word}/{date}/{speaker}_*", "yes/monday/anna_1", "anna"),
        ("{word}/{speaker}_{word}_*", "yes/anna_yes_1", "anna"),
        ("rec.{speaker}", "yes/recXanna", ""),
        (r"^(?:yes|no)/(?P<speaker>[a-z]+)\d", "yes/anna3", "anna"),
        (r"(?P<speaker>s\d+)", "yes/x_s12_y", "s12"),
        (r"(?P<speaker>z)?", "yes/b", ""),
    ],
)
def test_the_speaker_of_a_path(pattern, path, speaker):
    assert naming(pattern)(path) == speaker


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("{take}", "expected a template"), ("(?P<speaker>[", "no regular expression"), ("x", "expected")],
)
def test_a_pattern_without_a_speaker_is_refused(pattern, told):
    with pytest.raises(UserError, match=told):
        naming(pattern)
