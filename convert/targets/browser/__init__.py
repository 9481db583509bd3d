"""The browser: the engine as WebAssembly, a page that listens, and a server that shows it on this machine.

The page is a folder of plain files. Any static host can serve it, and it loads nothing else from the network.
"""
