"""Recordings of words and what is no word of the set: from eSpeak, the Speech Commands archives, or folders.

`edgekws.corpus.sources` loads a corpus, `edgekws.corpus.clips` says what one is; everything else makes one.
Used by every room above; knows nothing of models.
"""
