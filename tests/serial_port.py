"""What an image prints on the serial port of an emulated board."""

import subprocess
import threading


def serial_lines(machine, image, seconds=120, last="self-test"):
    """What the image prints up to the line that begins with ``last``, the verdict of its self-test."""
    command = ["qemu-system-arm", "-M", machine, "-display", "none", "-monitor", "none", "-serial", "stdio"]
    lines = []
    with subprocess.Popen([*command, "-kernel", image], stdout=subprocess.PIPE, text=True) as machine_running:
        deadline = threading.Timer(seconds, machine_running.kill)
        deadline.start()
        for line in machine_running.stdout:
            lines.append(line.strip())
            if line.startswith(last):
                break
        machine_running.kill()
        deadline.cancel()
    return lines
