"""Speech made by synthesizers: a corpus of words, and the other words and sentences around them.

eSpeak NG runs in a process of its own (`espeak_worker`), so that a crash there does no harm.
Used by the rest of `edgekws.corpus` and by the streams of `edgekws.listen`.
"""
