"""One round of package websockets through the balancer: URI TEXT.

Prints the address and port of the member that echoed."""

import asyncio
import sys

from websockets.asyncio.client import connect


async def main(uri, text):
    async with connect(uri, open_timeout=10) as socket:
        await socket.send(text)
        echo = await asyncio.wait_for(socket.recv(), 10)
        if echo != text:
            sys.exit(f"echo {echo!r}")
        print("%s:%d" % socket.remote_address[:2])


asyncio.run(main(*sys.argv[1:]))
