"""Files that others may have written: what is opened, how much is read, and what damage ends in.

``untrusted`` reads plain files, JSON and labels; ``archives`` reads zip files and the .npz among them. Whatever a file
makes a library raise comes out as a UserError.
"""
