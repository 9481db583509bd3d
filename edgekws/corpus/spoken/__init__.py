"""Speech made by eSpeak NG: a corpus of words, and the other words and sentences that are said around them.

The library runs in a process of its own (`espeak_worker`), so that a crash there takes nothing down.
Used by the rest of `edgekws.corpus` and by the streams of `edgekws.listen`.
"""
