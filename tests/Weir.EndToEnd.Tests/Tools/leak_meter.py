#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tells when datagrams that must not arrive do.
    leak_meter.py send ADDRESS PORT     one every two milliseconds, for ever
    leak_meter.py listen PORT           a line for each that arrives: its time in seconds"""
import socket
import sys
import time

family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
meter = socket.socket(family, socket.SOCK_DGRAM)
if sys.argv[1] == "send":
    while True:
        try:
            meter.sendto(b"x", (sys.argv[2], int(sys.argv[3])))
        except OSError:
            pass  # an error of a packet before
        time.sleep(0.002)
meter.bind(("0.0.0.0", int(sys.argv[2])))
while True:
    meter.recv(16)
    print(f"{time.time():.3f}", flush=True)
