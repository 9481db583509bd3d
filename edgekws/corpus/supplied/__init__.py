"""Recordings that have a name: the Speech Commands archives, and talk without the words.

``connection`` reads from a server that may be slow or hostile, and ``download`` fetches and unpacks an archive.
``talk`` lays out LibriSpeech, or the talk that comes with edgekws (``included``), as a folder of other sound.
"""
