"""Our own carrier of gRPC: extproc.http2 on asyncio, for Unix sockets and loopback."""
