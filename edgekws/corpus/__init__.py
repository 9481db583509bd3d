"""Recordings of words and of other sound, from eSpeak, the Speech Commands archives, or folders.

`edgekws.corpus.sources` loads a corpus and `edgekws.corpus.clips` defines one; the other modules help to make it.
Used by every room above. Knows nothing of models.
"""
