"""Files on a host through its file server: SFTP version 3, many requests under way, every reply looked at."""

from pssh.ops.sftp.client import Sftp
from pssh.ops.sftp.packets import Attributes, Flags, Name, Space
from pssh.ops.sftp.refused import Refused

__all__ = ["Attributes", "Flags", "Name", "Refused", "Sftp", "Space"]
