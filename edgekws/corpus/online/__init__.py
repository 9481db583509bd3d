"""Recordings that are downloaded when they are named: the Speech Commands archives, and talk without the words.

``connection`` reads from a server that may be slow or hostile, ``download`` fetches and unpacks an archive, and
``talk`` lays LibriSpeech out as a folder of other sound.
"""
