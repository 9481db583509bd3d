"""Reads files that others may have written, and trusts none of them.

``untrusted`` reads plain files, JSON and labels. ``archives`` reads zip files, and .npz files, which are zip files too.
If a damaged file makes a library raise anything, it becomes a UserError.
"""
