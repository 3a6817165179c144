"""One round of package websocket-client through the balancer: URI TEXT.

Prints the address and port of the peer that echoed."""

import sys

import websocket

uri, text = sys.argv[1:]
socket = websocket.create_connection(uri, timeout=10, redirect_limit=3)
socket.send(text)
echo = socket.recv()
if echo != text:
    sys.exit(f"echo {echo!r}")
print("%s:%d" % socket.sock.getpeername()[:2])
socket.close()
