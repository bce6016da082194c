"""Everything that touches the world: gRPC, processes, credentials, files, clocks."""
