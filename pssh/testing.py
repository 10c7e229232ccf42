"""What helps to test code that uses this package: sessions and a transport that answer from a script."""

from pssh.transport.scripted import ScriptedSession, ScriptedTransport

__all__ = ["ScriptedSession", "ScriptedTransport"]
