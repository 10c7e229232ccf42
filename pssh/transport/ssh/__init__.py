"""SSH: paramiko's protocol code driven from asyncio, and OpenSSH's files read with OpenSSH's meaning."""
