"""Recordings of words, and of what is none of them: from eSpeak, the Speech Commands archives, or folders.

`edgekws.corpus.sources` loads a corpus, `edgekws.corpus.clips` says what one is; everything else makes one.
Used by every room above; knows nothing of models.
"""
