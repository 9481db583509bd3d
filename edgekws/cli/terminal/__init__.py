"""What a command shares with the terminal: the meter of ``listen``, the line ``next:``, Ctrl-C, and libraries' logs."""
