"""Words and sentences that are no keywords, for eSpeak to say. Training and measuring never use the same ones."""

import random
from collections.abc import Sequence
from functools import cache

from edgekws.corpus.spoken import espeak

_ADJECTIVES = (
    "green quiet heavy early broken simple curious private golden modern bitter gentle purple distant "
    "yellow narrow clever hungry frozen hollow ancient pleasant orange wooden"
)
_NOUNS = (
    "garden window river market teacher kitchen paper mountain doctor engine butter camera village pocket morning "
    "summer table letter father bottle forest station sugar jacket minute guitar island butterfly bicycle computer "
    "pencil hospital mirror valley mother basket weather carpet planet sister dinner bridge cabbage tiger language"
)
_VERBS = (
    "follows remembers carries paints visits covers answers watches pushes breaks brings finishes lifts "
    "gathers measures collects prepares describes borrows pulls catches"
)
_PLACES = "behind under near beside after before against with"
# Short common words, many of them one sound away from typical keywords. Only training uses them.
_COMMON = """
    back bad bag bake ball band bank bark bat bay beach bead beak bean bear beat beef beg bell belt bend bet big bill
    bird bit bite blow blue board boat bold bone book boot bought bowl box boy bread break brick bright brown brush
    bug burn bus busy buy cake calm can cap car card care cart case cast cave chair chat cheap check cheese chess chip
    clap class clay clean climb clock close cloud club coat code coin cold come cook cool copy corn cost cow crab crop
    crowd cry cup cut dance dark date day dead dear death deck deep deer desk dirt dish dive dock dog dollar door dot
    doubt draw dream dress drink drive drop dry duck dust each ear earth east edge egg elbow end face fact fair fall
    fame farm fast fat fear feed feel fence few field fight file fill film fine fire firm fish fit fix flag flat flood
    flow fly foam fog food foot fork form free fresh fruit full fun fur gain game gas gate gave get ghost girl give
    glad glass glue goal goat gold good grass gray grip group grow guess gum guy habit hair half hand hang happen hard
    hat head health heart heat help hen hero hide high hill hit hold hole home hook hope horse hot hour house huge
    human hunt hurry hurt ice idea inch iron item jar jaw job join joke judge juice jump just keep key kick kind king
    kiss kit lady lake lamp land large last late laugh law lead leaf learn leave leg lemon less lesson level life
    light like line lion lip list live load loaf lock long look lose loss loud love low luck lump lunch mad mail main
    make man many map mark match may meal mean meat meet melt men mess metal middle might mile milk mind mine miss mix
    mood moon more most mouse mouth move much mud music nail name neck need nest net new nice night nine nose note
    nurse nut oak off oil old open oven own page pain pair palm pan park part party pass past path pay peace peak pear
    pen pet phone pick pie piece pig pin pink pipe plan plate play please plum point pole police pond pool poor pop
    post pot pound press price pull pump puppy push put queen quick quite race rain raise rat raw reach read red rest
    rib rice rich ride ring rise road rob rock roll roof room root rope rose rough round row rub rude rug rule run
    rush sad safe sail sale salt same sand sat save say school sea seat second see seed sell send sense set seven
    shade shake shape share sharp she sheep sheet shelf ship shirt shoe shop short shout show shut sick side sight
    sign silk silly silver sing sink sit six size skin skirt sky sleep slide slow small smell smile smoke soap sock
    soft soil sold son song soon sorry sound soup south space speak speed spell spoon sport spot spread spring square
    stage stair stamp stand star start state stay steam step stick still stone story stove street strong study stuff
    such suit sun sure sweet swim tail take talk tall tan tape task taste tax tea team tear tell ten tent test text
    thank that thick thin thing think third this thought thread threat throat throw thumb ticket tide tie tight till
    time tin tip tire toast today toe tomorrow tone tooth top toss touch tough town toy trade train trap tray tree
    trick trip truck true trunk trust try tube tune turn type use van view voice vote wait wake walk wall want war
    warm wash watch water wave way weak wear week weight well west wet wheel when while white who why wide wife wild
    win wind wine wing winter wise wish wolf woman wood wool word work world worm wrap wrist yard year yell yet young
    your youth zebra zip zoo
"""


def sentence(rng: random.Random, words: Sequence[str], *, training: bool = False) -> str:
    """A sentence without any of the words or words that sound like them. In training, half use common words."""
    lists = [_ADJECTIVES, _NOUNS, _VERBS, _ADJECTIVES, _NOUNS, _PLACES, _NOUNS]
    if training:
        lists = [rng.choice((candidates, _COMMON)) for candidates in lists]
    chosen = [rng.choice(_listed(candidates, tuple(words), training) or [""]) for candidates in lists]
    return "the {} {} {} the {} {} {} the {}".format(*chosen)


def word(rng: random.Random, words: Sequence[str], *, training: bool = False) -> str:
    """A word that contains none of the words and sounds like none; a sentence if there is no such word."""
    lists = (_ADJECTIVES, _NOUNS, _VERBS, *([_COMMON] if training else []))
    listed = [text for list_ in lists for text in _listed(list_, tuple(words), training)]
    return rng.choice(listed) if listed else sentence(rng, words, training=training)


@cache
def _listed(candidates: str, words: tuple[str, ...], training: bool) -> list[str]:
    """Every other candidate is for training, the rest for measuring. Both use prepositions; common words only train."""
    listed = candidates.split()
    if candidates not in (_PLACES, _COMMON):
        listed = listed[0 if training else 1 :: 2]
    taken = _heard_as(words)
    return [text for text in listed if text not in taken and not any(word.lower() in text for word in words)]


@cache
def _heard_as(words: tuple[str, ...]) -> frozenset[str]:
    """The candidates that sound like one of the words in some accent: sea, if see is a word."""
    if not words:
        return frozenset()
    candidates = " ".join((_ADJECTIVES, _NOUNS, _VERBS, _PLACES, _COMMON)).split()
    said = espeak.sounds([*words, *candidates])
    of_words = [set(accent) for accent in zip(*said[: len(words)], strict=True)]
    return frozenset(
        text
        for text, sounds in zip(candidates, said[len(words) :], strict=True)
        if any(sound in taken for sound, taken in zip(sounds, of_words, strict=True))
    )
