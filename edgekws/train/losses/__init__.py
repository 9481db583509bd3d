"""What the loss of a training sees: the network's scores, averaged over windows and brought to equal shares, and a
teacher's.

Its modules import Keras, so they are imported when a training begins.
"""
